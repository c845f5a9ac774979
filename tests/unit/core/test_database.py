import sqlite3
import threading

import pytest
from sqlalchemy import insert, select, text

from mlwright.core.database import State
from mlwright.core.errors import Busy, UserError
from mlwright.core.state import outbox


def add(state: State, kind: str) -> None:
    with state.write() as connection:
        connection.execute(insert(outbox).values(kind=kind, payload={}, created=0.0))


def kinds(state: State) -> list[str]:
    with state.read() as connection:
        return list(connection.execute(select(outbox.c.kind).order_by(outbox.c.id)).scalars())


def test_what_is_written_is_there_after_opening_again(tmp_path):
    add(State(tmp_path / "s.db"), "a")
    assert kinds(State(tmp_path / "s.db")) == ["a"]


def test_a_failed_write_leaves_nothing(tmp_path):
    state = State(tmp_path / "s.db")

    def fail_half_way() -> None:
        with state.write() as connection:
            connection.execute(insert(outbox).values(kind="a", payload={}, created=0.0))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert kinds(state) == []


def test_a_locked_workspace_is_named_with_what_to_do(tmp_path):
    State(tmp_path / "s.db")
    holder = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Busy) as info:
        add(State(tmp_path / "s.db", wait=0.05), "a")
    holder.close()
    assert str(info.value) == f"the workspace {tmp_path} is locked by another process"
    assert info.value.hint == (
        "wait for the other mlwright command to end, or stop it, and try again"
    )


def test_writers_wait_for_each_other(tmp_path):
    state = State(tmp_path / "s.db")
    writers = [threading.Thread(target=add, args=(state, "x")) for _ in range(20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert kinds(state) == ["x"] * 20


def test_many_can_open_a_new_workspace_at_once(tmp_path):
    opened = []
    openers = [
        threading.Thread(target=lambda: opened.append(State(tmp_path / "s.db"))) for _ in range(8)
    ]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    assert len(opened) == 8


def test_an_older_database_is_migrated_once(tmp_path):
    add(State(tmp_path / "s.db", migrations=()), "a")
    newer = (("ALTER TABLE outbox ADD COLUMN attempts INTEGER DEFAULT 7",),)
    for _ in range(2):  # the second opening must not run it again
        migrated = State(tmp_path / "s.db", migrations=newer)
    with migrated.read() as connection:
        assert connection.execute(text("SELECT kind, attempts FROM outbox")).all() == [("a", 7)]


def test_a_folder_that_cannot_be_written_is_the_users_matter(tmp_path):
    with pytest.raises(UserError) as info:
        State(tmp_path / "none" / "s.db")
    assert str(info.value) == (
        f"the workspace {tmp_path / 'none'} cannot be used: unable to open database file"
    )
    assert info.value.hint == "make room on the disk, and make the folder writable"
    assert info.value.exit_code == 2


def test_a_migration_that_fails_changes_nothing(tmp_path):
    add(State(tmp_path / "s.db", migrations=()), "a")
    broken = (("ALTER TABLE outbox ADD COLUMN attempts INTEGER", "NO SUCH STATEMENT"),)
    with pytest.raises(Exception, match="syntax error"):
        State(tmp_path / "s.db", migrations=broken)
    with State(tmp_path / "s.db", migrations=()).read() as connection:
        assert "attempts" not in connection.execute(text("SELECT * FROM outbox")).keys()  # noqa: SIM118


def test_a_newer_database_is_refused(tmp_path):
    State(tmp_path / "s.db", migrations=((),))
    with pytest.raises(UserError) as info:
        State(tmp_path / "s.db", migrations=())
    assert str(info.value) == (
        f"the workspace {tmp_path} was written by a newer mlwright (schema 2, this one knows 1)"
    )
    assert info.value.hint == "pip install --upgrade mlwright"


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "s.db").write_text("not a database at all, " * 100)
    with pytest.raises(UserError, match=r"s\.db is damaged: file is not a database"):
        State(tmp_path / "s.db")
