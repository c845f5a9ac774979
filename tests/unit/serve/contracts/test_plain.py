from __future__ import annotations

import pytest

from .conftest import ROW, ROWS


def test_records_are_answered_one_a_record(host):
    first, second = host.scores(ROWS)
    assert host.ask("/predict", {"records": ROWS}).value == {
        "predictions": [
            {
                "prediction": "Yes" if score >= 0.5 else "No",
                "probability": score,
                "model_version": 3,
                "request_id": f"r-{place}",
            }
            for place, score in enumerate([first, second])
        ]
    }


def test_a_regression_has_no_probability_and_many_classes_have_one_each(hosts):
    (value,) = hosts("regression").scores([ROW])
    answer = hosts("regression").ask("/predict", {"records": [ROW]})
    assert answer.value == {
        "predictions": [{"prediction": value, "model_version": 3, "request_id": "r"}]
    }
    many = hosts("multiclass").ask("/predict", {"records": [ROW]}).value["predictions"][0]
    assert many["probability"] == dict(
        zip("abc", hosts("multiclass").scores([ROW])[0], strict=True)
    )
    assert many["prediction"] == max(many["probability"], key=many["probability"].get)


def test_explanations_come_when_they_are_asked_for(host):
    answer = host.ask("/predict?explain=true", {"records": [ROW]})
    (found,) = answer.value["predictions"]
    assert found["explanation"]["output"] == "Yes"
    assert set(found["explanation"]["contributions"]) == set(ROW)
    for query in ("?explain=false", "?other=1", ""):
        assert "explanation" not in host.ask(f"/predict{query}", {"records": [ROW]}).body.decode()


def test_a_flag_is_true_or_false(host):
    answer = host.ask("/predict?explain=perhaps", {"records": [ROW]})
    reason = "must be true or false"
    assert answer.status == 422
    assert answer.value == {
        "error": {"field": "explain", "reason": reason, "fields": {"explain": reason}}
    }


@pytest.mark.parametrize("query", ["explain", "&".join(["a=1"] * 5000), "%ff=%00", ";", "a=b=c"])
def test_no_query_breaks_the_route(host, query):
    assert host.ask(f"/predict?{query}", {"records": [ROW]}).status == 200


def test_the_first_page_says_what_a_caller_must_know(host):
    answer = host.ask("/").value
    assert (answer["model"], answer["version"], answer["docs"]) == ("churn", 3, "/docs")
    assert host.ask("/predict", answer["example"]).status == 200
