"""A small linear bundle, and a worker's handler in this process without sockets."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.plan import NumberStep, OneHotStep, Plan
from mlwright.bundle.sources import LinearSource
from mlwright.bundle.write import Draft, write
from mlwright.core.signature import Column, Signature, Task
from mlwright.profile.make import profile
from mlwright.serve import complaints
from mlwright.serve.answers import Answer
from mlwright.serve.contracts.described import Subject
from mlwright.serve.contracts.plain import Plain
from mlwright.serve.gate import Gate
from mlwright.serve.handler import Handler
from mlwright.serve.journal import Journal
from mlwright.serve.metrics import Metrics
from mlwright.serve.privacy import Keep
from mlwright.serve.router import Router
from mlwright.serve.sides import Side, reading
from mlwright.serve.tabular import Tabular
from mlwright.serve.wire import Request

INPUTS = (
    Column("tenure", "number"),
    Column("charges", "number", nullable=True),
    Column("contract", "category"),
)
PLAN = Plan(
    (NumberStep("tenure", 0.0), NumberStep("charges", 0.0), OneHotStep("contract", ("m", "y")))
)
ROW = {"tenure": 3, "charges": None, "contract": "y"}
CLASSES = {"binary": ("No", "Yes"), "multiclass": ("a", "b", "c"), "regression": ()}
LINKS = {"binary": "logistic", "multiclass": "softmax", "regression": "identity"}


def make_bundle(folder: Path, *, task: Task = "binary", scale: float = 1.0) -> Bundle:
    rng = np.random.default_rng(0)
    signature = Signature(INPUTS, task, "churn", CLASSES[task])
    columns = {
        "tenure": rng.uniform(0, 70, 50),
        "charges": rng.uniform(0, 100, 50),
        "contract": rng.choice(np.array(["m", "y"], object), 50),
    }
    weights = np.array([-0.05, 0.02, 1.0, -1.0]) * scale
    many = task == "multiclass"
    source = LinearSource(
        np.stack([weights, 2 * weights, -weights]) if many else weights,
        np.zeros(3) if many else 0.0,
        LINKS[task],
    )
    return write(
        Draft(
            name="churn",
            signature=signature,
            plan=PLAN,
            source=source,
            algorithm="linear",
            profile=profile(columns, signature),
            card="# churn",
            check_columns=columns,
            samples=[ROW, {"tenure": 60, "charges": 20.5, "contract": "m"}],
            threshold=0.4 if task == "binary" else None,
        ),
        folder,
    )


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Bundle]:
    folder = tmp_path_factory.mktemp("bundles")
    return lambda **options: make_bundle(folder, **options)


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)


@dataclass
class Here:
    """A handler with its sides, its log folder, and a way to send it a request."""

    handler: Handler
    metrics: Metrics
    log: Path
    public: Side
    private: Side

    def lines(self, stem: str = "predictions") -> list[dict[str, Any]]:
        files = sorted(self.log.glob(f"{stem}-*.jsonl"))
        return [json.loads(text) for file in files for text in file.read_text().splitlines()]

    async def ask(
        self,
        path: str = "/predict",
        body: bytes | Any = b"",
        *,
        method: str = "POST",
        headers: dict[str, str] | None = None,
        private: bool = False,
        on_start: Callable[[], None] = lambda: None,
    ) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        pairs = {k.lower().encode(): v.encode() for k, v in (headers or {}).items()}
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def send(_request: Request, answer: Answer) -> None:
            on_start()
            answered.set_result(answer)

        request = Request(send, method, path.encode(), pairs, data, "1.1", True)
        (self.private if private else self.public).take(request)
        answer = await answered
        shown = {k.decode(): v.decode() for k, v in answer.headers}
        return Reply(answer.status, shown, answer.body)

    def one(self, *args: Any, **options: Any) -> Reply:
        return asyncio.run(self.ask(*args, **options))


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(complaints, "_said", {})


@pytest.fixture
def make(bundles: Callable[..., Bundle], tmp_path: Path) -> Callable[..., Here]:
    def build(
        *,
        version: int = 1,
        journal: Any = None,
        keys: Sequence[str] = (),
        keep: Keep | None = None,
        **options: Any,
    ) -> Here:
        metrics = Metrics()
        bundle = bundles(**options)
        plain = Plain(Subject("churn", version, bundle.signature, [ROW], {}))
        model = Tabular(bundle, "churn", version, contracts=[plain], keep=keep)
        log = tmp_path / "log"
        handler = Handler(model, journal or Journal(log), Router(), metrics, Gate(keys))
        doors = {**model.doors(), **reading(handler, lambda: metrics.snapshot().text())}
        return Here(
            handler,
            metrics,
            log,
            Side(handler, doors, limit=1000),
            Side(handler, doors, limit=1000, private=True),
        )

    return build


@pytest.fixture
def here(make: Callable[..., Here]) -> Here:
    return make()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for 127.0.0.1 and its key, as files."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate, and is not here")
    folder = tmp_path_factory.mktemp("tls")
    path, key = str(folder / "cert.pem"), str(folder / "key.pem")
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    name = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", *kind, "-keyout", key, "-out", path, "-days", "2", *name]
    subprocess.run(command, check=True, capture_output=True)
    return path, key
