import json

import pytest

from mlwright.core.errors import ConfigError, RemoteError
from mlwright.monitor.dashboard import (
    ESTIMATED,
    METRICS,
    OF_QUESTIONS,
    TOPICS,
    dashboard,
    panels,
    upload,
)
from mlwright.testing.sinks import HttpSink

ALL = (*METRICS, *ESTIMATED, *OF_QUESTIONS, *TOPICS)


@pytest.fixture
def made():
    pytest.importorskip("grafana_foundation_sdk", reason="grafana-foundation-sdk is not installed")
    return dashboard("churn", ALL)


def test_every_panel_is_there_with_its_queries(made):
    wanted = panels("churn", ALL)
    assert [panel["title"] for panel in made["panels"]] == [panel.title for panel in wanted]
    for panel, drawn in zip(wanted, made["panels"], strict=True):
        assert [target["expr"] for target in drawn["targets"]] == [q.expr for q in panel.queries]
        refs = [target["refId"] for target in drawn["targets"]]
        assert len(set(refs)) == len(refs)


def test_panels_do_not_lie_on_each_other(made):
    taken = set()
    for panel in made["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells
        assert max(x for x, _ in cells) < 24


def test_the_same_model_gives_the_same_dashboard(made):
    assert json.dumps(made) == json.dumps(dashboard("churn", ALL))
    assert made["uid"] != dashboard("other", ("traffic",))["uid"]
    assert len(made["uid"]) <= 40


def test_a_hostile_model_name_stays_in_its_quotes():
    (panel,) = panels('x"} or vector(1) #', ("accuracy",))
    assert 'model="x\\"} or vector(1) #"' in panel.queries[0].expr


def test_an_unknown_metric_gets_the_nearest():
    with pytest.raises(ConfigError) as caught:
        panels("churn", ("drift",))
    assert str(caught.value) == "no panel for 'drift'; did you mean 'drift_score'?"
    assert caught.value.hint.startswith("known: accuracy, precision")


def test_it_is_brought_into_grafana(made):
    with HttpSink() as sink:
        sink.answer = b'{"url": "/d/x/churn", "status": "success"}'
        base = sink.url.removesuffix("/hook")
        assert upload(made, f"{base}/", token="t") == f"{base}/d/x/churn"
        assert sink.paths == ["/api/dashboards/db"]
        assert sink.headers[0]["authorization"] == "Bearer t"
        assert sink.bodies[0]["overwrite"] is True
        assert sink.bodies[0]["dashboard"] == made
        sink.status = 401
        with pytest.raises(RemoteError) as caught:
            upload(made, base)
        assert str(caught.value) == "grafana did not take it: it answered 401 (no)"
