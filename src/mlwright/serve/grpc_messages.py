"""The messages of the Open Inference Protocol over gRPC, built from the table below.

The table is the protocol's `grpc_predict_v2.proto` (package `inference`), with Triton's two further
kinds of parameter; names nested there stand flat here, which the wire does not show. A test
compares it with the messages that Triton's client was generated from.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"

_TABLE = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "bool live 1",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "bool ready 1",
    "ModelReadyRequest": "string name 1, string version 2",
    "ModelReadyResponse": "bool ready 1",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "string name 1, string version 2, string* extensions 3",
    "ModelMetadataRequest": "string name 1, string version 2",
    "ModelMetadataResponse": "string name 1, string* versions 2, string platform 3, "
    "TensorMetadata* inputs 4, TensorMetadata* outputs 5",
    "TensorMetadata": "string name 1, string datatype 2, int64* shape 3",
    "InferParameter": "bool? bool_param 1, int64? int64_param 2, string? string_param 3, "
    "double? double_param 4, uint64? uint64_param 5",
    "InferTensorContents": "bool* bool_contents 1, int32* int_contents 2, "
    "int64* int64_contents 3, uint32* uint_contents 4, uint64* uint64_contents 5, "
    "float* fp32_contents 6, double* fp64_contents 7, bytes* bytes_contents 8",
    "ModelInferRequest": "string model_name 1, string model_version 2, string id 3, "
    "InferParameter% parameters 4, InferInputTensor* inputs 5, "
    "InferRequestedOutputTensor* outputs 6, bytes* raw_input_contents 7",
    "InferInputTensor": "string name 1, string datatype 2, int64* shape 3, "
    "InferParameter% parameters 4, InferTensorContents contents 5",
    "InferRequestedOutputTensor": "string name 1, InferParameter% parameters 2",
    "ModelInferResponse": "string model_name 1, string model_version 2, string id 3, "
    "InferParameter% parameters 4, InferOutputTensor* outputs 5, bytes* raw_output_contents 6",
    "InferOutputTensor": "string name 1, string datatype 2, int64* shape 3, "
    "InferParameter% parameters 4, InferTensorContents contents 5",
}
"""Message -> its fields: type, name, number. After a type: `*` repeated, `?` one of the fields that
exclude each other, `%` a map from text."""

_Field = descriptor_pb2.FieldDescriptorProto


def _message(name: str, fields: str) -> descriptor_pb2.DescriptorProto:
    message = descriptor_pb2.DescriptorProto(name=name)
    for text in filter(None, fields.split(", ")):
        kind, field, number = text.split(" ")
        _add(message, kind.rstrip("*?%"), kind[-1], field, int(number))
    return message


def _add(
    message: descriptor_pb2.DescriptorProto, kind: str, mark: str, name: str, number: int
) -> None:
    many = mark in ("*", "%")
    label = _Field.LABEL_REPEATED if many else _Field.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if mark == "%":
        entry = message.nested_type.add(name=f"{name.title()}Entry")
        entry.options.map_entry = True
        _add(entry, "string", "", "key", 1)
        _add(entry, kind, "", "value", 2)
        kind = f"{message.name}.{entry.name}"
    if mark == "?":
        if not message.oneof_decl:
            message.oneof_decl.add(name="parameter_choice")
        field.oneof_index = 0
    if kind[0].isupper():
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{kind}"
    else:
        field.type = getattr(_Field, f"TYPE_{kind.upper()}")


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="mlwright/inference.proto", package=PACKAGE, syntax="proto3"
    )
    file.message_type.extend(_message(name, fields) for name, fields in _TABLE.items())
    # A pool of its own: a client in the same process may have the same names in the common one.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {name: pool.FindMessageTypeByName(f"{PACKAGE}.{name}") for name in _TABLE}
    return {name: message_factory.GetMessageClass(each) for name, each in found.items()}


MESSAGES: dict[str, Any] = _classes()
"""The classes of the messages, by name."""
