"""Every test runs in a home of its own, without keys, and can reach nothing but this machine."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlwright.core.environments import PlatformOptions
from mlwright.core.workspace import Workspace
from mlwright.deploy.image import pins
from mlwright.testing.base_image import base_image, podman_settings


@pytest.fixture(scope="session")
def seed_rag_config() -> str:
    """The configuration of a service for answers that the workflow's commands are given."""
    return """\
vector_db:
  type: pinecone
  index_name: knowledge-base
  dimension: 1536
  metric: cosine

embedding:
  provider: openai
  model: text-embedding-ada-002

llm:
  provider: anthropic
  model: claude-3-sonnet-20240229
  temperature: 0.7
  max_tokens: 1000
"""


@pytest.fixture(scope="session")
def tiny_transformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer that knows the words w0 to w59; needs PyTorch and transformers."""
    for name in ("torch", "transformers", "onnxscript"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    from mlwright.testing.tiny_transformer import write_tiny_transformer

    folder = tmp_path_factory.mktemp("base") / "tiny"
    return write_tiny_transformer(folder, [f"w{number}" for number in range(60)])


@pytest.fixture(scope="session")
def _container_base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    for tool in ("podman", "runc"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed: apt-get install podman buildah runc")
    folder = tmp_path_factory.mktemp("podman")
    settings = podman_settings(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        packages = [pin.partition("==")[0] for pin in pins(["mlwright"])]
        base = "localhost/mlwright-test-base:1"
        try:
            base_image("podman", base, packages=packages)
            started = ["podman", "run", "--rm", "--network", "none", base, "python", "-c", ""]
            subprocess.run(started, check=True, capture_output=True, timeout=60)
        except (subprocess.SubprocessError, OSError) as exc:
            pytest.skip(f"no container can be run here: {exc}")
        yield {**settings, "BASE": base}
        subprocess.run(["podman", "rmi", "--all", "--force"], check=False, capture_output=True)


@pytest.fixture
def containers(_container_base: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> PlatformOptions:
    """What makes the docker target use podman, and a base image that needs no network."""
    found = dict(_container_base)
    base = found.pop("BASE")
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return PlatformOptions(engine="podman", base=base)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(home))
    for name in list(os.environ):
        if name.startswith(("MLFLOW_", "AWS_", "MLWRIGHT_")) or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not _local(str(address[0])):
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def _local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis server of this session's own, with data of whoever asked before."""
    redis = pytest.importorskip("redis", reason="redis is not installed")
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    folder = str(tmp_path_factory.mktemp("redis"))
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", folder]
    process = subprocess.Popen([*command, "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL)
    try:
        from redis.backoff import ConstantBackoff
        from redis.retry import Retry

        client = redis.Redis(port=port, retry=Retry(ConstantBackoff(0.05), 100))
        client.ping()
        client.close()
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    return Workspace.create(tmp_path / "ws")
