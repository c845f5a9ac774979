from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from .conftest import NAMES, ROW, ROWS

PATH = "/v2/models/churn/infer"
LENGTH = "Inference-Header-Content-Length"


def tensor(name, datatype, data, **more):
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": data, **more}


def inputs(rows=ROWS):
    kinds = dict(zip(NAMES, ["FP64", "FP64", "BYTES", "BOOL"], strict=True))
    return [tensor(name, kinds[name], [row[name] for row in rows]) for name in NAMES]


def error(answer):
    assert set(answer.value) == {"error"}
    return answer.status, answer.value["error"]


def binary(parts, **more):
    """Return body and headers of a request whose tensors are bytes."""
    tensors, blobs = [], b""
    for name, datatype, shape, blob in parts:
        about = {"name": name, "datatype": datatype, "shape": shape}
        tensors.append({**about, "parameters": {"binary_data_size": len(blob)}})
        blobs += blob
    head = json.dumps({"inputs": tensors, **more}).encode()
    return head + blobs, {LENGTH: str(len(head)), "Content-Type": "application/octet-stream"}


def texts(*values):
    return b"".join(struct.pack("<I", len(each.encode())) + each.encode() for each in values)


def test_one_tensor_a_column(host):
    scores = host.scores(ROWS)
    answer = host.ask(PATH, {"id": "42", "inputs": inputs()})
    assert answer.value == {
        "model_name": "churn",
        "model_version": "3",
        "id": "42",
        "outputs": [
            {
                "name": "prediction",
                "datatype": "BYTES",
                "shape": [2],
                "data": ["Yes" if each >= 0.5 else "No" for each in scores],
            },
            {"name": "probability", "datatype": "FP64", "shape": [2], "data": scores},
        ],
    }


def test_the_pages_of_the_protocol(host):
    assert host.ask("/v2").value["extensions"] == ["binary_tensor_data"]
    assert host.ask("/v2/health/live").value == {"live": True}
    assert host.ask("/v2/health/ready").value == {"ready": True}
    for base in ("/v2/models/churn", "/v2/models/churn/versions/3"):
        assert host.ask(f"{base}/ready").value == {"name": "churn", "ready": True}
        about = host.ask(base).value
        assert about["versions"] == ["3"]
        assert [(each["name"], each["datatype"]) for each in about["inputs"]] == [
            ("tenure", "FP64"),
            ("charges", "FP64"),
            ("contract", "BYTES"),
            ("paperless", "BOOL"),
        ]
        assert about["outputs"][1]["parameters"] == {"classes": ["Yes"]}
        assert host.ask(f"{base}/infer", {"inputs": inputs()}).status == 200


def test_many_classes_have_a_probability_each(hosts):
    host = hosts("multiclass")
    outputs = host.ask(PATH, {"inputs": inputs()}).value["outputs"]
    assert outputs[1]["shape"] == [2, 3]
    assert outputs[1]["data"] == [share for row in host.scores(ROWS) for share in row]
    assert host.ask("/v2/models/churn").value["outputs"][1]["shape"] == [-1, 3]


@pytest.mark.parametrize(
    ("classes", "datatype"),
    [((0, 1), "INT64"), ((False, True), "BOOL"), ((0.5, 1.5), "FP64"), (("a", 1), "BYTES")],
)
def test_labels_keep_their_type(hosts, classes, datatype):
    (label, _) = hosts("binary", classes).ask(PATH, {"inputs": inputs([ROW])}).value["outputs"]
    assert label["datatype"] == datatype
    expected = [str(each) for each in classes] if datatype == "BYTES" else list(classes)
    assert label["data"][0] in expected


def test_one_tensor_of_all_columns(numbers):
    rows = [[0.1, 0.2, None], [1, 2, 3]]
    expected = numbers.scores([dict(zip(["x0", "x1", "x2"], row, strict=True)) for row in rows])
    for data in (rows, [value for row in rows for value in row]):
        body = {"inputs": [{"name": "X", "datatype": "FP64", "shape": [2, 3], "data": data}]}
        assert numbers.ask(PATH, body).value["outputs"][1]["data"] == expected
    assert numbers.ask(PATH, body).value["outputs"][0]["datatype"] == "INT64"


