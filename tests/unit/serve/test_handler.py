from __future__ import annotations

import asyncio
import json
import math

import numpy as np
import pytest

from mlwright.bundle.model import Predictions
from mlwright.core.errors import RemoteError

ROW = {"tenure": 3, "charges": None, "contract": "y"}


def test_one_row_is_answered_and_logged(here):
    reply = here.one(body={"records": [ROW]}, headers={"X-Request-Id": "r1", "X-Routing-Key": "c"})
    assert reply.status == 200
    (answer,) = reply.value["predictions"]
    assert answer == {
        "prediction": "No",
        "probability": pytest.approx(1 / (1 + 2.718281828459045**1.15)),
        "model_version": 1,
        "request_id": "r1",
    }
    assert reply.headers["x-request-id"] == "r1"
    assert reply.headers["x-model-version"] == "1"
    (line,) = here.lines()
    assert line.pop("time") > 1.7e9
    assert line.pop("latency_ms") > 0
    assert line == {
        "request_id": "r1",
        "key": "c",
        "model": "churn",
        "version": 1,
        "features": ROW,
        "prediction": "No",
        "score": answer["probability"],
        "route": "champion",
    }


def test_several_rows_have_ids_of_their_own(here):
    reply = here.one(body={"records": [ROW, ROW]}, headers={"X-Request-Id": "r1"})
    assert [each["request_id"] for each in reply.value["predictions"]] == ["r1-0", "r1-1"]
    assert [line["request_id"] for line in here.lines()] == ["r1-0", "r1-1"]


def test_request_ids_that_are_made_here_differ(here):
    ids = {here.one(body={"records": [ROW]}).headers["x-request-id"] for _ in range(50)}
    assert len(ids) == 50


def test_multiclass_gives_a_probability_a_class(make):
    here = make(task="multiclass")
    (answer,) = here.one(body={"records": [ROW]}).value["predictions"]
    assert set(answer["probability"]) == {"a", "b", "c"}
    assert sum(answer["probability"].values()) == pytest.approx(1)
    assert answer["prediction"] == max(answer["probability"], key=answer["probability"].get)
    assert here.lines()[0]["score"] == list(answer["probability"].values())


def test_regression_gives_no_probability(make):
    here = make(task="regression")
    (answer,) = here.one(body={"records": [ROW]}).value["predictions"]
    assert answer["prediction"] == pytest.approx(-1.15)
    assert "probability" not in answer
    assert here.lines()[0]["score"] == answer["prediction"]


def test_the_line_is_in_the_log_before_the_answer_leaves(here):
    seen = []
    here.one(body={"records": [ROW]}, on_start=lambda: seen.append(len(here.lines())))
    assert seen == [1]


def test_one_write_covers_all_answers_of_a_turn(here, monkeypatch):
    writes = []
    segment = here.handler._journal._predictions
    monkeypatch.setattr(segment, "append", lambda lines: writes.append(len(lines)))

    async def several():
        await asyncio.gather(*(here.ask(body={"records": [ROW]}) for _ in range(7)))

    asyncio.run(several())
    assert writes == [7]


def test_wrong_fields_are_named_all_at_once_without_values(here):
    body = {"records": [{"tenure": "secret", "charges": None, "<script>": "secret"}]}
    reply = here.one(body=body)
    assert reply.status == 422
    assert reply.value == {
        "error": {
            "field": "tenure",
            "reason": "must be a number, got text",
            "fields": {"tenure": "must be a number, got text", "contract": "is missing"},
        }
    }
    assert b"secret" not in reply.body
    assert here.lines() == []


def test_unknown_columns_and_unseen_categories_are_counted_and_not_logged(here):
    body = {"records": [{**ROW, "contract": "new", "<script>": "x"}]}
    assert here.one(body=body).status == 200
    assert here.lines()[0]["features"] == {**ROW, "contract": "new"}
    text = here.metrics.text()
    assert "mlwright_unknown_columns_total 1" in text
    assert 'mlwright_unseen_categories_total{column="contract"} 1' in text
    assert "script" not in text
    assert 'contract"} 1' in text


