"""Keys, TLS and the size of requests, of an environment whose settings ask for them."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from mlwright.core.errors import ConfigError
from mlwright.core.workspace import Workspace
from mlwright.deploy import processes, release
from mlwright.deploy.status import supervisor_file
from mlwright.serve.client import Client

BODY = b'{"records":[{"x":1.0}]}'


def write(workspace: Workspace, **settings: object) -> None:
    text = json.dumps({"environments": {"production": settings}})
    (workspace.root / "mlwright.yaml").write_text(text)


def ask(url: str, body: bytes = BODY, key: str = "") -> int:
    async def one() -> int:
        async with Client(url) as client:
            headers = {"x-api-key": key} if key else {}
            return (await client.request("POST", "/predict", body, headers)).status

    return asyncio.run(one())


def test_keys_and_the_size_of_requests_hold_for_every_worker_as_long_as_it_runs(
    workspace: Workspace, publish: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    publish(slope=0.2)
    write(workspace, api_keys=["env:CALLERS_KEY"], max_body=1)
    with pytest.raises(ConfigError) as caught:
        release.deploy(workspace, "tiny:1", "production")
    assert str(caught.value) == "the environment variable CALLERS_KEY is not set"
    assert release.environments(workspace) == []

    monkeypatch.setenv("CALLERS_KEY", "open sesame")
    url = release.deploy(workspace, "tiny:1", "production").url
    assert url
    big = b'{"records":[' + b" " * 1_100_000 + b"]}"
    assert (ask(url), ask(url, key="wrong"), ask(url, key="open sesame")) == (401, 401, 200)
    assert ask(url, big, "open sesame") == 413

    write(workspace)  # it holds until the environment is stopped
    workspace = Workspace(workspace.root)
    said = release.plan(workspace, "tiny:2", "production").change
    assert said[-1] == (
        "keys, TLS, size of requests: as in mlwright.yaml once production is stopped and "
        "deployed again"
    )
    canary = {"strategy": "canary", "canary_percentage": 50, "detach": True}
    release.deploy(workspace, "tiny:2", "production", **canary)  # type: ignore[arg-type]
    assert processes.wait_until(
        lambda: release.status(workspace, "production").outcome == "rolling", 20
    )
    assert {ask(url) for _ in range(10)} == {401}
    assert {ask(url, key="open sesame") for _ in range(10)} == {200}
    release.rollback(workspace, "production")
    release.stop(workspace, "production")
    assert processes.living(supervisor_file(workspace.environment("production"))) is None
    url = release.deploy(workspace, "tiny:1", "production").url
    assert url
    assert ask(url) == 200


def test_an_environment_answers_over_tls(workspace: Workspace, publish: Callable[..., int]) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate, and is not here")
    publish()
    write(workspace, tls={"certificate": "here.pem", "key": "here.key"})
    with pytest.raises(ConfigError, match="are no certificate and key for TLS"):
        release.deploy(workspace, "tiny:1", "production")
    certificate = _certificate(workspace.root)
    url = release.deploy(workspace, "tiny:1", "production").url
    assert url
    assert url.startswith("https://127.0.0.1:")
    trusting = ssl.create_default_context(cafile=str(certificate))
    request = urllib.request.Request(f"{url}/predict", BODY, {"content-type": "application/json"})
    with urllib.request.urlopen(request, context=trusting) as answer:
        assert answer.status == 200
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        urllib.request.urlopen(url.replace("https", "http"), timeout=5)


def _certificate(folder: Path) -> Path:
    path, key = folder / "here.pem", folder / "here.key"
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    name = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    command = ["openssl", "req", "-x509", *kind, "-keyout", key, "-out", path, "-days", "2", *name]
    subprocess.run(command, check=True, capture_output=True)
    return path
