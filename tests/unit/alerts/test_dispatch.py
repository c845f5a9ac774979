import threading
from dataclasses import replace

import pytest

from mlwright.alerts import Sent, deliveries, history, open_alerts, resolve, send
from mlwright.core import clock
from mlwright.core.errors import RemoteError
from mlwright.core.workspace import Workspace
from mlwright.testing.sinks import HttpSink

from .test_alert import ALERT


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setattr(deliveries, "WAITS", (0.0, 0.0))
    return Workspace.create(tmp_path)


@pytest.fixture
def sink():
    with HttpSink() as sink:
        yield sink


@pytest.fixture
def time(monkeypatch):
    """A clock that is put forward by hand."""
    now = [ALERT.time]
    monkeypatch.setattr(clock, "now", lambda: now[0])
    return now


def configure(workspace, *channels, more=""):
    lines = "".join(f"    - {channel}\n" for channel in channels)
    (workspace.root / "mlwright.yaml").write_text(f"alerts:\n{more}  channels:\n{lines}")
    return Workspace(workspace.root)


def told(workspace):
    """(channel, event, whether it arrived) of the newest alert."""
    found = history(workspace)[0].deliveries
    return sorted((d["channel"], d["event"], d["arrived"] is not None) for d in found)


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


def test_every_channel_of_the_settings_is_told(workspace):
    (workspace.root / "mlwright.yaml").write_text(
        "alerts:\n  channels:\n"
        "    - {type: file, path: a/alerts.txt}\n    - {type: file, path: b.jsonl}\n"
    )
    assert send(workspace, ALERT).channels == ("file a/alerts.txt", "file b.jsonl")
    assert (workspace.root / "a" / "alerts.txt").exists()
    assert (workspace.root / "b.jsonl").read_text().count("\n") == 1


def test_who_was_told_is_told_of_the_end(workspace):
    send(workspace, ALERT)
    assert resolve(workspace, ALERT.key)
    text = (workspace.root / "alerts.txt").read_text()
    assert text.count("🚨") == text.count("✅") == 1
    assert told(workspace) == [
        ("file alerts.txt", "opened", True),
        ("file alerts.txt", "resolved", True),
    ]


def test_a_failure_is_tried_three_times_then_another_is_told(workspace, sink):
    sink.status = 500
    workspace = configure(workspace, f"{{type: webhook, url: '{sink.url}'}}")
    said = []
    sent = send(workspace, ALERT, say=said.append)
    assert len(sink.bodies) == 3
    label = f"webhook {sink.url}"
    why = "the webhook did not take it: it answered 500 (no)"
    assert sent == Sent(("file alerts.txt",), duplicate=False, failed=((label, why),))
    assert said == [
        f"alert {ALERT.key} not sent to {label}: {why}",
        f"alert {ALERT.key} sent to file alerts.txt",
    ]
    assert f"- {label} did not take this alert" in (workspace.root / "alerts.txt").read_text()


def test_the_configured_fallback_is_told_and_not_before(workspace, sink):
    workspace = configure(
        workspace,
        f"{{type: webhook, url: '{sink.url}'}}",
        "{type: file, path: spare.txt, fallback: true}",
    )
    assert send(workspace, ALERT).channels == (f"webhook {sink.url}",)
    assert not (workspace.root / "spare.txt").exists()
    sink.status = 503
    assert send(workspace, replace(ALERT, key="other")).channels == ("file spare.txt",)
    assert not (workspace.root / "alerts.txt").exists()


def test_what_failed_is_tried_again_later_and_not_at_once(workspace, sink, time):
    workspace = configure(workspace, f"{{type: webhook, url: '{sink.url}'}}")
    sink.status = 500
    send(workspace, ALERT)
    sink.status = 200
    sink.bodies.clear()
    send(workspace, ALERT)
    assert sink.bodies == []
    time[0] += deliveries.LATER[0]
    assert send(workspace, ALERT).duplicate
    assert [body["key"] for body in sink.bodies] == [ALERT.key]


def test_after_a_day_it_is_given_up(workspace, sink, time):
    workspace = configure(workspace, f"{{type: webhook, url: '{sink.url}'}}")
    sink.status = 500
    send(workspace, ALERT)
    for later in deliveries.LATER:
        time[0] += later
        send(workspace, ALERT)
    assert sum(deliveries.LATER) > 0.9 * 86400
    sink.bodies.clear()
    time[0] += 1e6
    send(workspace, ALERT)
    assert sink.bodies == []
    (failed,) = [d for d in history(workspace)[0].deliveries if d["arrived"] is None]
    assert (failed["tries"], failed["next"]) == (7, None)