@pytest.mark.parametrize("path", ["/", "/health/live", "/health/ready", "/metrics"])
def test_reading_routes(here, path):
    reply = here.one(path, method="GET")
    assert reply.status == 200
    assert here.one(path, method="HEAD").status == 200
    assert here.one(path, method="DELETE").status == 405


def test_the_front_page_has_a_request_that_works(here):
    about = here.one("/", method="GET").value
    assert (about["model"], about["version"], about["task"]) == ("churn", 1, "binary")
    assert here.one(body=about["example"]).status == 200


def test_unknown_paths_and_methods(here):
    assert here.one("/nothing", method="GET").status == 404
    assert here.one("/control/status", method="GET").status == 404
    reply = here.one("/predict", method="GET")
    assert (reply.status, reply.value) == (
        405,
        {"error": {"reason": "this path takes POST alone"}},
    )


def test_a_model_that_fails_is_500_without_detail(here, monkeypatch, capsys):
    def fail(rows):
        raise ValueError(f"cannot score {rows}")

    monkeypatch.setattr(here.handler.model._model, "predict_rows", fail)
    reply = here.one(body={"records": [{**ROW, "contract": "secret"}]})
    assert reply.status == 500
    assert reply.value == {"error": {"reason": "the model failed on this request"}}
    said = capsys.readouterr().err
    assert "churn:1 failed on a request: ValueError at" in said
    assert "secret" not in said
    assert 'mlwright_errors_total{kind="model"} 1' in here.metrics.text()


@pytest.mark.parametrize("scores", [[math.nan], [[0.5, math.inf]]])
def test_a_score_that_is_no_number_is_500(here, monkeypatch, scores):
    found = Predictions(["Yes"], np.array(scores))
    monkeypatch.setattr(here.handler.model._model, "predict_rows", lambda rows: found)
    assert here.one(body={"records": [ROW]}).status == 500
    assert here.lines() == []


class FullDisk:
    def append(self, lines, outcome=None):
        future = asyncio.get_running_loop().create_future()
        future.set_exception(RemoteError("the log in X cannot be written: full", hint="make room"))
        return future


def test_a_log_that_refuses_is_503_and_loud(make, capsys):
    here = make(journal=FullDisk())
    reply = here.one(body={"records": [ROW]})
    assert reply.status == 503
    assert reply.value == {"error": {"reason": "the prediction log cannot be written"}}
    assert capsys.readouterr().err == "the log in X cannot be written: full; make room\n"
    assert "mlwright_log_failures_total 1" in here.metrics.text()


def test_a_worker_that_was_told_to_close_says_so(here):
    assert "connection" not in here.one(body={"records": [ROW]}).headers
    here.handler.closing = True
    assert here.one(body={"records": [ROW]}).headers["connection"] == "close"
    assert "connection" not in here.one(body={"records": [ROW]}, private=True).headers


def test_a_worker_that_stops_is_not_ready(here):
    here.handler.stopping = True
    reply = here.one("/health/ready", method="GET")
    assert (reply.status, reply.headers["connection"]) == (503, "close")
    assert here.one("/health/live", method="GET").status == 200


def test_the_private_door_tells_the_route_and_the_public_one_ignores_it(here):
    headers = {"X-Mlwright-Route": "candidate"}
    here.one(body={"records": [ROW]}, headers=headers, private=True)
    here.one(body={"records": [ROW]}, headers=headers)
    assert [line["route"] for line in here.lines()] == ["candidate", "champion"]


def test_a_test_is_answered_and_no_traffic_and_only_the_private_door_knows_it(here):
    test = {"x-mlwright-route": "test"}
    assert here.one(body={"records": [ROW]}, headers=test, private=True).status == 200
    assert here.lines() == []
    assert here.one(body={"records": [ROW]}, headers=test).status == 200
    assert [line["route"] for line in here.lines()] == ["champion"]


def test_latency_and_statuses_are_counted(here):
    here.one(body={"records": [ROW]})
    here.one(body=b"{")
    text = here.metrics.text()
    assert 'mlwright_requests_total{status="200"} 1' in text
    assert 'mlwright_requests_total{status="400"} 1' in text
    assert 'mlwright_request_seconds_count{version="1"} 2' in text
    assert json.dumps(here.lines()[0]["features"]) == json.dumps(ROW)
