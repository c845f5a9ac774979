"""`mlwright alerts` as a person runs it."""

import json

import pytest

from mlwright.alerts import Alert, send
from mlwright.cli.main import main
from mlwright.core.workspace import Workspace
from mlwright.testing.sinks import HttpSink

CLEAR = "https://hooks.slack.com/services/T0/B0/S3CR3T"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("SLACK_WEBHOOK_URL", "PAGERDUTY_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_setup_keeps_no_secret_in_clear(folder, capsys):
    command = f"alerts setup --slack_webhook {CLEAR} --pagerduty_key S3CR3T --email a@b.org --yes"
    assert main(command.split()) == 0
    shown = capsys.readouterr()
    text = (folder / "mlwright.yaml").read_text()
    assert "S3CR3T" not in text + shown.out + shown.err
    assert text == (
        "alerts:\n  channels:\n    - {type: file, path: alerts.txt}\n"
        "    - {type: slack, webhook: 'env:SLACK_WEBHOOK_URL'}\n"
        "    - {type: pagerduty, key: 'env:PAGERDUTY_KEY'}\n    - {type: email, to: [a@b.org]}\n"
    )
    assert "export SLACK_WEBHOOK_URL=…" in shown.err


def test_a_dry_run_writes_nothing(folder, capsys):
    Workspace.create(folder)
    assert main(["alerts", "setup", "--slack-webhook", "env:HOOK", "--dry-run"]) == 0
    assert "webhook: 'env:HOOK'" in capsys.readouterr().out
    assert not (folder / "mlwright.yaml").exists()


def test_setup_of_nothing_is_an_error(capsys):
    assert main(["alerts", "setup"]) == 2
    assert "no channel: give --slack-webhook" in capsys.readouterr().err


def test_a_test_says_which_channel_it_reached(folder, capsys, monkeypatch):
    with HttpSink() as sink:
        monkeypatch.setenv("PAGERDUTY_KEY", "key")
        Workspace.create(folder)
        (folder / "mlwright.yaml").write_text(
            "alerts:\n  channels:\n    - {type: file, path: a.txt}\n"
            f"    - {{type: pagerduty, key: env:PAGERDUTY_KEY, url: '{sink.url}'}}\n"
        )
        assert main(["alerts", "test", "--trigger_test_alert", "--json"]) == 0
        assert [body["event_action"] for body in sink.bodies] == ["trigger", "resolve"]
    arrived = json.loads(capsys.readouterr().out)["channels"]
    assert [trial["arrived"] for trial in arrived] == [True, True]
    assert main(["alerts", "test"]) == 4
    shown = capsys.readouterr()
    assert "the test alert did not arrive at pagerduty env:PAGERDUTY_KEY" in shown.err
    assert "Connection refused" in shown.out
    assert "mlwright/test" not in json.dumps([main(["alerts", "list", "--json"])])


def test_what_is_open_is_listed_with_whom_it_reached(folder, capsys):
    workspace = Workspace.create(folder)
    assert main(["alerts", "list"]) == 0
    assert capsys.readouterr().out == "no open alerts\n"
    words = dict.fromkeys(("model", "what", "value", "threshold", "action"), "word")
    alert = Alert(
        kind="data_drift", environment="production", causes=(), key="k", time=0.0, **words
    )
    send(workspace, alert)
    assert main(["alerts", "list", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)["alerts"]
    assert (shown["time"], shown["resolved"], shown["key"]) == ("1970-01-01T00:00:00Z", None, "k")
    assert [told["channel"] for told in shown["deliveries"]] == ["file alerts.txt"]
    assert main(["alerts", "list", "--environment", "staging"]) == 0
    assert capsys.readouterr().out == "no open alerts\n"
