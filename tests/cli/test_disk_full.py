"""A disk that fills up: it is said, nothing is half registered, and with room all goes on."""

import contextlib
import errno
import json
import random
import resource
from pathlib import Path

import pytest
from sqlalchemy import event

from mlwright.cli.main import main
from mlwright.core.workspace import Workspace
from mlwright.track import models
from mlwright.track.records import list_runs

ROWS = 200


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch, untold):
    monkeypatch.chdir(tmp_path)
    chance = random.Random(0)
    lines = ["tenure,fee,left"]
    for _ in range(ROWS):
        tenure = chance.random()
        left = "yes" if tenure + chance.random() > 1 else "no"
        lines.append(f"{tenure:.6f},{chance.random():.4f},{left}")
    Path("table.csv").write_text("\n".join(lines) + "\n")


@contextlib.contextmanager
def largest_file(size):
    """Let no file grow beyond a size, as a disk that is full lets none."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def run(command, *arguments):
    return main([command, "--data", "table.csv", "--target", "left", "--json", *arguments])


def left_behind():
    """Return the versions, the bundles' files, and how each run ended."""
    workspace = Workspace(Path())
    bundles = [path.name for path in workspace.bundles.rglob("*") if path.is_file()]
    return models.list_models(workspace), bundles, [run.status for run in list_runs(workspace)]


def test_while_a_bundle_is_written(capsys):
    trees = ("--algorithm", "random_forest", "--n-estimators", "100")
    with largest_file(100_000):
        assert run("train", *trees) == 2
    assert capsys.readouterr().err.endswith(
        f"error: {Path().resolve()}/.mlwright/bundles: the bundle cannot be written: "
        "File too large\nhint: make room, or make the folder writable\n"
    )
    versions, bundles, ended = left_behind()
    assert (versions, bundles) == ([], [])
    assert sorted(ended) == ["failed", "finished", "finished"]  # the baselines' ended before
    assert run("train", "--algorithm", "dummy") == 0
    assert [version.version for version in left_behind()[0]] == [1]


def test_while_a_version_is_registered(capsys, monkeypatch):
    def full(workspace, _name, *arguments, **options):
        @event.listens_for(workspace.state._engine, "connect")
        def _full(connection, _record):
            connection.execute("PRAGMA max_page_count = 1")

        # A name longer than a page needs a page that the database cannot have.
        return register(workspace, "left" * 2000, *arguments, **options)

    register = models.register
    monkeypatch.setattr(models, "checked_name", lambda name, kind: name)
    monkeypatch.setattr(models, "register", full)
    assert run("train", "--algorithm", "dummy") == 2
    assert capsys.readouterr().err.endswith(
        f"error: the workspace {Path().resolve()}/.mlwright cannot be used: database or disk is "
        "full\nhint: make room on the disk, and make the folder writable\n"
    )
    assert left_behind()[0] == []
    monkeypatch.setattr(models, "register", register)
    assert run("train", "--algorithm", "dummy") == 0
    assert [version.version for version in left_behind()[0]] == [1]


def test_while_a_search_is_begun(capsys):
    search = ("--algorithm", "linear", "--trials", "2", "--cv-folds", "2")
    Workspace.create(Path()).state  # noqa: B018  # makes the database
    with largest_file(100_000):
        assert run("tune", *search) == 2
    err = capsys.readouterr().err
    assert err.endswith(
        f"error: the searches' file {Path().resolve()}/.mlwright/studies.db cannot be used: "
        "disk I/O error\nhint: make room on the disk, and make the folder writable\n"
    )
    versions, bundles, ended = left_behind()
    assert (versions, bundles, ended) == ([], [], ["failed"])
    assert run("tune", *search) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 1


def test_anywhere_else_it_is_no_bug_of_ours(capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/part")

    monkeypatch.setattr("mlwright.train.recipe.read", full)
    assert run("train") == 2
    assert capsys.readouterr().err == (
        "error: /tmp/part cannot be written: No space left on device\nhint: make room there\n"
    )
