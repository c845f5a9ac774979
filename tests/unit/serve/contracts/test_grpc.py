from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mlwright.core.errors import Busy
from mlwright.serve.gate import Gate
from mlwright.serve.handler import Handler
from mlwright.serve.journal import Journal
from mlwright.serve.metrics import Metrics
from mlwright.serve.router import Router
from mlwright.serve.sides import Side
from mlwright.serve.standalone import reserve

from .conftest import NAMES, ROW, ROWS, Host

grpc = pytest.importorskip("grpc", reason="grpcio is not installed")
pytest.importorskip("google.protobuf", reason="protobuf is not installed")

from mlwright.serve.grpc_messages import MESSAGES, SERVICE  # noqa: E402
from mlwright.serve.grpc_server import GrpcServer  # noqa: E402

CONTENTS = {
    "tenure": ("FP64", "fp64_contents"),
    "charges": ("FP32", "fp32_contents"),
    "contract": ("BYTES", "bytes_contents"),
    "paperless": ("BOOL", "bool_contents"),
}
Ask = Callable[..., Awaitable[Any]]


def request(rows=ROWS, **more):
    found = MESSAGES["ModelInferRequest"](model_name="churn", **more)
    for name in NAMES:
        datatype, field = CONTENTS[name]
        values = [row[name] for row in rows]
        values = [float("nan") if each is None else each for each in values]
        values = [each.encode() if isinstance(each, str) else each for each in values]
        contents = MESSAGES["InferTensorContents"](**{field: values})
        found.inputs.add(name=name, datatype=datatype, shape=[len(rows)], contents=contents)
    return found


def called(host: Host, log: Path, do: Callable[[Ask], Awaitable[None]], **options: Any) -> None:
    """Run a server and a client for as long as `do` takes."""

    async def go() -> None:
        journal = Journal(log)
        handler = Handler(host.model, journal, Router(), Metrics(), Gate(options.get("keys", ())))
        with reserve("127.0.0.1", 0) as kept:
            address = f"127.0.0.1:{kept.getsockname()[1]}"
            side = Side(handler, host.doors, limit=10_000)
            server = GrpcServer(side, address, most=options.get("most", 1024))
            await server.start()
            try:
                async with grpc.aio.insecure_channel(address) as channel:

                    async def ask(name: str, message: Any, **how: Any) -> Any:
                        method = channel.unary_unary(
                            f"/{SERVICE}/{name}",
                            request_serializer=MESSAGES[f"{name}Request"].SerializeToString,
                            response_deserializer=MESSAGES[f"{name}Response"].FromString,
                        )
                        return await method(message, timeout=10, **how)

                    await do(ask)
            finally:
                await server.stop(grace=0)
                handler.close()
                journal.close()

    asyncio.run(go())


async def refused(answer: Awaitable[Any]) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await answer
    return caught.value.code().name, caught.value.details()


def test_contents_that_are_not_raw_and_the_log(host, tmp_path):
    async def do(ask: Ask) -> None:
        metadata = (("x-request-id", "mine"),)
        answer = await ask("ModelInfer", request(id="7"), metadata=metadata)
        assert (answer.id, answer.model_name, answer.model_version) == ("7", "churn", "3")
        assert [each.name for each in answer.outputs] == ["prediction", "probability"]
        assert len(answer.raw_output_contents[1]) == 16

    called(host, tmp_path, do)
    (log,) = tmp_path.glob("predictions-*.jsonl")
    assert [each.split('"')[5] for each in log.read_text().splitlines()] == ["mine-0", "mine-1"]


def test_what_is_wrong_has_a_code_and_a_reason(host, tmp_path):
    wrong = request()
    wrong.inputs[2].contents.bytes_contents[0] = b"\xff"
    half = request()
    half.inputs[0].datatype = "FP16"
    odd = request([ROW])
    odd.raw_input_contents.append(b"1")
    many = request(ROWS * 800)
    cases = [
        (wrong, "INVALID_ARGUMENT", "contract: holds a text that is not UTF-8"),
        (
            half,
            "INVALID_ARGUMENT",
            "tenure: this datatype stands in raw_input_contents alone",
        ),
        (odd, "INVALID_ARGUMENT", "raw_input_contents must have one element a tensor"),
        (
            MESSAGES["ModelInferRequest"](model_name="churn", model_version="9"),
            "NOT_FOUND",
            "this server has no such model in such a version",
        ),
        (
            MESSAGES["ModelInferRequest"](model_name="churn"),
            "INVALID_ARGUMENT",
            "inputs: holds no tensor",
        ),
    ]

    async def do(ask: Ask) -> None:
        for message, code, text in cases:
            assert await refused(ask("ModelInfer", message)) == (code, text)
        assert (await refused(ask("ModelInfer", many)))[0] == "RESOURCE_EXHAUSTED"
        name = MESSAGES["ModelReadyRequest"](name="nobody")
        assert (await refused(ask("ModelReady", name)))[0] == "NOT_FOUND"

    called(host, tmp_path, do)


def test_keys_are_asked_for_but_not_by_health(host, tmp_path):
    async def do(ask: Ask) -> None:
        assert (await ask("ServerLive", MESSAGES["ServerLiveRequest"]())).live
        assert (await ask("ServerReady", MESSAGES["ServerReadyRequest"]())).ready
        assert (await refused(ask("ModelInfer", request())))[0] == "UNAUTHENTICATED"
        metadata = (("authorization", "Bearer s3cret"),)
        assert (await ask("ModelInfer", request(), metadata=metadata)).outputs
        about = await ask(
            "ModelMetadata", MESSAGES["ModelMetadataRequest"](name="churn"), metadata=metadata
        )
        assert [each.name for each in about.inputs] == NAMES

    called(host, tmp_path, do, keys=["s3cret"])


def test_calls_beyond_the_most_are_refused(host, tmp_path, monkeypatch):
    held = asyncio.Event()
    real = GrpcServer._ask

    async def slow(*given: Any) -> Any:
        await held.wait()
        return await real(*given)

    monkeypatch.setattr(GrpcServer, "_ask", slow)

    async def do(ask: Ask) -> None:
        calls = [asyncio.ensure_future(ask("ModelInfer", request())) for _ in range(3)]
        (first,), others = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        assert (await refused(first))[0] == "RESOURCE_EXHAUSTED"
        held.set()
        assert [bool((await each).outputs) for each in others] == [True, True]

    called(host, tmp_path, do, most=2)


def test_a_port_that_is_taken(host, tmp_path):
    with reserve("127.0.0.1", 0) as kept:
        kept.listen()
        port = kept.getsockname()[1]
        with pytest.raises(Busy) as caught:
            reserve("127.0.0.1", port)
    assert str(caught.value) == f"port {port} of 127.0.0.1 is in use by another process"


def test_the_messages_are_those_of_tritons_client():
    theirs = pytest.importorskip("tritonclient.grpc.service_pb2").DESCRIPTOR
    known = dict(theirs.message_types_by_name)
    for message in list(known.values()):
        known.update({each.name: each for each in message.nested_types})

    def fields(message: Any) -> set[tuple[Any, ...]]:
        return {(each.name, each.number, each.type, each.is_repeated) for each in message.fields}

    for name, message in MESSAGES.items():
        assert fields(message.DESCRIPTOR) == fields(known[name]), name