def test_when_nobody_takes_it_that_is_said_and_it_is_kept(workspace):
    (workspace.root / "alerts.txt").mkdir()
    with pytest.raises(RemoteError) as caught:
        send(workspace, ALERT)
    assert str(caught.value) == (
        f"nobody could be told of the alert {ALERT.key}: file alerts.txt: "
        f"the alert was not written to {workspace.root}/alerts.txt: Is a directory"
    )
    assert open_alerts(workspace) == [ALERT]


def test_a_missing_secret_is_a_failure_of_that_channel_alone(workspace, monkeypatch):
    monkeypatch.delenv("NO_SUCH", raising=False)
    workspace = configure(
        workspace, "{type: slack, webhook: env:NO_SUCH}", "{type: file, path: a.txt}"
    )
    sent = send(workspace, ALERT)
    assert set(sent.channels) == {"file a.txt", "file alerts.txt"}
    assert sent.failed == (("slack env:NO_SUCH", "the environment variable NO_SUCH is not set"),)


def test_an_end_before_it_was_told_is_told_to_nobody(workspace, sink, time):
    workspace = configure(workspace, f"{{type: webhook, url: '{sink.url}'}}")
    sink.status = 500
    send(workspace, ALERT)
    resolve(workspace, ALERT.key)
    sink.bodies.clear()
    sink.status = 200
    time[0] += 1e5
    resolve(workspace, "something else")
    assert sink.bodies == []
    text = (workspace.root / "alerts.txt").read_text()
    assert text.count("✅") == 1  # who stood in is told


def test_the_state_is_free_while_a_channel_is_told(workspace, sink):
    workspace = configure(workspace, f"{{type: webhook, url: '{sink.url}'}}")
    sink.hold.clear()
    sender = threading.Thread(target=send, args=(workspace, ALERT))
    sender.start()
    assert sink.arrived.wait(10)
    with Workspace(workspace.root).state.write():  # would be Busy after five seconds
        pass
    sink.hold.set()
    sender.join()
    assert told(workspace) == [(f"webhook {sink.url}", "opened", True)]


def test_who_has_no_time_does_not_wait_for_a_channel(workspace, sink):
    workspace = configure(workspace, f"{{type: webhook, url: '{sink.url}'}}")
    sink.hold.clear()
    assert send(workspace, ALERT, patience=0.05) == Sent((), duplicate=False)
    assert open_alerts(workspace) == [ALERT]
    sink.hold.set()
    for thread in threading.enumerate():
        if thread.name.startswith("alerts"):
            thread.join()
    assert told(workspace) == [(f"webhook {sink.url}", "opened", True)]


def test_an_end_while_it_is_being_told_is_told_afterwards(workspace, sink):
    workspace = configure(workspace, f"{{type: webhook, url: '{sink.url}'}}")
    sink.hold.clear()
    sender = threading.Thread(target=send, args=(workspace, ALERT))
    sender.start()
    assert sink.arrived.wait(10)
    assert resolve(Workspace(workspace.root), ALERT.key)
    sink.hold.set()
    sender.join()
    assert [body["status"] for body in sink.bodies] == ["firing", "resolved"]


def test_a_teller_that_died_is_followed_by_another(workspace, time, monkeypatch):
    def dies(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(deliveries, "_tell", dies)
        with pytest.raises(KeyboardInterrupt):
            send(workspace, ALERT)
    send(workspace, ALERT)
    assert not (workspace.root / "alerts.txt").exists()  # another may be telling it now
    time[0] += deliveries.LEASE
    send(workspace, ALERT)
    assert (workspace.root / "alerts.txt").read_text().count("🚨") == 1


def test_beyond_the_limit_a_channel_gets_the_rest_later(workspace, time):
    workspace = configure(workspace, "{type: file, path: a.txt}", more="  most_per_hour: 2\n")
    said = []
    for number in range(4):
        time[0] += 60
        send(workspace, replace(ALERT, key=f"key{number}"), say=said.append)
    path = workspace.root / "a.txt"
    assert path.read_text().count("🚨") == 2
    held = [line for line in said if line.startswith("held back")]
    assert (
        held == ["held back until 2024-01-15T15:31:00Z: file a.txt was told enough this hour"] * 2
    )
    assert resolve(workspace, "key3")  # was never told
    time[0] += 3600
    send(workspace, replace(ALERT, key="key0"))
    assert path.read_text().count("🚨") == 3
    assert path.read_text().count("✅") == 0
