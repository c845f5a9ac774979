from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys

import pytest

from mlwright.core.errors import RemoteError
from mlwright.predictions import segment
from mlwright.predictions.segment import Segment


def content(folder) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def test_nothing_is_made_before_the_first_line(tmp_path):
    Segment(tmp_path / "log", "x").close()
    assert not (tmp_path / "log").exists()


def test_lines_are_there_at_once_and_files_never_shared(tmp_path):
    first, second = Segment(tmp_path, "x"), Segment(tmp_path, "x")
    first.append([b"a\n", b"b\n"])
    second.append([b"c\n"])
    first.append([b"d\n"])
    assert content(tmp_path) == [b"a\nb\nd\n", b"c\n"]
    assert all(path.name.startswith("x-") for path in tmp_path.iterdir())
    first.close()
    second.close()


def test_a_full_file_is_followed_by_another(tmp_path):
    log = Segment(tmp_path, "x", size=4)
    for text in (b"a\n", b"b\n", b"c\n"):
        log.append([text])
    log.close()
    assert content(tmp_path) == [b"a\nb\n", b"c\n"]


def test_a_disk_that_takes_half_leaves_no_half_line(tmp_path, monkeypatch):
    log = Segment(tmp_path, "x")
    log.append([b"whole\n"])
    real, calls = os.write, []

    def write(file, data):
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data[:3])

    monkeypatch.setattr(segment.os, "write", write)
    with pytest.raises(RemoteError) as caught:
        log.append([b"lost\n", b"lost\n"])
    monkeypatch.undo()
    assert str(caught.value) == f"the log in {tmp_path} cannot be written: No space left on device"
    assert caught.value.hint == "make room on that disk; the log goes on by itself"
    assert content(tmp_path) == [b"whole\n"]
    log.append([b"again\n"])
    log.close()
    assert content(tmp_path) == [b"whole\nagain\n"]


def test_a_real_limit_of_the_system_keeps_what_was_acknowledged(tmp_path):
    code = """
import sys
from pathlib import Path
from mlwright.core.errors import RemoteError
from mlwright.predictions.segment import Segment
log = Segment(Path(sys.argv[1]), "x")
for count in range(100):
    try:
        log.append([b"line %03d\\n" % count])
    except RemoteError as exc:
        print(count, exc)
        break
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )
    assert done.stdout == f"11 the log in {tmp_path} cannot be written: File too large\n"
    assert content(tmp_path) == [b"".join(b"line %03d\n" % count for count in range(11))]


def test_what_belongs_with_something_that_failed_is_taken_back(tmp_path):
    log = Segment(tmp_path, "x")
    for text in (b"a\n", b"b\n"):
        log.append([text])
    log.take_back()
    log.append([b"c\n"])
    log.close()
    assert content(tmp_path) == [b"a\nc\n"]


def test_an_hour_that_is_over_ends_a_file(tmp_path, monkeypatch):
    log = Segment(tmp_path, "x")
    for now in (3600.0, 7199.9, 7200.0):
        monkeypatch.setattr(segment.clock, "now", lambda now=now: now)
        log.append([b"%d\n" % now])
    log.close()
    assert content(tmp_path) == [b"3600\n7199\n", b"7200\n"]


def test_every_file_is_given_to_who_brings_it_to_the_disk(tmp_path):
    log = Segment(tmp_path, "x", size=1, sync="later")
    for text in (b"a\n", b"b\n"):
        log.append([text])
    files = log.unsynced()
    assert len(files) == 2
    for file in files:
        os.close(file)
    again = log.unsynced()
    assert len(again) == 1
    os.close(again[0])
    log.close()
