import json
import os
import subprocess
import sys

import pytest

from mlwright.core.errors import Busy, ConfigError, NotFound
from mlwright.core.starter import start
from mlwright.core.workspace import Workspace, checked_name


def test_it_is_found_from_below(tmp_path):
    made = Workspace.create(tmp_path)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert Workspace.find(below).root == made.root


def test_where_there_is_none_the_next_step_is_named(tmp_path):
    with pytest.raises(NotFound) as info:
        Workspace.find(tmp_path)
    assert str(info.value) == f"no workspace in {tmp_path} or above"
    assert info.value.hint == "mlwright init, or mlwright train --data FILE --target COLUMN"


def test_it_stays_out_of_version_control(tmp_path):
    assert (Workspace.create(tmp_path).folder / ".gitignore").read_text() == "*\n"


def test_a_place_that_cannot_hold_one_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="no workspace can be made here"):
        Workspace.create(tmp_path / "file")


@pytest.mark.parametrize("name", ["../up", "", "a/b", ".hidden", "x" * 65, "a b", "<script>"])
def test_names_that_are_no_file_names_are_refused(name, tmp_path):
    with pytest.raises(ConfigError, match="cannot be the name of a model"):
        checked_name(name, "model")
    with pytest.raises(ConfigError, match="cannot be the name of an environment"):
        Workspace(tmp_path).environment(name)


def test_a_lock_names_its_holder_and_ends_with_it(tmp_path):
    workspace = Workspace.create(tmp_path)
    code = (
        "import sys; from pathlib import Path; from mlwright.core.workspace import Workspace\n"
        f"with Workspace(Path({str(tmp_path)!r})).lock('production', 'deploy churn:2'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Busy) as info, workspace.lock("production", "deploy churn:3"):
        pass
    assert str(info.value).startswith(
        f"production is held by process {holder.pid} (deploy churn:2) since 20"
    )
    holder.kill()
    holder.communicate()
    with workspace.lock("production", "deploy churn:3"):
        held = json.loads((workspace.folder / "locks" / "production.lock").read_text())
        assert held["pid"] == os.getpid()


def test_the_first_file_is_valid_and_never_overwritten(tmp_path):
    workspace = start(tmp_path, target="churned")
    assert workspace.settings.model.target == "churned"
    assert workspace.settings.environment("production").strategy == "canary"
    (tmp_path / "mlwright.yaml").write_text("model: {target: mine}\n")
    assert start(tmp_path, target="churned").settings.model.target == "mine"


def test_the_first_file_without_a_table_is_valid(tmp_path):
    assert start(tmp_path).settings.model.target is None