NUMPY = {
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}


@pytest.mark.parametrize("datatype", [*NUMPY, "BF16"])
def test_every_number_as_json_and_as_bytes(numbers, datatype):
    values = [1.0, 3.0, 2.0, 100.0, 0.0, 5.0]
    if datatype == "BF16":
        blob = (np.array(values, "<f4").view("<u4") >> 16).astype("<u2").tobytes()
    else:
        blob = np.array(values, NUMPY[datatype]).tobytes()
    shown = values if datatype in ("FP16", "FP32", "FP64", "BF16") else [int(x) for x in values]
    rows = [dict(zip(["x0", "x1", "x2"], part, strict=True)) for part in (values[:3], values[3:])]
    body = {"inputs": [{"name": "X", "datatype": datatype, "shape": [2, 3], "data": shown}]}
    assert numbers.ask(PATH, body).value["outputs"][1]["data"] == numbers.scores(rows)
    data, headers = binary([("X", datatype, [2, 3], blob)])
    answer = numbers.ask(PATH, data, headers=headers)
    assert answer.value["outputs"][1]["data"] == numbers.scores(rows)


def test_texts_booleans_and_nulls_as_bytes(host):
    parts = [
        ("tenure", "FP64", [2], np.array([3.5, 60.0]).tobytes()),
        ("charges", "FP32", [2, 1], np.array([np.nan, 20.5], "<f4").tobytes()),
        ("contract", "BYTES", [2], texts("y", "m")),
        ("paperless", "BOOL", [2], b"\x01\x00"),
    ]
    data, headers = binary(parts)
    answer = host.ask(PATH, data, headers=headers)
    assert answer.value["outputs"][1]["data"] == host.scores(ROWS)


def test_outputs_are_chosen_and_come_as_bytes(host):
    scores = host.scores(ROWS)
    wanted = [
        {"name": "probability", "parameters": {"binary_data": True}},
        {"name": "prediction", "parameters": {"binary_data": False}},
    ]
    answer = host.ask(PATH, {"inputs": inputs(), "outputs": wanted})
    length = int(answer.headers["inference-header-content-length"])
    head = json.loads(answer.body[:length])
    assert answer.content_type == "application/octet-stream"
    assert [each["name"] for each in head["outputs"]] == ["probability", "prediction"]
    assert head["outputs"][0]["parameters"] == {"binary_data_size": 16}
    assert np.frombuffer(answer.body[length:], "<f8").tolist() == scores
    body = {"inputs": inputs(), "parameters": {"binary_data_output": True}}
    both = host.ask(PATH, body)
    length = int(both.headers["inference-header-content-length"])
    label = texts("Yes" if scores[0] >= 0.5 else "No")
    assert both.body[length:].startswith(label)


