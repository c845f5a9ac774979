from __future__ import annotations

import json

import pytest

from .conftest import NAMES, OTHER, ROW, ROWS

LISTS = [list(row.values()) for row in ROWS]
SPLIT = {"columns": NAMES, "index": [0, 1], "data": LISTS}
COLUMNS = {name: [row[name] for row in ROWS] for name in NAMES}


def both(host, rows=ROWS):
    scores = host.scores(rows)
    labels = ["Yes" if each >= 0.5 else "No" for each in scores]
    pairs = zip(labels, scores, strict=True)
    return [{"prediction": label, "probability": score} for label, score in pairs]


def wrong(answer):
    assert set(answer.value) == {"error_code", "message"}
    return answer.status, answer.value["error_code"], answer.value["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": SPLIT},
        {"dataframe_split": {"columns": NAMES[::-1], "data": [each[::-1] for each in LISTS]}},
        {"dataframe_records": ROWS},
        {"instances": ROWS},
        {"instances": LISTS},
        {"instances": [{"features": each} for each in LISTS]},
        {"inputs": COLUMNS},
        {"inputs": LISTS},
        {"inputs": ROWS},
        {"inputs": ROWS, "params": {}},
        {"inputs": ROWS, "params": {"output": "both"}},
        LISTS,
        ROWS,
    ],
)
def test_every_format_of_json(host, body):
    answer = host.ask("/invocations", body, headers={"Content-Type": "application/json"})
    assert answer.value == {"predictions": both(host)}


def test_a_nan_as_pandas_writes_it_is_a_null(host):
    body = json.dumps({"dataframe_split": SPLIT}).replace("null", "NaN").encode()
    assert host.ask("/invocations", body).value == {"predictions": both(host)}


def test_columns_of_one_value_are_one_row(host):
    assert host.ask("/invocations", {"inputs": ROW}).value == {"predictions": both(host, [ROW])}


def test_parameters_choose(host, hosts):
    expected = both(host)
    for output in ("prediction", "probability"):
        body = {"inputs": ROWS, "params": {"output": output}}
        found = host.ask("/invocations", body).value["predictions"]
        assert found == [each[output] for each in expected]
    many = hosts("multiclass")
    body = {"inputs": [ROW], "params": {"output": "probability"}}
    (shares,) = many.ask("/invocations", body).value["predictions"]
    assert shares == dict(zip("abc", many.scores([ROW])[0], strict=True))
    (one,) = many.ask("/invocations", {"inputs": [ROW]}).value["predictions"]
    assert one["probability"] == max(shares.values())


CSV = "3.5,,y,true\n60,20.5,m,false\n"
HEADER = "tenure,charges,contract,paperless\n"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (CSV, "text/csv"),
        (HEADER + CSV, "text/csv"),
        (HEADER + CSV, "text/csv; charset=utf-8; header=present"),
        (CSV, "TEXT/CSV;header=absent"),
        (CSV.replace("\n", "\r\n").replace("y", '"y"').replace("true", "True"), "text/csv"),
        ("\ufeff" + HEADER + CSV, "text/csv"),
        ("contract,tenure,paperless,charges\ny,3.5,1,nan\nm,60,0,20.5", "text/csv"),
    ],
)
def test_csv_with_and_without_a_header(host, body, kind):
    answer = host.ask("/invocations", body.encode(), headers={"Content-Type": kind})
    assert answer.value == {"predictions": both(host)}


def test_json_lines(host):
    lines = [json.dumps(ROW), "", json.dumps({"features": list(OTHER.values())})]
    for kind in ("application/jsonlines", "application/x-ndjson"):
        headers = {"Content-Type": kind}
        answer = host.ask("/invocations", "\n".join(lines).encode(), headers=headers)
        assert answer.value == {"predictions": both(host)}


def test_the_answer_is_written_as_accept_asks(host, hosts):
    expected = both(host)
    lines = host.ask("/invocations", ROWS, headers={"Accept": "application/jsonlines"})
    assert lines.content_type == "application/jsonlines"
    assert [json.loads(line) for line in lines.body.splitlines()] == expected
    text = host.ask("/invocations", ROWS, headers={"Accept": "image/png, text/csv;q=.5"})
    assert text.content_type == "text/csv; charset=utf-8"
    shown = "".join(f"{each['prediction']},{each['probability']}\n" for each in expected)
    assert text.body.decode() == shown
    for accept in ("*/*", "application/json", ""):
        assert host.ask("/invocations", ROWS, headers={"Accept": accept}).content_type == (
            "application/json"
        )
    truth = hosts("binary", (False, True))
    shown = truth.ask("/invocations", ROWS, headers={"Accept": "text/csv"}).body.decode()
    assert {line.partition(",")[0] for line in shown.splitlines()} <= {"true", "false"}
    answer = host.ask("/invocations", ROWS, headers={"Accept": "image/png"})
    reason = "Accept: must be application/json, text/csv or application/jsonlines"
    assert wrong(answer) == (406, "BAD_REQUEST", reason)


