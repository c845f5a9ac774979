from __future__ import annotations

import asyncio

import pytest

from mlwright.core.errors import RemoteError
from mlwright.serve.journal import Journal


def test_lines_of_a_turn_are_written_together_and_before_the_future_is_done(tmp_path):
    async def run():
        journal = Journal(tmp_path)
        first, second = journal.append([b"a\n"]), journal.append([b"b\n"], b"o\n")
        assert first is second
        assert not list(tmp_path.iterdir())
        await first
        found = {path.name.split("-")[0]: path.read_bytes() for path in tmp_path.iterdir()}
        third = journal.append([b"c\n"])
        assert third is not first
        await third
        journal.close()
        return found

    assert asyncio.run(run()) == {"predictions": b"a\nb\n", "outcomes": b"o\n"}


def test_a_disk_that_refuses_reaches_all_who_wait_and_the_next_turn_works(tmp_path):
    folder = tmp_path / "log"
    folder.write_text("in the way")

    async def run():
        journal = Journal(folder)
        waiting = [journal.append([b"a\n"]), journal.append([b"b\n"])]
        for each in waiting:
            with pytest.raises(RemoteError, match="cannot be written"):
                await each
        folder.unlink()
        await journal.append([b"c\n"])
        journal.close()

    asyncio.run(run())
    assert [path.read_bytes() for path in folder.iterdir()] == [b"c\n"]
