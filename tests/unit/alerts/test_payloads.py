"""The shapes that Slack, PagerDuty, webhooks and mail servers are sent, at real sockets."""

from dataclasses import replace

import pytest

from mlwright.alerts.channels import CHANNELS
from mlwright.alerts.pagerduty import dedup_key
from mlwright.core.channels import EmailChannel, PagerDutyChannel, SlackChannel, WebhookChannel
from mlwright.core.errors import ConfigError, RemoteError
from mlwright.testing.sinks import HttpSink, SmtpSink

from .test_alert import ALERT

ENDED = replace(ALERT, resolved=ALERT.time + 3600)


@pytest.fixture
def sink(monkeypatch):
    with HttpSink() as sink:
        monkeypatch.setenv("HOOK", sink.url)
        monkeypatch.setenv("KEY", "k" * 32)
        yield sink


@pytest.fixture
def mail():
    with SmtpSink() as sink:
        yield sink


def opened(settings, tmp_path):
    return CHANNELS.load(settings.type)(settings, tmp_path)


def test_slack_gets_a_heading_and_a_text_without_mentions(sink, tmp_path):
    sink.answer = b"ok"
    channel = opened(SlackChannel(webhook="env:HOOK"), tmp_path)
    channel.send(replace(ALERT, causes=("Drift in:", "<!channel> & co")))
    channel.send(ENDED)
    first, second = sink.bodies
    assert first["text"] == "🚨 ML Model Alert: Data Drift · churn:1 (production)"
    header, section = first["blocks"]
    assert header == {
        "type": "header",
        "text": {"type": "plain_text", "text": "🚨 ML Model Alert: Data Drift", "emoji": True},
    }
    assert section["text"]["type"] == "mrkdwn"
    assert "- &lt;!channel&gt; &amp; co\n" in section["text"]["text"]
    assert second["blocks"][0]["text"]["text"] == "✅ ML Model Alert resolved: Data Drift"
    assert second["blocks"][1]["text"]["text"] == (
        "Model: churn:1 (production)\nLargest Drift was: 0.31 (threshold: 0.05)\n"
        "Time: 2024-01-15 14:30 UTC to 2024-01-15 15:30 UTC"
    )
    assert sink.headers[0]["content-type"] == "application/json; charset=utf-8"


def test_slack_text_is_within_its_limits(sink, tmp_path):
    channel = opened(SlackChannel(webhook="env:HOOK"), tmp_path)
    channel.send(replace(ALERT, kind="k" * 400, causes=tuple("c" * 100 for _ in range(100))))
    header, section = sink.bodies[0]["blocks"]
    assert len(header["text"]["text"]) == 150
    assert len(section["text"]["text"]) == 3000


def test_slack_that_refuses_with_200_is_a_failure(sink, tmp_path):
    sink.answer = b"invalid_payload"
    with pytest.raises(RemoteError, match="slack did not take it: it answered 'invalid_payload'"):
        opened(SlackChannel(webhook="env:HOOK"), tmp_path).send(ALERT)


def test_pagerduty_gets_a_trigger_and_a_resolve_of_one_key(sink, tmp_path):
    sink.status = 202
    channel = opened(PagerDutyChannel(key="env:KEY", url=sink.url), tmp_path)
    channel.send(ALERT)
    channel.send(ENDED)
    assert sink.bodies == [
        {
            "routing_key": "k" * 32,
            "dedup_key": "production/churn/1/data_drift",
            "event_action": "trigger",
            "client": "mlwright",
            "payload": {
                "summary": "Data Drift: churn:1 (production), Largest Drift 0.31 (threshold: 0.05)",
                "source": "mlwright/production",
                "severity": "warning",
                "timestamp": "2024-01-15T14:30:00Z",
                "component": "churn:1",
                "class": "data_drift",
                "custom_details": {
                    "alert": ALERT.text(),
                    "action": "mlwright retrain run --environment production",
                },
            },
        },
        {
            "routing_key": "k" * 32,
            "dedup_key": "production/churn/1/data_drift",
            "event_action": "resolve",
        },
    ]