def test_the_pages_of_mlflow(host):
    assert host.ask("/ping").body == b"\n"
    assert host.ask("/health").body == b"\n"
    assert host.ask("/version").body == b"3.17.2"
    assert host.doors["GET", "/ping"].health == "ready"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "the body is not JSON: Input data was truncated"),
        (b"1", 422, "body: must be a JSON object or an array of rows"),
        (
            {},
            422,
            "body: must have exactly one of dataframe_split, dataframe_records, instances, inputs",
        ),
        (
            {"instances": ROWS, "inputs": ROWS},
            422,
            "body: must have exactly one of dataframe_split, dataframe_records, instances, inputs",
        ),
        ({"instances": []}, 422, "instances: holds no row"),
        ({"instances": [[1]]}, 422, "instances[0]: holds 1 values, must hold 4"),
        ({"instances": ["secret"]}, 422, "instances[0]: must be an object or an array of values"),
        ({"inputs": 3}, 422, "inputs: must be an array"),
        ({"inputs": {}}, 422, "inputs: holds no row"),
        (
            {"inputs": {"tenure": [1, 2], "charges": [3]}},
            422,
            "inputs.charges: holds 1 values, the first column 2",
        ),
        ({"dataframe_records": [1]}, 422, "dataframe_records: must be an array of objects"),
        ({"dataframe_split": []}, 422, "dataframe_split: must be an object with columns and data"),
        ({"dataframe_split": {}}, 422, "dataframe_split.columns: must be an array"),
        (
            {"dataframe_split": {"columns": ["a", "a"], "data": []}},
            422,
            "dataframe_split.columns: names a column twice",
        ),
        (
            {"dataframe_split": {"columns": ["a", 1], "data": []}},
            422,
            "dataframe_split.columns: must hold the names of columns",
        ),
        (
            {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}},
            422,
            "dataframe_split.data[0]: holds 2 values, must hold 1",
        ),
        ({"inputs": ROWS, "params": 1}, 422, "params: must be an object"),
        (
            {"inputs": ROWS, "params": {"x": 1}},
            422,
            "params.x: is no parameter of this model; there is output",
        ),
        (
            {"inputs": ROWS, "params": {"output": "secret"}},
            422,
            "params.output: must be both, prediction or probability",
        ),
        (
            {"inputs": [{**ROW, "tenure": "40", "contract": 1}]},
            422,
            "tenure: must be a number, got text; contract: must be text, got a number",
        ),
        (b'{"inputs": [{"tenure": 1, "tenure": 2}]}', 422, "tenure: stands twice in one object"),
        (
            b'{"inputs": [{"tenure": Infinity}]}',
            400,
            "the body is not JSON: invalid character (byte 23)",
        ),
        (b'{"a": NaN, "inputs": Infinity}', 400, "the body is not JSON: Infinity is no number"),
        (b"[" * 5000, 400, "the body is not JSON: nested too deeply"),
    ],
)
def test_what_is_wrong_is_said_in_mlflows_shape(host, body, status, message):
    assert wrong(host.ask("/invocations", body)) == (status, "BAD_REQUEST", message)


@pytest.mark.parametrize(
    ("body", "kind", "status", "message"),
    [
        (b"", "text/csv", 422, "csv: holds no row"),
        (HEADER.encode(), "text/csv", 422, "csv: holds no row"),
        (b"1,2\n", "text/csv", 422, "csv row 0: holds 2 values, must hold 4"),
        (b"secret,,y,true\n", "text/csv", 422, "tenure: must be a number (row 0)"),
        (
            b'"$1,234.50",,y,true\n',
            "text/csv",
            422,
            "tenure: must be a number, as 1234.5 for $1,234.50 (row 0)",
        ),
        (b"1,,y,maybe\n", "text/csv", 422, "paperless: must be true or false (row 0)"),
        (b"inf,,y,true\n", "text/csv", 422, "tenure: must be a finite number"),
        (b",,y,true\n", "text/csv", 422, "tenure: must not be null"),
        (b'"\n', "text/csv", 400, "the body is no CSV in UTF-8"),
        (b"\xff", "text/csv", 400, "the body is no CSV in UTF-8"),
        (b"a,a\n1,2", "text/csv; header=present", 422, "csv: names a column twice"),
        (b"x", "text/csv; charset=latin-1", 415, "Content-Type: must have charset utf-8"),
        (b"", "application/jsonlines", 422, "lines: holds no row"),
        (b"{\n", "application/jsonlines", 400, "the body is not JSON: Input data was truncated"),
        (
            b"x",
            "application/x-parquet",
            415,
            "Content-Type: must be application/json, text/csv or application/jsonlines",
        ),
    ],
)
def test_what_is_wrong_in_another_format(host, body, kind, status, message):
    answer = host.ask("/invocations", body, headers={"Content-Type": kind})
    assert wrong(answer) == (status, "BAD_REQUEST", message)
