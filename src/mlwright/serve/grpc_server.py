"""The Open Inference Protocol over gRPC: the same doors, limits, batches and log as over HTTP.

A call becomes the request that the REST contract reads, with its tensors as bytes, so that whatever
holds for HTTP (keys, the queue, a rollout's share, the prediction log) holds here.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import grpc
import msgspec

from mlwright.core.errors import Busy

from .answers import Answer
from .contracts.v2 import LENGTH
from .gate import QUEUE
from .grpc_messages import MESSAGES, SERVICE
from .sides import Side
from .spec import Tls
from .wire import Request

_STATUS = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_CONTENTS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "INT64": "int64_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
_HEADER = re.compile(r"[a-z0-9_.-]+")
_INFER_HEADERS = {b"content-type": b"application/octet-stream"}


class GrpcServer:
    """Serves the doors of a side over gRPC; other workers may listen on the same address.

    Calls beyond `most` at a time, and messages larger than the side's limit, are refused as
    RESOURCE_EXHAUSTED.
    """

    def __init__(
        self, side: Side, address: str, *, tls: Tls | None = None, most: int = QUEUE
    ) -> None:
        self._side = side
        self._address = address
        self._tls = tls
        self._most = most
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Take calls.

        Raises:
            Busy: the port is taken.
        """
        limit = self._side.limit
        options = [("grpc.max_receive_message_length", limit), ("grpc.so_reuseport", 1)]
        server = grpc.aio.server(options=options, maximum_concurrent_rpcs=self._most)
        server.add_generic_rpc_handlers((self._handlers(),))
        try:
            if self._tls is None:
                server.add_insecure_port(self._address)
            else:
                server.add_secure_port(self._address, _credentials(self._tls))
        except RuntimeError:
            hint = "choose another with --grpc-port"
            raise Busy(f"{self._address} cannot be listened on for gRPC", hint=hint) from None
        await server.start()
        self._server = server

    async def stop(self, *, grace: float) -> None:
        """Take no new calls, and give those under way `grace` seconds."""
        if self._server is not None:
            await self._server.stop(grace)

    def _handlers(self) -> grpc.GenericRpcHandler:
        methods = {
            "ServerLive": self._server_live,
            "ServerReady": self._server_ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server_metadata,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._infer,
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                method,
                request_deserializer=MESSAGES[f"{name}Request"].FromString,
                response_serializer=MESSAGES[f"{name}Response"].SerializeToString,
            )
            for name, method in methods.items()
        }
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    async def _server_live(self, _: Any, context: Any) -> Any:
        return MESSAGES["ServerLiveResponse"](live=await self._healthy("/v2/health/live", context))

    async def _server_ready(self, _: Any, context: Any) -> Any:
        ready = await self._healthy("/v2/health/ready", context)
        return MESSAGES["ServerReadyResponse"](ready=ready)

    async def _model_ready(self, request: Any, context: Any) -> Any:
        ready = await self._healthy(_path(request.name, request.version) + "/ready", context)
        return MESSAGES["ModelReadyResponse"](ready=ready)

    async def _server_metadata(self, _: Any, context: Any) -> Any:
        found = await self._json("/v2", context)
        return MESSAGES["ServerMetadataResponse"](**found)

    async def _model_metadata(self, request: Any, context: Any) -> Any:
        found = await self._json(_path(request.name, request.version), context)
        for each in (*found["inputs"], *found["outputs"]):
            each.pop("parameters", None)  # the message has no place for them
        return MESSAGES["ModelMetadataResponse"](**found)

    async def _infer(self, request: Any, context: Any) -> Any:
        try:
            head, blobs = _written(request)
        except ValueError as exc:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(exc))
        headers = {**_INFER_HEADERS, LENGTH: b"%d" % len(head)}
        path = _path(request.model_name, request.model_version) + "/infer"
        answer = await self._ask("POST", path, context, headers, head + b"".join(blobs))
        if answer.status != 200:
            await _abort(context, answer)
        await context.send_initial_metadata(_metadata(answer))
        return _read(answer)

    async def _healthy(self, path: str, context: Any) -> bool:
        answer = await self._ask("GET", path, context, {}, b"")
        if answer.status not in (200, 503):
            await _abort(context, answer)
        return answer.status == 200

    async def _json(self, path: str, context: Any) -> Any:
        answer = await self._ask("GET", path, context, {}, b"")
        if answer.status != 200:
            await _abort(context, answer)
        return msgspec.json.decode(answer.body)

    async def _ask(
        self, method: str, path: str, context: Any, headers: Mapping[bytes, bytes], body: bytes
    ) -> Answer:
        """Put a request before the doors, and wait for its answer."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def send(_: Request, answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        given = {**_headers(context.invocation_metadata()), **headers}
        self._side.take(Request(send, method, path.encode(), given, body, "1.1", True))
        return await answered


def _path(name: str, version: str) -> str:
    base = f"/v2/models/{quote(name, safe='')}"
    return f"{base}/versions/{quote(version, safe='')}" if version else base


def _headers(metadata: Iterable[tuple[str, Any]] | None) -> dict[bytes, bytes]:
    """Return what a caller sent along as HTTP headers: keys, ids, the routing key."""
    return {
        name.encode(): value.encode()
        for name, value in metadata or ()
        if isinstance(value, str) and _HEADER.fullmatch(name) and name != "content-encoding"
    }


def _metadata(answer: Answer) -> list[tuple[str, str]]:
    pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers)
    return [(name, value) for name, value in pairs if name.startswith("x-")]


def _written(request: Any) -> tuple[bytes, list[bytes]]:
    """Return a call as the JSON of a REST request, and the bytes that come after it.

    Raises:
        ValueError: its contents cannot be told, or are none.
    """
    blobs = list(request.raw_input_contents)
    if blobs and len(blobs) != len(request.inputs):
        raise ValueError("raw_input_contents must have one element a tensor")
    inputs = [
        _tensor(each, blobs[place] if blobs else None) for place, each in enumerate(request.inputs)
    ]
    outputs = [
        {"name": each.name, "parameters": _parameters(each.parameters)} for each in request.outputs
    ]
    body = {
        "id": request.id,
        "inputs": inputs,
        "outputs": outputs,
        "parameters": {**_parameters(request.parameters), "binary_data_output": True},
    }
    return msgspec.json.encode(body), blobs


def _tensor(tensor: Any, blob: bytes | None) -> dict[str, Any]:
    about = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
    parameters = _parameters(tensor.parameters)
    if blob is not None:
        return {**about, "parameters": {**parameters, "binary_data_size": len(blob)}}
    field = _CONTENTS.get(tensor.datatype)
    if field is None:
        raise ValueError(f"{tensor.name}: this datatype stands in raw_input_contents alone")
    values = list(getattr(tensor.contents, field))
    if tensor.datatype == "BYTES":
        try:
            values = [each.decode() for each in values]
        except UnicodeDecodeError:
            raise ValueError(f"{tensor.name}: holds a text that is not UTF-8") from None
    return {**about, "parameters": parameters, "data": values}


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    chosen = {name: each.WhichOneof("parameter_choice") for name, each in given.items()}
    return {name: getattr(given[name], field) for name, field in chosen.items() if field}


def _read(answer: Answer) -> Any:
    """Return the answer of the REST contract as a message."""
    length = int(dict(answer.headers)[LENGTH])
    head = msgspec.json.decode(answer.body[:length])
    response = MESSAGES["ModelInferResponse"](
        model_name=head["model_name"], model_version=head["model_version"], id=head.get("id", "")
    )
    for each in head["outputs"]:
        response.outputs.add(name=each["name"], datatype=each["datatype"], shape=each["shape"])
        end = length + each["parameters"]["binary_data_size"]
        response.raw_output_contents.append(answer.body[length:end])
        length = end
    return response


async def _abort(context: Any, answer: Answer) -> NoReturn:
    status = _STATUS.get(answer.status, grpc.StatusCode.INVALID_ARGUMENT)
    reason: Any = "the request was refused"
    with contextlib.suppress(msgspec.DecodeError, KeyError, TypeError):
        reason = msgspec.json.decode(answer.body)["error"]
    if isinstance(reason, dict):
        reason = reason.get("reason", "")
    if answer.status == 404:
        reason = "this server has no such model in such a version"
    await context.abort(status, str(reason))
    raise AssertionError  # abort has raised


def _credentials(tls: Tls) -> Any:
    pair = (Path(tls.key).read_bytes(), Path(tls.certificate).read_bytes())
    return grpc.ssl_server_credentials([pair])