def test_a_long_key_is_hashed_and_stays_stable():
    assert len(dedup_key("x" * 256)) == 64
    assert dedup_key("x" * 256) == dedup_key("x" * 256) != dedup_key("x" * 257)


def test_a_webhook_gets_the_alert_its_status_and_the_token(sink, tmp_path):
    channel = opened(WebhookChannel(url=sink.url, token="env:KEY"), tmp_path)
    channel.send(ALERT)
    channel.send(ENDED)
    assert sink.bodies[0] == {"status": "firing", **ALERT.to_json(), "text": ALERT.text()}
    assert sink.bodies[1]["status"] == "resolved"
    assert sink.headers[0]["authorization"] == f"Bearer {'k' * 32}"


def test_a_redirect_is_no_delivery(sink, tmp_path):
    sink.status = 302
    with pytest.raises(RemoteError, match=r"the webhook did not take it: it answered 302 \(no\)"):
        opened(WebhookChannel(url=sink.url), tmp_path).send(ALERT)
    assert len(sink.bodies) == 1


def test_an_error_never_shows_the_address(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK", "http://127.0.0.1:1/services/S3CR3T")
    with pytest.raises(RemoteError) as caught:
        opened(SlackChannel(webhook="env:HOOK"), tmp_path).send(ALERT)
    assert str(caught.value) == (
        "slack did not take it: it cannot be reached: [Errno 111] Connection refused"
    )
    assert caught.value.hint == (
        "look at the channel under alerts.channels in mlwright.yaml, then: mlwright alerts test"
    )


@pytest.mark.parametrize("url", ["ftp://x/y", "file:///etc/passwd", "not an address"])
def test_a_secret_address_that_is_none_is_refused(tmp_path, monkeypatch, url):
    monkeypatch.setenv("HOOK", url)
    with pytest.raises(ConfigError) as caught:
        opened(SlackChannel(webhook="env:HOOK"), tmp_path)
    assert str(caught.value) == "env:HOOK holds no address of http:// or https://"


def test_a_mail_has_what_a_reader_needs(mail, tmp_path):
    settings = EmailChannel(
        to=("a@example.org", "b@example.org"),
        host="127.0.0.1",
        port=mail.port,
        sender="ml@example.org",
    )
    channel = opened(settings, tmp_path)
    channel.send(ALERT)
    channel.send(ENDED)
    first, second = mail.mails
    assert mail.recipients == [["a@example.org", "b@example.org"]] * 2
    assert first["subject"] == "🚨 ML Model Alert: Data Drift: churn:1 (production)"
    assert first["from"] == "ml@example.org"
    assert first["to"] == "a@example.org, b@example.org"
    assert first.get_content() == ALERT.text() + "\n"
    assert second["subject"].startswith("✅ ML Model Alert resolved: Data Drift")
    assert first["references"] == second["references"]
    assert first["message-id"] != second["message-id"]
    assert first["auto-submitted"] == "auto-generated"


def test_a_hostile_model_name_makes_no_header(mail, tmp_path):
    settings = EmailChannel(to=("a@example.org",), host="127.0.0.1", port=mail.port)
    opened(settings, tmp_path).send(replace(ALERT, model="x\r\nBcc: evil@example.org"))
    assert mail.mails[0]["bcc"] is None


def test_a_mail_that_is_refused_says_by_whom(mail, tmp_path):
    mail.refusal = "550 no such person"
    settings = EmailChannel(to=("a@example.org",), host="127.0.0.1", port=mail.port)
    with pytest.raises(RemoteError) as caught:
        opened(settings, tmp_path).send(ALERT)
    assert str(caught.value) == (
        f"127.0.0.1:{mail.port} did not take it: it refused a@example.org (550 no such person)"
    )
