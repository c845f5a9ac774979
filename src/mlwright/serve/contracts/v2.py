"""The Open Inference Protocol, version 2, over REST, with its binary tensors.

https://github.com/kserve/open-inference-protocol and Triton's extension `binary_tensor_data`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from mlwright import __version__

from ..answers import Answer, Refused, encode, ok
from ..application import Call, Health, Predicted, Route, Work
from ..requests import check_json
from .bodies import check_pairs, parse, shape
from .described import JSON, Schema, Subject, media, members, operation
from .infer import Input, Output, described_input, described_outputs, outputs_of, rows_of_inputs
from .tensors import DATATYPES, to_bytes

BINARY = "application/octet-stream"
LENGTH = b"inference-header-content-length"
REFUSAL = members(error={"type": "string"})
_INPUT_PARAMETERS = {"binary_data_size"}
_OUTPUT_PARAMETERS = {"binary_data"}


class _Wanted(msgspec.Struct):
    name: str
    parameters: dict[str, Any] = {}


class _Request(msgspec.Struct):
    inputs: list[Input]
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: list[_Wanted] = []

    def pairs(self) -> int:
        """Return at most how many pairs of key and value it was read from."""
        own = 1 + bool(self.id) + bool(self.outputs) + _pairs(self.parameters)
        ins = sum(3 + (each.data is not None) + _pairs(each.parameters) for each in self.inputs)
        return own + ins + sum(1 + _pairs(each.parameters) for each in self.outputs)


_decoder = msgspec.json.Decoder(_Request)


def _pairs(parameters: Mapping[str, Any]) -> int:
    return len(parameters) + bool(parameters)


class V2:
    """Health, metadata and inference of one model in one version."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        signature = subject.signature
        base = f"/v2/models/{subject.model}"
        self._bases = (base, f"{base}/versions/{subject.version}")
        self._outputs = [each["name"] for each in described_outputs(signature)]
        self._pages: dict[str, Any] = {
            "/v2": {
                "name": "mlwright",
                "version": __version__,
                "extensions": ["binary_tensor_data"],
            },
            "/v2/health/live": {"live": True},
            "/v2/health/ready": {"ready": True},
        }
        for each in self._bases:
            self._pages[each] = self._metadata()
            self._pages[f"{each}/ready"] = {"name": subject.model, "ready": True}

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return the routes, with and without the version."""
        found: dict[tuple[str, str], Route] = {
            ("GET", path): partial(_page, ok(value)) for path, value in self._pages.items()
        }
        return found | {("POST", f"{base}/infer"): self.infer for base in self._bases}

    def health(self) -> Mapping[str, Health]:
        """Return the paths of the protocol's health."""
        ready = {f"{base}/ready": "ready" for base in self._bases}
        return {"/v2/health/live": "live", "/v2/health/ready": "ready", **ready}  # type: ignore[dict-item]

    def refusal(self, refused: Refused) -> Answer:
        """Return a refusal as `{"error": "…"}`."""
        listed = "; ".join(f"{name}: {reason}" for name, reason in refused.shown().items())
        return replace(refused.answer(), body=encode({"error": listed or refused.reason}))

    def infer(self, call: Call) -> Work:
        """Return the rows of a request's tensors."""
        request = _read(call)
        for tensor in request.inputs:
            _check_parameters(tensor.name, tensor.parameters, _INPUT_PARAMETERS)
        wanted = self._wanted(request)
        rows = rows_of_inputs(request.inputs, self._subject.signature)
        return Work(rows, partial(self._reply, request.id, wanted))

    def paths(self) -> Mapping[tuple[str, str], Schema]:
        """Return the descriptions of the routes."""
        pages = {
            ("GET", path): operation(
                "Health" if path.endswith(("/live", "/ready")) else "Metadata",
                tag="v2",
                gives={JSON: media({"type": "object"}, value)},
            )
            for path, value in self._pages.items()
        }
        return pages | {("POST", f"{base}/infer"): self._infer_path() for base in self._bases}

    def _metadata(self) -> dict[str, Any]:
        signature = self._subject.signature
        return {
            "name": self._subject.model,
            "versions": [str(self._subject.version)],
            "platform": "mlwright",
            "inputs": [described_input(column) for column in signature.inputs],
            "outputs": described_outputs(signature),
        }

    def _wanted(self, request: _Request) -> dict[str, bool]:
        """Return the outputs to send, and whether each goes as bytes."""
        default = _flag("parameters.binary_data_output", request.parameters, "binary_data_output")
        if not request.outputs:
            return dict.fromkeys(self._outputs, default)
        found: dict[str, bool] = {}
        for each in request.outputs:
            if each.name not in self._outputs:
                raise shape(each.name, f"is no output; there is {' and '.join(self._outputs)}")
            _check_parameters(each.name, each.parameters, _OUTPUT_PARAMETERS)
            found[each.name] = _flag(each.name, each.parameters, "binary_data", default)
        return found

    def _reply(self, identity: str, wanted: Mapping[str, bool], predicted: Predicted) -> Answer:
        known = {each.name: each for each in outputs_of(predicted)}
        blobs: list[bytes] = []
        written = [_written(known[name], binary, blobs) for name, binary in wanted.items()]
        body: dict[str, Any] = {
            "model_name": predicted.model,
            "model_version": str(predicted.version),
            "outputs": written,
        }
        if identity:
            body["id"] = identity
        if not blobs:
            return ok(body)
        head = encode(body)
        length = (b"inference-header-content-length", b"%d" % len(head))
        return Answer(200, head + b"".join(blobs), (length,), BINARY.encode())

    def _infer_path(self) -> Schema:
        return operation(
            "Infer from tensors: one a column",
            tag="v2",
            takes={JSON: media(_request_schema(self._outputs), self._example())},
            gives={JSON: media(_answer_schema())},
            refuses=REFUSAL,
        )

    def _example(self) -> dict[str, Any]:
        row = self._subject.example
        inputs = [
            {**described_input(column), "shape": [1], "data": [row[column.name]]}
            for column in self._subject.signature.inputs
            if column.name in row
        ]
        return {"inputs": inputs}


