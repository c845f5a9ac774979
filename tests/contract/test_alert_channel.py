import warnings

import pytest

from mlwright.alerts.email import EmailChannel
from mlwright.alerts.file import FileChannel
from mlwright.alerts.pagerduty import PagerDutyChannel
from mlwright.alerts.slack import SlackChannel
from mlwright.alerts.webhook import WebhookChannel
from mlwright.core.channels import EmailChannel as EmailSettings
from mlwright.testing.alert_channel import AlertChannelContract
from mlwright.testing.sinks import HttpSink, SmtpSink


class FileContract(AlertChannelContract):
    suffix = ""

    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "folder" / f"alerts{self.suffix}"

    @pytest.fixture
    def channel(self, path):
        return FileChannel(path)

    @pytest.fixture
    def broken(self, tmp_path):
        (tmp_path / f"taken{self.suffix}").mkdir()
        return FileChannel(tmp_path / f"taken{self.suffix}")


class TestTextFile(FileContract):
    suffix = ".txt"

    @pytest.fixture
    def delivered(self, path):
        def read():
            text = path.read_text() if path.exists() else ""
            return [f"🚨{block}" for block in text.split("🚨")[1:]]

        return read


class TestJsonLines(FileContract):
    suffix = ".jsonl"

    @pytest.fixture
    def delivered(self, path):
        return lambda: path.read_text().splitlines() if path.exists() else []


class HttpContract(AlertChannelContract):
    """A channel over HTTP; `open` makes it for an address, `text` reads a body."""

    @pytest.fixture
    def sink(self):
        with HttpSink() as sink:
            yield sink

    @pytest.fixture
    def channel(self, sink):
        return self.open(sink.url)

    @pytest.fixture
    def delivered(self, sink):
        return lambda: [self.text(body) for body in sink.bodies]

    @pytest.fixture
    def broken(self):
        with HttpSink() as sink:
            sink.status = 400
            yield self.open(sink.url)


class TestSlack(HttpContract):
    def open(self, url):
        return SlackChannel(url)

    def text(self, body):
        return "\n".join(block["text"]["text"] for block in body["blocks"])


class TestPagerDuty(HttpContract):
    def open(self, url):
        return PagerDutyChannel(url, "key")

    def text(self, body):
        return body["payload"]["custom_details"]["alert"]


class TestWebhook(HttpContract):
    def open(self, url):
        return WebhookChannel(url)

    def text(self, body):
        return body["text"]


# apprise imports modules of the standard library that are on their way out
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestApprise(HttpContract):
    def open(self, url):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            pytest.importorskip("apprise", reason="apprise is not installed")
        from mlwright.alerts.apprise import AppriseChannel

        return AppriseChannel(url.replace("http", "json"), name="apprise env:X")

    def text(self, body):
        return f"{body['title']}\n{body['message']}"


class TestEmail(AlertChannelContract):
    @pytest.fixture
    def sink(self):
        with SmtpSink() as sink:
            yield sink

    @pytest.fixture
    def channel(self, sink):
        return EmailChannel(self.settings(sink), None)

    @pytest.fixture
    def delivered(self, sink):
        return lambda: [mail.get_content() for mail in sink.mails]

    @pytest.fixture
    def broken(self):
        with SmtpSink() as sink:
            sink.refusal = "550 no"
            yield EmailChannel(self.settings(sink), None)

    def settings(self, sink):
        return EmailSettings(to=("a@example.org",), host="127.0.0.1", port=sink.port)
