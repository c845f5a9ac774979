from __future__ import annotations

import subprocess
import sys

import pytest

from mlwright.core.errors import NotFound, UserError
from mlwright.core.workspace import Workspace
from mlwright.deploy import release


def test_reading_and_deploying_never_import_a_tracker_or_a_trainer() -> None:
    code = (
        "import sys, mlwright.deploy.release, mlwright.deploy.supervisor, "
        "mlwright.deploy.targets.local; "
        "print(sorted({'mlflow', 'sklearn', 'pandas', 'lightgbm', 'polars', 'scipy.stats'} "
        "& set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize("verb", [release.promote, release.rollback, release.stop, release.status])
def test_every_verb_names_the_environment_that_it_does_not_know(
    workspace: Workspace, verb: object
) -> None:
    with pytest.raises(NotFound) as caught:
        verb(workspace, "staging")  # type: ignore[operator]
    assert str(caught.value) == "no environment is named 'staging'"
    assert caught.value.hint == "mlwright deploy MODEL staging"


def test_a_bad_name_makes_nothing(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="cannot be the name of an environment"):
        release.deploy(workspace, "tiny", "../staging")
    assert not list(workspace.folder.glob("**/*staging*"))


def test_nothing_runs_in_an_empty_workspace(workspace: Workspace) -> None:
    assert release.environments(workspace) == []
    assert release.stop_all(workspace) == []
