from __future__ import annotations

import json

import pytest

from mlwright.core.signature import Column, Signature
from mlwright.serve.answers import Refused
from mlwright.serve.requests import ROWS, Reader, call_of, check_json, decode, traceparent
from mlwright.serve.wire import Request

ROW = {"tenure": 3, "charges": None, "contract": "y"}


def refused(body: bytes) -> tuple[int, dict]:
    with pytest.raises(Refused) as caught:
        decode(body)
    answer = caught.value.answer()
    assert b"Traceback" not in answer.body
    return answer.status, json.loads(answer.body)["error"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is not JSON: Input data was truncated"),
        (b"tenure=3", "the body is not JSON: invalid character (byte 4)"),
        (b'{"records": [{"a": NaN}]}', "the body is not JSON: invalid character (byte 19)"),
        (b'{"records": [{"a": Infinity}]}', "the body is not JSON: invalid character (byte 19)"),
        (b'{"records": [{"a": -Infinity}]}', "the body is not JSON: invalid character (byte 20)"),
        (b'{"records": []} x', "the body is not JSON: trailing characters (byte 17)"),
        (b'{"records": [{"a": "\xff"}]}', "the body is not JSON: a text is not UTF-8"),
        (b'\xef\xbb\xbf{"records": []}', "the body is not JSON: invalid character (byte 0)"),
    ],
)
def test_what_is_no_json_is_400(body, reason):
    assert refused(body) == (400, {"reason": reason})


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (b"null", "body", "Expected `object`, got `null`"),
        (b"[]", "body", "Expected `object`, got `array`"),
        (b"{}", "body", "Object missing required field `records`"),
        (b'{"records": {}}', "records", "Expected `array`, got `object`"),
        (b'{"records": [1]}', "records", "Expected `object`, got `int`"),
        (b'{"records": []}', "records", "holds no row"),
        (b'{"records": [], "rows": 1}', "body", "Object contains unknown field `rows`"),
        (b'{"records": [{"a": [1]}]}', "a", "must be a single value, not an array"),
        (b'{"records": [{"a": {"b": 1}}]}', "a", "must be a single value, not an object"),
        (b'{"records": [{"a": 1e999}]}', "a", "is a number out of range"),
        (b'{"records": [{"a": 1, "b": 2, "a": 3}]}', "a", "stands twice in one object"),
        (b'{"records": [{"a": 1, "\\u0061": 3}]}', "a", "stands twice in one object"),
        (b'{"records": [{"a": 1}], "records": [{"a": 1}]}', "records", "stands twice"),
    ],
)
def test_another_shape_is_422_with_field_and_reason(body, field, reason):
    status, error = refused(body)
    assert (status, error["field"]) == (422, field)
    assert error["reason"].startswith(reason)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"records":[{"a":'])
def test_deep_nesting_is_refused(opening):
    for body in (opening * 100_000, b'{"records":[{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}]}"):
        status, _ = refused(body)
        assert status in (400, 422)


def test_a_number_of_thousands_of_digits_is_refused():
    assert refused(b'{"records":[{"a":' + b"9" * 5000 + b"}]}")[0] == 422


def test_too_many_rows_are_413():
    body = json.dumps({"records": [{"a": 1}] * (ROWS + 1)}).encode()
    assert refused(body)[0] == 413
    assert refused(body)[1]["field"] == "records"


def test_colons_in_texts_are_no_repeated_keys():
    body = json.dumps({"records": [{"time": "12:30:00", "url": "http://x"}, {"a": ":::"}]})
    assert decode(body.encode())[0]["time"] == "12:30:00"


def test_very_many_wrong_fields_are_counted_and_long_names_cut():
    problems = {f"{place:03}" + "x" * 500: "is missing" for place in range(30)}
    error = json.loads(Refused(422, "signature", "", problems).answer().body)["error"]
    assert len(error["fields"]) == 20
    assert error["more"] == 10
    assert all(len(name) <= 101 for name in error["fields"])


def call(headers=(), *, private=False):
    pairs = {name.encode(): value.encode() for name, value in headers}
    request = Request(lambda *_: None, "POST", b"/predict", pairs, b"{}", "1.1", True)
    found = call_of(request, 0.0, private=private)
    check_json(found)
    return found


def refused_call(*args, **options):
    with pytest.raises(Refused) as caught:
        call(*args, **options)
    return caught.value.status, caught.value.problems


def test_the_headers_that_matter():
    found = call([("x-request-id", "r1"), ("x-routing-key", "customer/7"), ("accept", "*/*")])
    assert (found.request_id, found.key, found.body) == ("r1", "customer/7", b"{}")


@pytest.mark.parametrize("value", ["", "a b", "x" * 201, "a\tb", "é", "a\nb"])
def test_a_bad_id_or_key_is_400(value):
    wrong = "must be 1 to 200 visible ASCII characters"
    assert refused_call([("x-request-id", value)]) == (400, {"X-Request-Id": wrong})
    assert refused_call([("x-routing-key", value)]) == (400, {"X-Routing-Key": wrong})


@pytest.mark.parametrize("value", ["application/json", "application/json; charset=utf-8"])
def test_json_content_types(value):
    assert call([("content-type", value)]).body == b"{}"


@pytest.mark.parametrize("value", ["text/csv", "application/x-www-form-urlencoded", ""])
def test_another_content_type_is_415(value):
    wrong = {"Content-Type": "must be application/json"}
    assert refused_call([("content-type", value)]) == (415, wrong)


def test_a_compressed_body_is_415():
    wrong = {"Content-Encoding": "must be identity: compressed bodies are not read"}
    assert refused_call([("content-encoding", "gzip")]) == (415, wrong)


def test_only_this_machines_own_say_which_arm_they_are():
    headers = [("x-mlwright-route", "candidate")]
    assert call(headers, private=True).arm == "candidate"
    assert call(headers).arm == "champion"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n", False),
        ("<script>", False),
    ],
)
def test_a_trace_is_kept_when_it_is_one(value, kept):
    assert traceparent(call([("traceparent", value)])) == (value if kept else None)


def test_a_repeated_key_among_very_many_is_found_at_once():
    keys = [*(f"k{i}" for i in range(200_000)), "k199999"]  # comparing all pairs takes minutes
    body = b'{"records": [{%s}]}' % ",".join(f'"{key}":1' for key in keys).encode()
    with pytest.raises(Refused) as caught:
        decode(body)
    assert caught.value.problems == {"k199999": "stands twice in one object"}


SIGNATURE = Signature(
    (
        Column("tenure", "number"),
        Column("charges", "number", nullable=True),
        Column("contract", "category"),
    ),
    "regression",
    "y",
)


def test_rows_that_fit_are_read_and_checked_at_once():
    first, second = (
        b'{"contract": "y", "charges": null, "tenure": 3}',
        b'{"tenure":1e0,"charges":2,"contract":"\\u006d"}',
    )
    values, texts = Reader(SIGNATURE)(b'{"records": [' + first + b", " + second + b"]}")
    assert values == [(3.0, None, "y"), (1.0, 2.0, "m")]
    assert [bytes(each) for each in texts] == [first, second]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"records": []}',
        b'{"records": [{"tenure": 3, "charges": null, "contract": "y"}], "more": 1}',
        b'{"records": [{"tenure": 3, "charges": null, "contract": "y", "more": 1}]}',
        b'{"records": [{"tenure": 3, "tenure": 4, "charges": null, "contract": "y"}]}',
        b'{"records": [{"tenure": 3, "charges": null, "contract": "a:b"}]}',
        b'{"records": [{"tenure": "3", "charges": null, "contract": "y"}]}',
        b'{"records": [{"tenure": true, "charges": null, "contract": "y"}]}',
        b'{"records": [{"tenure": 1e999, "charges": null, "contract": "y"}]}',
        b'{"records": [{"tenure": null, "charges": null, "contract": "y"}]}',
        b'{"records": [{"charges": null, "contract": "y"}]}',
        b'{"records": [{"tenure": 3, "charges": null, "contract": "\xff"}]}',
        b'{"records": [{"tenure": 3,\n"charges": null, "contract": "y"}]}',
        b'{"records": [{"tenure": 3,\r"charges": null, "contract": "y"}]}',
        b'{"records": [{"tenure": 3, "charges": null, "contract": "y"}], "records": []}',
    ],
)
def test_what_is_wrong_or_unusual_is_left_to_the_slower_reading(body):
    assert Reader(SIGNATURE)(body) is None


def test_too_many_rows_and_names_that_no_type_has_are_left_to_it_too():
    row = b'{"tenure": 3, "charges": null, "contract": "y"}'
    assert Reader(SIGNATURE)(b'{"records": [' + b",".join([row] * (ROWS + 1)) + b"]}") is None
    odd = Signature((Column('a"b', "number"),), "regression", "y")
    assert Reader(odd)(b'{"records": [{"a\\"b": 1}]}') is None
