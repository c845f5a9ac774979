from __future__ import annotations

import errno
import sys

from mlwright.serve.complaints import complain, place_of


def test_a_kind_is_said_once_a_second(capsys, monkeypatch):
    now = [10.0]
    monkeypatch.setattr("mlwright.serve.complaints.time.monotonic", lambda: now[0])
    for text in ("one", "two"):
        complain("a", text)
    complain("b", "three")
    now[0] += 1
    complain("a", "four")
    assert capsys.readouterr().err == "one\nthree\nfour\n"


def test_a_stderr_that_refuses_is_no_error(monkeypatch):
    class Full:
        def write(self, text: str) -> None:
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(sys, "stderr", Full())
    complain("a", "text")


def test_the_place_has_no_message():
    try:
        raise ValueError("secret")
    except ValueError as exc:
        place = place_of(exc)
    assert place.rpartition(":")[0] == __file__