def without(name):
    return [each for each in inputs() if each["name"] != name]


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"inputs": []}, 422, "inputs: holds no tensor"),
        ({"inputs": {}}, 422, "body: Expected `array`, got `object` - at `$.inputs`"),
        ({}, 422, "body: Object missing required field `inputs`"),
        ([], 422, "body: Expected `object`, got `array`"),
        ({"inputs": without("tenure")}, 422, "tenure: is missing (row 0)"),
        ({"inputs": [*inputs(), inputs()[0]]}, 422, "tenure: stands twice"),
        (
            {"inputs": [*without("tenure"), tensor("tenure", "FP64", [1.0])]},
            422,
            "tenure: has 1 rows, charges has 2",
        ),
        (
            {"inputs": [*without("tenure"), tensor("tenure", "FP64", [1.0], shape=[3])]},
            422,
            "tenure: holds 1 values, its shape says 3",
        ),
        (
            {"inputs": [*without("tenure"), tensor("tenure", "FP64", [1.0], shape=[])]},
            422,
            "tenure: must have the shape [rows], [rows, 1] or, for all columns, [rows, columns]",
        ),
        (
            {"inputs": [*without("tenure"), tensor("tenure", "FP64", ["40", "3"])]},
            422,
            "tenure: holds values that are not of its datatype FP64",
        ),
        (
            {"inputs": [*without("tenure"), tensor("tenure", "BYTES", ["40", "3"])]},
            422,
            "tenure: must be a number, got text (row 0)",
        ),
        (
            {"inputs": [*without("tenure"), tensor("tenure", "BOOL", [True, False])]},
            422,
            "tenure: must be a number, got a boolean (row 0)",
        ),
        (
            {"inputs": [*without("tenure"), tensor("tenure", "UINT8", [256, 1])]},
            422,
            "tenure: holds a number out of the range of its datatype",
        ),
        (
            {"inputs": [*without("tenure"), tensor("tenure", "FP64", [None, 1.0])]},
            422,
            "tenure: must not be null (row 0)",
        ),
        (
            {"inputs": inputs(), "outputs": [{"name": "logits"}]},
            422,
            "logits: is no output; there is prediction and probability",
        ),
        (
            {
                "inputs": inputs(),
                "outputs": [{"name": "prediction", "parameters": {"classification": 2}}],
            },
            422,
            "prediction: the parameter classification is not supported",
        ),
        (
            {
                "inputs": [
                    tensor("tenure", "FP64", [1.0], parameters={"shared_memory_region": "secret"})
                ]
            },
            422,
            "tenure: the parameter shared_memory_region is not supported",
        ),
        (
            {"inputs": inputs(), "parameters": {"binary_data_output": "yes"}},
            422,
            "parameters.binary_data_output: binary_data_output must be true or false",
        ),
        (b"{", 400, "the body is not JSON: Input data was truncated"),
        (b'{"inputs": [], "inputs": []}', 422, "inputs: stands twice in one object"),
        (
            b'{"inputs": [{"name": "a", "shape": [1], "datatype": "FP64", "data": [Infinity]}]}',
            400,
            "the body is not JSON: invalid character (byte 69)",
        ),
    ],
)
def test_what_is_wrong_is_said_in_the_protocols_shape(host, body, status, text):
    assert error(host.ask(PATH, body)) == (status, text)


@pytest.mark.parametrize(
    ("blob", "length", "text"),
    [
        (b"\0" * 7, 7, "X: ends in the middle of a value"),
        (b"\0" * 8, 8, "X: holds 1 values, its shape says 3"),
        (b"\0" * 8, 9, "X: has a binary_data_size that the body does not hold"),
        (b"\0" * 25, 24, "body: holds more bytes than its tensors say"),
        (b"\0" * 24, -1, "X: has a binary_data_size that the body does not hold"),
        (b"\0" * 24, True, "X: has a binary_data_size that the body does not hold"),
    ],
)
def test_bytes_that_do_not_fit(numbers, blob, length, text):
    tensors = [
        {
            "name": "X",
            "datatype": "FP64",
            "shape": [1, 3],
            "parameters": {"binary_data_size": length},
        }
    ]
    head = json.dumps({"inputs": tensors}).encode()
    answer = numbers.ask(PATH, head + blob, headers={LENGTH: str(len(head))})
    assert error(answer) == (422, text)


@pytest.mark.parametrize("text", ["", "x", "-1", "99999", "9" * 30, "\u00b2"])
def test_a_length_that_is_none(numbers, text):
    answer = numbers.ask(PATH, b"{}", headers={LENGTH: text})
    reason = "must be the number of bytes of the JSON that begins the body"
    assert error(answer) == (400, f"{LENGTH}: {reason}")


@pytest.mark.parametrize(
    ("blob", "text"),
    [
        (b"\x05\0\0\0hi", "contract: ends in the middle of a text"),
        (b"\x05\0", "contract: ends in the middle of a text"),
        (b"\x01\0\0\0\xff", "contract: holds a text that is not UTF-8"),
    ],
)
def test_texts_that_are_none(host, blob, text):
    data, headers = binary([("contract", "BYTES", [1], blob)])
    assert error(host.ask(PATH, data, headers=headers)) == (422, text)
