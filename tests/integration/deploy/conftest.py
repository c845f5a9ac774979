"""Real environments: bundles that work and bundles that fail, and traffic that keeps count."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from mlwright.bundle import manifest
from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import RemoteError
from mlwright.core.workspace import Workspace
from mlwright.deploy import release
from mlwright.serve.client import Client
from mlwright.testing.target import sample_bundle
from mlwright.track import models

BOUND = 6.0


def broken_bundle(bundles: Path) -> Bundle:
    """A model whose graph reads outside of a table when x is above 6; its samples are not."""
    good = sample_bundle(bundles)
    facts = {**good.facts, "model": "model.onnx", "runtime": "onnx"}
    files = {name: data for name, data in good.files.items() if name != good.facts["model"]}
    return _sealed(bundles, {**files, "model.onnx": _graph()}, facts)


def slow_bundle(bundles: Path, *, rounds: int = 40, size: int = 600) -> Bundle:
    """A model that computes for some milliseconds a row, whose samples are those of a fast one."""
    good = sample_bundle(bundles)
    facts = {**good.facts, "model": "model.onnx", "runtime": "onnx"}
    files = {name: data for name, data in good.files.items() if name != good.facts["model"]}
    return _sealed(bundles, {**files, "model.onnx": _busy_graph(rounds, size)}, facts)


def lying_bundle(bundles: Path) -> Bundle:
    """A model whose stored predictions are those of another one."""
    one, other = (sample_bundle(bundles, slope=slope) for slope in (0.3, 0.9))
    return _sealed(bundles, {**one.files, "samples.json": other.files["samples.json"]}, one.facts)


def _sealed(bundles: Path, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> Bundle:
    known = {key: value for key, value in facts.items() if key not in ("format", "files")}
    contents = {k: v for k, v in files.items() if k not in (manifest.MANIFEST, manifest.SEAL)}
    sealed = manifest.seal(contents, known)
    folder = bundles / sealed[manifest.SEAL].decode().strip()
    folder.mkdir()
    for name, data in sealed.items():
        (folder / name).write_bytes(data)
    return Bundle.open(folder)


def _graph() -> bytes:
    constants = {"slope": [0.1], "bound": [BOUND], "table": [0.0]}
    nodes = [
        helper.make_node("Squeeze", ["x", "axis"], ["flat"]),
        helper.make_node("Greater", ["flat", "bound"], ["over"]),
        helper.make_node("Cast", ["over"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["zero"]),
        helper.make_node("Mul", ["flat", "slope"], ["line"]),
        helper.make_node("Add", ["line", "zero"], ["sum"]),
        helper.make_node("Sigmoid", ["sum"], ["scores"]),
    ]
    tensors = [
        helper.make_tensor(name, TensorProto.DOUBLE, [1], values)
        for name, values in constants.items()
    ]
    tensors.append(helper.make_tensor("axis", TensorProto.INT64, [1], [1]))
    graph = helper.make_graph(
        nodes,
        "fails",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [None, 1])],
        [helper.make_tensor_value_info("scores", TensorProto.DOUBLE, [None])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _busy_graph(rounds: int, size: int) -> bytes:
    matrix = helper.make_tensor("w", TensorProto.DOUBLE, [size, size], [0.0] * size * size)
    tensors = [matrix, helper.make_tensor("slope", TensorProto.DOUBLE, [1, 1], [0.1])]
    tensors.append(helper.make_tensor("row", TensorProto.DOUBLE, [1, size], [1.0] * size))
    tensors.append(helper.make_tensor("axis", TensorProto.INT64, [1], [1]))
    nodes = [helper.make_node("Mul", ["x", "row"], ["m0"])]
    nodes += [helper.make_node("MatMul", [f"m{i}", "w"], [f"m{i + 1}"]) for i in range(rounds)]
    nodes += [
        helper.make_node("ReduceSum", [f"m{rounds}", "axis"], ["zero"], keepdims=0),
        helper.make_node("Mul", ["x", "slope"], ["steep"]),
        helper.make_node("Squeeze", ["steep", "axis"], ["line"]),
        helper.make_node("Add", ["line", "zero"], ["sum"]),
        helper.make_node("Sigmoid", ["sum"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "busy",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [None, 1])],
        [helper.make_tensor_value_info("scores", TensorProto.DOUBLE, [None])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model.SerializeToString()


@pytest.fixture
def publish(workspace: Workspace) -> Callable[..., int]:
    """Register a version of the model `tiny`: one that works, fails in use, or fails its test."""

    def one(
        *, slope: float = 0.1, broken: bool = False, lying: bool = False, slow: bool = False
    ) -> int:
        folder = workspace.bundles
        made = broken_bundle(folder) if broken else lying_bundle(folder) if lying else None
        made = slow_bundle(folder) if slow else made
        made = made or sample_bundle(folder, slope=slope)
        return models.register(workspace, "tiny", made).version

    return one


@pytest.fixture(autouse=True)
def _nothing_left(workspace: Workspace) -> Iterator[None]:
    yield
    release.stop_all(workspace)
    assert processes_of(workspace) == []


def processes_of(workspace: Workspace) -> list[str]:
    """The command lines of every process that belongs to a workspace."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if " -m mlwright." in line and str(workspace.root) in line:
            found.append(line)
    return found


@dataclass
class Answer:
    status: int
    version: str
    request_id: str


@dataclass
class Traffic:
    """Requests with x from -10 to 10 from several connections, until the end of the block."""

    url: str
    keys: int = 100_000
    connections: int = 4
    pause: float = 0.0
    answers: list[Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Traffic:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _all(self) -> None:
        await asyncio.gather(*(self._one(seed) for seed in range(self.connections)))

    async def _one(self, seed: int) -> None:
        rng = random.Random(seed)
        async with Client(self.url) as client:
            while not self._stop.is_set():
                body = json.dumps({"records": [{"x": rng.uniform(-10, 10)}]}).encode()
                headers = {"x-routing-key": f"k{rng.randrange(self.keys)}"}
                try:
                    got = await client.request("POST", "/predict", body, headers)
                except RemoteError as exc:
                    self.failures.append(str(exc))
                else:
                    version = got.headers.get("x-model-version", "")
                    request_id = got.headers.get("x-request-id", "")
                    self.answers.append(Answer(got.status, version, request_id))
                await asyncio.sleep(self.pause)


@pytest.fixture
def traffic() -> type[Traffic]:
    return Traffic


@pytest.fixture
def left(workspace: Workspace) -> Callable[[], list[str]]:
    return lambda: processes_of(workspace)
