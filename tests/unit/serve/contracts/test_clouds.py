from __future__ import annotations

import pytest

from .conftest import NAMES, ROW, ROWS
from .test_invocations import LISTS, SPLIT, both

VERTEX = "/v1/models/churn:predict"


@pytest.mark.parametrize("instances", [ROWS, LISTS])
def test_vertex_predicts_instances(host, instances):
    assert host.ask(VERTEX, {"instances": instances}).value == {"predictions": both(host)}
    body = {"instances": instances, "parameters": {"output": "prediction"}}
    labels = [each["prediction"] for each in both(host)]
    assert host.ask(VERTEX, body).value == {"predictions": labels}


def test_vertex_has_the_paths_that_its_variables_name(hosts):
    paths = {"AIP_PREDICT_ROUTE": "/predict", "AIP_HEALTH_ROUTE": "/isalive"}
    host = hosts(environment=paths)
    assert host.ask("/isalive").status == 200
    assert host.doors["GET", "/isalive"].health == "ready"
    assert host.ask("/predict", {"instances": ROWS}).value == {"predictions": both(host)}
    assert "instances" in str(host.ask("/openapi.json").value["paths"]["/predict"])


def test_vertex_has_defaults_of_its_own(host):
    assert host.ask("/v1/models/churn").value == {"status": "ready"}


@pytest.mark.parametrize(
    "body",
    [
        {"data": ROWS},
        {"data": LISTS},
        {"input_data": SPLIT},
        {"input_data": LISTS},
        {"input_data": {"data": LISTS}},
        {"input_data": SPLIT, "params": {"output": "both"}},
    ],
)
def test_azure_scores(host, body):
    assert host.ask("/score", body).value == both(host)


def test_azure_automl(host):
    body = {"Inputs": {"data": ROWS}, "GlobalParameters": {"output": "prediction"}}
    assert host.ask("/score", body).value == {
        "Results": [each["prediction"] for each in both(host)]
    }
    assert host.doors["GET", "/"].health == "live"
    assert host.doors["GET", "/ready"].health == "ready"
    assert host.ask("/ready").status == 200


@pytest.mark.parametrize(
    ("path", "body", "field", "reason"),
    [
        (VERTEX, {}, "instances", "is missing"),
        (VERTEX, [], "body", "must be a JSON object"),
        (VERTEX, {"instances": {}}, "instances", "must be an array"),
        (VERTEX, {"instances": [[1]]}, "instances[0]", "holds 1 values, must hold 4"),
        (
            VERTEX,
            {"instances": ROWS, "parameters": {"top_k": 3}},
            "parameters.top_k",
            "is no parameter of this model; there is output",
        ),
        ("/score", {}, "body", "must have exactly one of data, input_data, Inputs"),
        ("/score", {"data": {"a": 1}}, "data", "must be an array"),
        ("/score", {"data": [ROW | {"tenure": "x"}]}, "tenure", "must be a number, got text"),
        ("/score", {"input_data": {"columns": NAMES}}, "input_data.data", "must be an array"),
    ],
)
def test_what_is_wrong_has_field_and_reason(host, path, body, field, reason):
    answer = host.ask(path, body)
    assert answer.status == 422
    assert answer.value["error"] == {"field": field, "reason": reason, "fields": {field: reason}}


def test_a_regression_has_no_probability_to_choose(hosts):
    body = {"instances": [ROW], "parameters": {"output": "probability"}}
    answer = hosts("regression").ask(VERTEX, body)
    reason = "must be both or prediction: a regression has no probability"
    assert answer.value["error"]["reason"] == reason
