"""All contracts around a small model, asked as the server asks them, without a server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.plan import BooleanStep, NumberStep, OneHotStep, Plan
from mlwright.bundle.sources import LinearSource
from mlwright.bundle.write import Draft, write
from mlwright.core.signature import Column, Signature, Task
from mlwright.profile.make import profile
from mlwright.serve.answers import Answer, Refused
from mlwright.serve.application import Call, Reply, Work
from mlwright.serve.contracts import contracts
from mlwright.serve.tabular import Tabular

ROW: dict[str, Any] = {"tenure": 3.5, "charges": None, "contract": "y", "paperless": True}
OTHER: dict[str, Any] = {"tenure": 60, "charges": 20.5, "contract": "m", "paperless": False}
ROWS = [ROW, OTHER]
NAMES = list(ROW)
CLASSES: dict[str, tuple[Any, ...]] = {
    "binary": ("No", "Yes"),
    "multiclass": ("a", "b", "c"),
    "regression": (),
}
LINKS: dict[str, Any] = {
    "binary": "logistic",
    "multiclass": "softmax",
    "regression": "identity",
}


def mixed(folder: Path, task: Task = "binary", classes: tuple[Any, ...] | None = None) -> Bundle:
    inputs = (
        Column("tenure", "number"),
        Column("charges", "number", nullable=True),
        Column("contract", "category"),
        Column("paperless", "boolean"),
    )
    steps = (
        NumberStep("tenure", 0.0),
        NumberStep("charges", 0.0),
        OneHotStep("contract", ("m", "y")),
        BooleanStep("paperless", 0.0),
    )
    rng = np.random.default_rng(0)
    columns = {
        "tenure": rng.uniform(0, 70, 50),
        "charges": rng.uniform(0, 100, 50),
        "contract": rng.choice(np.array(["m", "y"], object), 50),
        "paperless": rng.integers(0, 2, 50).astype(float),
    }
    return bundle_of(folder, inputs, steps, columns, task, classes or CLASSES[task], ROWS)


def numeric(folder: Path, width: int = 3) -> Bundle:
    names = [f"x{place}" for place in range(width)]
    columns = {name: np.linspace(0, 1, 20) for name in names}
    return bundle_of(
        folder,
        tuple(Column(name, "number", nullable=True) for name in names),
        tuple(NumberStep(name, 0.0) for name in names),
        columns,
        "binary",
        (0, 1),
        [dict.fromkeys(names, 0.5)],
    )


def bundle_of(
    folder: Path,
    inputs: tuple[Column, ...],
    steps: tuple[Any, ...],
    columns: dict[str, Any],
    task: Task,
    classes: tuple[Any, ...],
    samples: list[dict[str, Any]],
) -> Bundle:
    signature = Signature(inputs, task, "churn", classes)
    plan = Plan(steps)
    weights = np.linspace(-0.05, 0.05, len(plan.features))
    many = task == "multiclass"
    source = LinearSource(
        np.stack([weights, 2 * weights, -weights]) if many else weights,
        np.zeros(3) if many else 0.0,
        LINKS[task],
    )
    draft = Draft(
        name="churn",
        signature=signature,
        plan=plan,
        source=source,
        algorithm="linear",
        profile=profile(columns, signature),
        card="",
        check_columns=columns,
        samples=samples,
        threshold=0.5 if task == "binary" else None,
    )
    return write(draft, folder)


class Asked:
    """An answer, read."""

    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.body = answer.body
        self.content_type = answer.content_type.decode()
        self.headers = {name.decode(): value.decode() for name, value in answer.headers}

    @property
    def value(self) -> Any:
        return json.loads(self.body)


class Host:
    """A bundle with all contracts."""

    def __init__(self, bundle: Bundle, environment: Mapping[str, str] | None = None) -> None:
        self.signature = bundle.signature
        self.bundle = bundle
        self.contracts = contracts(
            "churn", 3, bundle.signature, samples=bundle.samples, environment=environment or {}
        )
        self.model = Tabular(bundle, "churn", 3, contracts=self.contracts)
        self.doors = self.model.doors()

    def scores(self, rows: list[dict[str, Any]]) -> list[Any]:
        return self.bundle.model().predict_rows(rows).scores.tolist()

    def ask(
        self,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> Asked:
        """Send a request; a body of bytes goes as it is, another as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        path, _, query = path.partition("?")
        given = {name.lower().encode(): text.encode() for name, text in (headers or {}).items()}
        verb = method or ("GET" if body is None else "POST")
        now = time.perf_counter()
        call = Call(verb, path, query, given, b"" if body is None else data, "r", None, now, "test")
        door = self.doors[verb, path]
        try:
            found: Any = door.route(call)
            if isinstance(found, Work):
                found = self.model.work([(call, found)])[0]
        except Refused as refused:
            found = refused
        if isinstance(found, Refused):
            found = door.refusal(found)
        return Asked(found.answer if isinstance(found, Reply) else found)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="session")
def hosts(folder: Path) -> Callable[..., Host]:
    made: dict[Any, Host] = {}

    def host(
        task: Task = "binary",
        classes: tuple[Any, ...] | None = None,
        environment: dict[str, str] | None = None,
    ) -> Host:
        key = (task, repr(classes), tuple((environment or {}).items()))
        if key not in made:
            made[key] = Host(mixed(folder, task, classes), environment)
        return made[key]

    return host


@pytest.fixture(scope="session")
def host(hosts: Callable[..., Host]) -> Host:
    return hosts()


@pytest.fixture(scope="session")
def numbers(folder: Path) -> Host:
    return Host(numeric(folder))
