"""A small linear bundle, and a worker's handler in this process without sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
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
from mlwright.serve.handler import Handler
from mlwright.serve.journal import Journal
from mlwright.serve.metrics import Metrics
from mlwright.serve.router import Router
from mlwright.serve.tabular import Tabular

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
    """A handler, its log folder, and a way to send it a request."""

    handler: Handler
    metrics: Metrics
    log: Path
    sent: list[dict[str, Any]] = field(default_factory=list)

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
        pairs = [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()]
        parts: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": data, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                on_start()
            parts.append(message)

        app = self.handler.private if private else self.handler.public
        await app({"type": "http", "method": method, "path": path, "headers": pairs}, receive, send)
        shown = {k.decode(): v.decode() for k, v in parts[0]["headers"]}
        assert int(shown["content-length"]) == len(parts[1]["body"])
        return Reply(parts[0]["status"], shown, parts[1]["body"])

    def one(self, *args: Any, **options: Any) -> Reply:
        return asyncio.run(self.ask(*args, **options))


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(complaints, "_said", {})


@pytest.fixture
def make(bundles: Callable[..., Bundle], tmp_path: Path) -> Callable[..., Here]:
    def build(*, version: int = 1, journal: Any = None, **options: Any) -> Here:
        metrics = Metrics()
        model = Tabular(bundles(**options), "churn", version, metrics)
        log = tmp_path / "log"
        return Here(Handler(model, journal or Journal(log), Router(), metrics), metrics, log)

    return build


@pytest.fixture
def here(make: Callable[..., Here]) -> Here:
    return make()
