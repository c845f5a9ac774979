import pytest

from mlwright.alerts.setup import plan, write
from mlwright.core.errors import ConfigError
from mlwright.core.settings import FILE, read_settings

SLACK = {"type": "slack", "webhook": "env:SLACK"}
WRITTEN = """\
# ours
model: {name: churn}  # a comment

alerts:  # who is told
  # the list
  channels:
    - {type: file, path: alerts.txt}

  # behind
  most_per_hour: 5
# the end
environments:
  production: {port: 8080}
"""


def labels(root):
    return [channel.label for channel in read_settings(root).alerts.channels]


def test_a_file_that_is_not_there_is_made(tmp_path):
    write(plan(tmp_path, [SLACK, {"type": "email", "to": "a@b.org"}]))
    assert (tmp_path / FILE).read_text() == (
        "alerts:\n  channels:\n    - {type: file, path: alerts.txt}\n"
        "    - {type: slack, webhook: 'env:SLACK'}\n    - {type: email, to: [a@b.org]}\n"
    )


def test_every_other_line_stays(tmp_path):
    (tmp_path / FILE).write_text(WRITTEN)
    write(plan(tmp_path, [SLACK]))
    assert (tmp_path / FILE).read_text() == WRITTEN.replace(
        "alerts.txt}\n", "alerts.txt}\n    - {type: slack, webhook: 'env:SLACK'}\n"
    )


def test_it_can_be_done_twice(tmp_path):
    write(plan(tmp_path, [SLACK]))
    before = (tmp_path / FILE).read_text()
    write(plan(tmp_path, [SLACK]))
    assert (tmp_path / FILE).read_text() == before


@pytest.mark.parametrize(
    "text",
    [
        "alerts:\n  most_per_hour: 3\n",
        "model:\n  name: x\nalerts:\n  channels: [{type: file, path: alerts.txt}]\n",
        "alerts:\n  channels:\n  - type: file\n    path: alerts.txt",
        "model: {name: x}",
        "# nothing but this\n",
        "alerts:\n  most_per_hour: 3\n  channels:\n    - type: file\n      path: alerts.txt\n\n\n",
    ],
)
def test_other_ways_to_write_it(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    before = read_settings(tmp_path)
    write(plan(tmp_path, [SLACK]))
    after = read_settings(tmp_path)
    assert labels(tmp_path) == ["file alerts.txt", "slack env:SLACK"]
    assert after.model == before.model
    assert after.alerts.most_per_hour == before.alerts.most_per_hour


def test_what_cannot_be_added_to_is_left_alone(tmp_path):
    (tmp_path / FILE).write_text("{alerts: {most_per_hour: 3}}\n")
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, [SLACK])
    assert str(caught.value) == "mlwright.yaml is written in a way that cannot be added to"


def test_a_wrong_channel_is_said(tmp_path):
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, [{"type": "email", "to": "nobody"}])
    assert str(caught.value) == "to: 'nobody' is not an e-mail address"
