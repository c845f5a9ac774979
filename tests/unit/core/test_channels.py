import pytest

from mlwright.core.errors import ConfigError
from mlwright.core.settings import read_settings


def test_every_kind_of_channel_is_read(tmp_path):
    (tmp_path / "mlwright.yaml").write_text(
        "alerts:\n  channels:\n    - {type: file, path: a.txt, fallback: true}\n"
        "    - {type: slack, webhook: env:SLACK}\n    - {type: pagerduty, key: env:PD}\n"
        "    - {type: email, to: 'a@b.c, d@e.f', host: mail}\n"
        "    - {type: webhook, url: 'https://x/y?token=1'}\n    - {type: apprise, url: env:AP}\n"
    )
    assert [channel.label for channel in read_settings(tmp_path).alerts.channels] == [
        "file a.txt",
        "slack env:SLACK",
        "pagerduty env:PD",
        "email a@b.c, d@e.f",
        "webhook https://x/y",
        "apprise env:AP",
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "{type: slack, webhook: 'https://hooks.slack.com/services/x'}",
            "webhook: a secret is written as a reference, env:NAME, never in clear",
        ),
        ("{type: slak, webhook: env:X}", "Input tag 'slak' found using 'type' does not match"),
        ("{type: email, to: 'a b@c'}", "to: 'a b@c' is not an e-mail address"),
        ("{type: webhook, url: 'ftp://x'}", "url: an address begins with https:// or http://"),
        ("{type: pagerduty, kee: env:X}", "kee: unknown key; did you mean 'key'?"),
    ],
)
def test_a_wrong_channel_is_named_with_its_place(tmp_path, line, complaint):
    path = tmp_path / "mlwright.yaml"
    path.write_text(f"alerts:\n  channels:\n    - {line}\n")
    with pytest.raises(ConfigError) as caught:
        read_settings(tmp_path)
    assert f"{path}:3:" in str(caught.value)
    assert complaint in str(caught.value)


def test_the_settings_are_printed_as_they_are_written(tmp_path):
    (tmp_path / "mlwright.yaml").write_text("alerts:\n  rules: [p95 >  500ms]\n")
    assert read_settings(tmp_path).model_dump(mode="json")["alerts"]["rules"] == ["p95 > 500ms"]
