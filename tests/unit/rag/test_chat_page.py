"""The page to try an index on: open, closed to all that is not its own, and safe from names."""

from __future__ import annotations

import base64
import hashlib
import re

import httpx

from mlwright.rag.answer import Answerer
from mlwright.rag.application import Parts, RagApplication
from mlwright.rag.chat_page import chat_page

from .answer_fakes import Finder, hosted


def test_the_policy_lets_nothing_run_but_the_page_s_own_script():
    answer = chat_page("kb:3")
    text = answer.body.decode()
    policy = dict(answer.headers)[b"content-security-policy"].decode()
    for tag in ("script", "style"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy


def test_the_page_loads_nothing_from_elsewhere_and_writes_no_markup():
    text = chat_page("kb:3").body.decode()
    assert not re.findall(r"(?:src|href)=[\"'](?:https?:)?//", text)
    assert "innerHTML" not in text
    assert not re.findall(r"\son\w+=\"", text)  # handlers in markup would not run anyway
    assert not re.findall(r"\sstyle=", text)
    assert "$" + "title" not in text


def test_a_name_is_text():
    text = chat_page("<b>$x</b>").body.decode()
    assert "<title>&lt;b&gt;$x&lt;/b&gt;</title>" in text
    assert "<b>$x" not in text


def test_pages_are_open_where_answers_want_a_key(tmp_path):
    parts = Parts("kb", 3, Answerer(Finder()), "index-1", tmp_path / "log")
    with hosted(lambda: RagApplication(parts), tmp_path / "log", keys=["one"]) as url:
        pages = {path: httpx.get(f"{url}/{path}") for path in ("", "docs", "openapi.json")}
        asked = {
            path: httpx.post(f"{url}/{path}", json={}).status_code
            for path in ("query", "retrieve", "v1/chat/completions", "feedback")
        }
        listed = httpx.get(f"{url}/v1/models").status_code
    assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(pages, 200)
    assert pages[""].headers["content-type"] == "text/html; charset=utf-8"
    assert "kb:3" in pages[""].text
    assert pages["openapi.json"].json()["info"]["title"] == "kb"
    assert set(asked.values()) == {401}
    assert listed == 401