def _page(answer: Answer, _: Call) -> Answer:
    return answer


def _read(call: Call) -> _Request:
    if LENGTH not in call.headers:
        check_json(call)
        return _parsed(call.body)
    text = call.headers[LENGTH]
    length = int(text) if text.isdigit() and len(text) < 12 else -1
    if not 0 <= length <= len(call.body):
        reason = "must be the number of bytes of the JSON that begins the body"
        raise Refused(400, "header", "", {"Inference-Header-Content-Length": reason})
    request = _parsed(call.body[:length])
    _cut(request.inputs, call.body, length)
    return request


def _parsed(text: bytes) -> _Request:
    request = parse(text, _decoder)
    check_pairs(text, request.pairs())
    return request


def _cut(inputs: Sequence[Input], body: bytes, start: int) -> None:
    """Give each tensor that has a size its bytes, in order."""
    for tensor in inputs:
        length = tensor.parameters.get("binary_data_size")
        if length is None:
            continue
        if type(length) is not int or not 0 <= length <= len(body) - start:
            raise shape(tensor.name, "has a binary_data_size that the body does not hold")
        tensor.data = body[start : start + length]
        start += length
    if start != len(body):
        raise shape("body", "holds more bytes than its tensors say")


def _check_parameters(name: str, given: Mapping[str, Any], known: set[str]) -> None:
    for each in given:
        if each not in known:
            raise shape(name, f"the parameter {each} is not supported")


def _flag(name: str, given: Mapping[str, Any], key: str, default: bool = False) -> bool:
    found = given.get(key, default)
    if not isinstance(found, bool):
        raise shape(name, f"{key} must be true or false")
    return found


def _written(tensor: Output, binary: bool, blobs: list[bytes]) -> dict[str, Any]:
    about: dict[str, Any] = {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": tensor.shape,
    }
    if not binary:
        return {**about, "data": tensor.values}
    blobs.append(to_bytes(tensor.values, tensor.datatype))
    return {**about, "parameters": {"binary_data_size": len(blobs[-1])}}


def _request_schema(outputs: Sequence[str]) -> Schema:
    shape_of = {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2}
    tensor = members(
        name={"type": "string"}, shape=shape_of, datatype={"enum": list(DATATYPES)}, data={}
    )
    tensor["properties"]["data"] = {"type": "array"}
    wanted = members(name={"enum": list(outputs)})
    found = members(inputs={"type": "array", "items": tensor, "minItems": 1})
    found["properties"] |= {"id": {"type": "string"}, "outputs": {"type": "array", "items": wanted}}
    return found


def _answer_schema() -> Schema:
    tensor = members(
        name={"type": "string"},
        datatype={"enum": list(DATATYPES)},
        shape={"type": "array", "items": {"type": "integer"}},
        data={"type": "array"},
    )
    return members(
        model_name={"type": "string"},
        model_version={"type": "string"},
        outputs={"type": "array", "items": tensor},
    )
