from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mlwright.bundle.plan import NumberStep
from mlwright.core.signature import Column

from .conftest import Host, bundle_of

jsonschema_rs = pytest.importorskip("jsonschema_rs", reason="comes with schemathesis")


def resolved(document, schema):
    return {**schema, "components": document["components"]}


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_example_is_answered_and_every_answer_fits(hosts, task):
    host = hosts(task)
    document = host.ask("/openapi.json").value
    assert document["openapi"] == "3.1.0"
    posts = 0
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            if path.startswith("/health/"):
                continue  # the server's own
            body = None
            if method == "post":
                posts += 1
                media = about["requestBody"]["content"]["application/json"]
                body = media["example"]
                assert jsonschema_rs.is_valid(resolved(document, media["schema"]), body), path
            answer = host.ask(path, body, method=method.upper())
            assert answer.status == 200, (path, answer.body)
            content = about["responses"]["200"]["content"]
            assert answer.content_type in content
            if answer.content_type == "application/json":
                schema = content["application/json"]["schema"]
                assert jsonschema_rs.is_valid(resolved(document, schema), answer.value), path
    assert posts == 6


def test_every_route_is_described(host):
    described = {
        (method.upper(), path)
        for path, methods in host.ask("/openapi.json").value["paths"].items()
        for method in methods
    }
    pages = {("GET", "/docs"), ("GET", "/openapi.json")}
    health = {("GET", "/health/live"), ("GET", "/health/ready")}
    assert set(host.doors) - pages == described - health


def test_a_refusal_fits_its_description(host):
    document = host.ask("/openapi.json").value
    for path, methods in document["paths"].items():
        if "post" in methods:
            answer = host.ask(path, b"{")
            schema = methods["post"]["responses"]["400"]["content"]["application/json"]["schema"]
            assert answer.status == 400
            assert jsonschema_rs.is_valid(resolved(document, schema), answer.value), path


def test_the_page_needs_nothing_from_elsewhere(host):
    answer = host.ask("/docs")
    page = answer.body.decode()
    assert answer.content_type == "text/html; charset=utf-8"
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    text = re.search(r'id="document">(.*?)</script>', page, re.DOTALL)
    assert text is not None
    assert json.loads(text[1]) == host.ask("/openapi.json").value


def test_a_columns_name_is_no_markup(tmp_path: Path):
    name = "</script><script>alert(1)</script>"
    bundle = bundle_of(
        tmp_path,
        (Column(name, "number"),),
        (NumberStep(name, 0.0),),
        {name: np.linspace(0, 1, 20)},
        "regression",
        (),
        [{name: 1.0}],
    )
    host = Host(bundle)
    assert "<script>alert" not in host.ask("/docs").body.decode()
    assert name in host.ask("/openapi.json").value["components"]["schemas"]["Row"]["properties"]
    assert host.ask("/predict", {"records": [{name: 1.0}]}).status == 200
