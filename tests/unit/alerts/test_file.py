import os

import pytest

from mlwright.alerts.file import FileChannel
from mlwright.core.errors import RemoteError

from .test_alert import ALERT


def test_the_reason_of_a_failure_is_said(tmp_path):
    with pytest.raises(RemoteError) as caught:
        FileChannel(tmp_path).send(ALERT)
    assert str(caught.value) == f"the alert was not written to {tmp_path}: Is a directory"
    assert caught.value.hint == (
        "make the file writable, or name another one under alerts.channels in mlwright.yaml; "
        "the alert is sent again later"
    )


def test_half_a_write_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "write", lambda _handle, data: len(data) // 2)
    with pytest.raises(RemoteError, match="the disk took only a part"):
        FileChannel(tmp_path / "alerts.txt").send(ALERT)


@pytest.mark.parametrize("name", ["alerts.txt", "alerts.jsonl"])
def test_each_alert_is_one_write(tmp_path, monkeypatch, name):
    writes = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: writes.append(data) or real(handle, data))
    FileChannel(tmp_path / name).send(ALERT)
    assert len(writes) == 1
    assert (tmp_path / name).read_bytes() == writes[0]
