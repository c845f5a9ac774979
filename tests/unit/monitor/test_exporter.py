import threading
import urllib.request

import pytest

from mlwright.core.errors import Busy
from mlwright.monitor.check import check
from mlwright.monitor.exporter import GAUGES, server, text
from mlwright.monitor.tell import tell

from .conftest import NOON, draw, truths


@pytest.fixture
def watched(production):
    ids, scores = production.answer(draw(1000, 3, pay=1.0))
    production.label(ids, truths(scores))
    found = check(production.workspace, "production", since=NOON - 60, until=NOON + 3600)
    tell(production.workspace, found)
    return production.workspace


def test_the_newest_check_is_on_the_page(watched):
    page = text(watched)
    where = 'environment="production",model="churn",version="1"'
    assert f"mlwright_check_rows{{{where}}} 1000\n" in page
    assert f'mlwright_check_verdict{{{where},verdict="drift"}} 1.0\n' in page
    assert f'mlwright_check_verdict{{{where},verdict="ok"}} 0.0\n' in page
    assert f'mlwright_check_drift_score{{{where},feature="pay",kind="data_drift"}} 0.' in page
    assert f'mlwright_check_metric{{{where},metric="accuracy"}} 0.' in page
    assert f'mlwright_check_latency_seconds{{{where},quantile="0.95"}} 0.0' in page
    opened = 'environment="production",model="churn",kind="data_drift"'
    assert f"mlwright_open_alerts{{{opened}}} 1.0\n" in page


def test_every_line_is_of_a_gauge_that_is_explained(watched):
    for line in text(watched).splitlines():
        name = line.split()[2] if line.startswith("#") else line.partition("{")[0]
        assert name.removeprefix("mlwright_") in GAUGES


def test_without_a_check_the_page_has_no_samples(workspace):
    assert all(line.startswith("#") for line in text(workspace).splitlines())


def test_it_answers_over_http_and_a_taken_port_is_named(watched):
    with server(watched, host="127.0.0.1", port=0) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{serving.server_port}/metrics"
        with urllib.request.urlopen(url) as answer:
            assert answer.read().decode() == text(watched)
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        with pytest.raises(Busy) as caught:
            server(watched, host="127.0.0.1", port=serving.server_port)
        assert str(caught.value) == (
            f"127.0.0.1:{serving.server_port} cannot be listened on: Address already in use"
        )
        serving.shutdown()
        thread.join()
