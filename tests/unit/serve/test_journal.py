from __future__ import annotations

import asyncio
import os

import pytest

from mlwright.core.errors import RemoteError
from mlwright.serve import journal as module
from mlwright.serve.journal import Journal
from mlwright.serve.spec import LogPolicy


def found(folder) -> dict[str, bytes]:
    return {path.name.split("-")[0]: path.read_bytes() for path in sorted(folder.iterdir())}


def in_loop(function):
    async def run():
        return function()

    return asyncio.run(run())


def test_lines_and_outcomes_go_to_files_of_their_own(tmp_path):
    def run():
        journal = Journal(tmp_path)
        journal.write([b"a\n", b"b\n"], [b"o\n"])
        journal.close()

    in_loop(run)
    assert found(tmp_path) == {"predictions": b"a\nb\n", "outcomes": b"o\n"}


def test_a_prediction_whose_outcome_is_refused_is_taken_back(tmp_path, monkeypatch):
    def run():
        journal = Journal(tmp_path)
        journal.write([b"a\n"])

        def refuse(lines):
            raise RemoteError("full")

        monkeypatch.setattr(journal._outcomes, "append", refuse)
        with pytest.raises(RemoteError, match="full"):
            journal.write([b"b\n"], [b"o\n"])
        monkeypatch.undo()
        journal.write([b"c\n"], [b"o\n"])
        journal.close()

    in_loop(run)
    assert found(tmp_path) == {"predictions": b"a\nc\n", "outcomes": b"o\n"}


def test_a_disk_that_refuses_keeps_nothing_and_the_next_turn_works(tmp_path):
    folder = tmp_path / "log"
    folder.write_text("in the way")

    def run():
        journal = Journal(folder)
        with pytest.raises(RemoteError, match="cannot be written"):
            journal.write([b"a\n"])
        folder.unlink()
        journal.write([b"c\n"])
        journal.close()

    in_loop(run)
    assert found(folder) == {"predictions": b"c\n"}


@pytest.mark.parametrize(("sync", "at_once"), [("interval", 0), ("always", 2)])
def test_the_disk_has_it_before_the_answer_or_within_an_interval(
    tmp_path, monkeypatch, sync, at_once
):
    synced = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: (synced.append(file), real(file)))
    monkeypatch.setattr(module, "EVERY", 0.01)

    async def run():
        journal = Journal(tmp_path, LogPolicy(sync=sync))
        journal.write([b"a\n"])
        journal.write([b"b\n"])
        before = len(synced)
        lag = journal.lag
        while not synced:
            await asyncio.sleep(0.005)
        journal.close()
        return before, lag, journal.lag

    before, lag, after = asyncio.run(run())
    assert before == at_once
    assert (lag > 0) == (sync == "interval")
    assert after == 0
