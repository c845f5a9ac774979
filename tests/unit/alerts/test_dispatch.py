from dataclasses import replace

import pytest

from mlwright.alerts import Sent, open_alerts, resolve, send
from mlwright.core.errors import RemoteError
from mlwright.core.workspace import Workspace

from .test_alert import ALERT


@pytest.fixture
def workspace(tmp_path):
    return Workspace.create(tmp_path)


def test_an_alert_goes_to_the_default_file(workspace):
    said = []
    assert send(workspace, ALERT, say=said.append) == Sent(("file alerts.txt",), duplicate=False)
    assert (workspace.root / "alerts.txt").read_text() == ALERT.text() + "\n\n"
    assert said == ["alert production/churn/1/data_drift sent to file alerts.txt"]


def test_an_open_condition_is_told_once(workspace):
    send(workspace, ALERT)
    assert send(workspace, replace(ALERT, value="0.4")) == Sent((), duplicate=True)
    assert open_alerts(workspace) == [ALERT]
    assert (workspace.root / "alerts.txt").read_text().count("🚨") == 1


def test_a_resolved_condition_is_told_again(workspace):
    assert not resolve(workspace, ALERT.key)
    send(workspace, ALERT)
    assert resolve(workspace, ALERT.key)
    assert open_alerts(workspace) == []
    assert not send(workspace, ALERT).duplicate
    assert (workspace.root / "alerts.txt").read_text().count("🚨") == 2


def test_resolving_a_key_resolves_what_is_below_it(workspace):
    keys = ("production/churn/1/a", "production/churn/2/b", "production/churn_2", "production/c")
    for key in keys:
        send(workspace, replace(ALERT, key=key))
    assert resolve(workspace, "production/churn")
    assert [alert.key for alert in open_alerts(workspace)] == list(keys[2:])


def test_conditions_are_told_apart(workspace):
    send(workspace, ALERT)
    other = replace(ALERT, key="other", environment="staging")
    assert not send(workspace, other).duplicate
    assert open_alerts(workspace) == [ALERT, other]
    assert open_alerts(workspace, "staging") == [other]


def test_an_undelivered_alert_is_not_open(workspace):
    blocked = workspace.root / "alerts.txt"
    blocked.mkdir()
    with pytest.raises(RemoteError):
        send(workspace, ALERT)
    assert open_alerts(workspace) == []
    blocked.rmdir()
    assert not send(workspace, ALERT).duplicate


def test_every_channel_of_the_settings_is_told(workspace):
    (workspace.root / "mlwright.yaml").write_text(
        "alerts:\n  channels:\n"
        "    - {type: file, path: a/alerts.txt}\n    - {type: file, path: b.jsonl}\n"
    )
    assert send(workspace, ALERT).channels == ("file a/alerts.txt", "file b.jsonl")
    assert (workspace.root / "a" / "alerts.txt").exists()
    assert (workspace.root / "b.jsonl").read_text().count("\n") == 1
