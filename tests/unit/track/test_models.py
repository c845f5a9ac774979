import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlwright.core.errors import BundleError, ConfigError, NotFound
from mlwright.track import models


@pytest.fixture
def three(workspace, package):
    """churn:1 (@champion), churn:2, churn:3 (@challenger)."""
    for number in range(3):
        models.register(workspace, "churn", package(workspace, content=str(number)))
    models.set_alias(workspace, "churn", "challenger", 3)
    return workspace


def refusal(workspace, text):
    with pytest.raises(NotFound) as caught:
        models.resolve(workspace, text)
    return str(caught.value), caught.value.hint


def test_the_first_version_becomes_champion_and_no_later_one(workspace, package):
    first = models.register(workspace, "churn", package(workspace), run="r1")
    second = models.register(workspace, "churn", package(workspace, content="2"))
    assert (first.version, first.aliases, first.run) == (1, ("champion",), "r1")
    assert (second.version, second.aliases, second.run) == (2, (), None)
    assert models.champion(workspace, "churn") == first
    assert models.register(workspace, "other", package(workspace)).aliases == ("champion",)


def test_equal_bundles_may_be_two_versions(workspace, package):
    bundle = package(workspace)
    versions = [models.register(workspace, "churn", bundle) for _ in range(2)]
    assert [version.version for version in versions] == [1, 2]
    assert {version.bundle for version in versions} == {bundle.path}


def test_versions_registered_at_once_get_numbers_of_their_own(workspace, package):
    bundle = package(workspace)
    workspace.state  # noqa: B018 - opened before the threads
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: models.register(workspace, "churn", bundle), range(8)))
    assert sorted(version.version for version in made) == list(range(1, 9))


def test_an_alias_moves(three):
    assert models.set_alias(three, "churn", "champion", 2).aliases == ("champion",)
    assert models.champion(three, "churn").version == 2
    assert models.resolve(three, "churn:1").aliases == ()


@pytest.mark.parametrize(
    ("text", "version"),
    [("churn", 1), ("churn:2", 2), ("churn@champion", 1), ("churn@challenger", 3)],
)
def test_a_model_is_named_in_four_ways(three, text, version):
    assert models.resolve(three, text).version == version


def test_without_a_champion_the_newest_is_meant(three):
    from sqlalchemy import delete

    from mlwright.core.state import aliases

    with three.state.write() as connection:
        connection.execute(delete(aliases))
    assert models.champion(three, "churn") is None
    assert models.resolve(three, "churn").version == 3


def test_a_folder_is_its_registered_version(three):
    folder = models.resolve(three, "churn:2").bundle
    assert models.resolve(three, str(folder)).version == 2
    unknown = models.resolve(None, str(folder))
    assert (unknown.model, unknown.version, unknown.bundle) == ("churn", 0, folder)
    assert str(unknown) == str(folder)


def test_a_relative_folder_is_made_absolute(three, monkeypatch):
    folder = models.resolve(three, "churn:2").bundle
    monkeypatch.chdir(folder.parent)
    assert models.resolve(None, folder.name).bundle == folder


def test_a_model_of_a_folders_name_is_still_the_model(three, monkeypatch):
    (three.root / "churn").mkdir()
    monkeypatch.chdir(three.root)
    assert models.resolve(three, "churn").version == 1


def test_an_unknown_model_is_answered_with_the_nearest(three):
    assert refusal(three, "chrun") == (
        "no model named 'chrun'; did you mean 'churn'?",
        "registered: churn",
    )


def test_an_empty_registry_says_how_to_fill_it(workspace):
    assert refusal(workspace, "churn") == (
        "no model named 'churn'",
        "mlwright train --data FILE --target COLUMN registers one",
    )


@pytest.mark.parametrize("number", ["9", "0", "-1", "x", ""])
def test_an_unknown_version_is_answered_with_the_list(three, number):
    assert refusal(three, f"churn:{number}") == (
        f"model 'churn' has no version {number!r}",
        "it has: 1, 2, 3",
    )


def test_an_unknown_alias_is_answered_with_the_nearest(three):
    assert refusal(three, "churn@champoin") == (
        "model 'churn' has no alias 'champoin'; did you mean 'champion'?",
        "it has: challenger, champion",
    )


def test_a_folder_that_is_no_bundle_is_named(workspace, tmp_path):
    hint = "a bundle's folder holds bundle.json"
    assert refusal(workspace, str(tmp_path)) == (f"no bundle in '{tmp_path}'", hint)
    assert refusal(None, "churn") == ("no bundle in 'churn'", hint)


def test_a_folder_with_a_damaged_manifest_is_named(tmp_path):
    (tmp_path / "bundle.json").write_text("{")
    with pytest.raises(BundleError) as caught:
        models.resolve(None, str(tmp_path))
    assert str(caught.value) == f"the bundle {tmp_path} is damaged: bundle.json is not a manifest"


def test_a_bundle_from_elsewhere_is_refused(workspace, package, tmp_path):
    bundle = package(workspace)
    outside = type(bundle)(tmp_path, bundle.hash)
    with pytest.raises(BundleError) as caught:
        models.register(workspace, "churn", outside)
    expected = f"the bundle {tmp_path} does not lie in the workspace {workspace.root}"
    assert str(caught.value) == expected
    assert caught.value.hint == f"write it into {workspace.bundles}"


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "<script>"])
def test_names_are_checked(workspace, package, name):
    bundle = package(workspace)
    with pytest.raises(ConfigError):
        models.register(workspace, name, bundle)
    models.register(workspace, "churn", bundle)
    with pytest.raises(ConfigError):
        models.set_alias(workspace, "churn", name, 1)
    assert [version.model for version in models.list_models(workspace)] == ["churn"]


def test_an_alias_of_what_is_not_there_is_refused(three):
    with pytest.raises(NotFound, match="model 'churn' has no version '7'"):
        models.set_alias(three, "churn", "champion", 7)
    assert models.champion(three, "churn").version == 1


def test_a_version_is_printed_as_json(three):
    found = models.resolve(three, "churn").to_json()
    assert found["model"] == "churn"
    assert found["version"] == 1
    assert found["aliases"] == ["champion"]
    assert Path(found["bundle"]).is_dir()


ANSWER = """
import sys
from pathlib import Path
from mlwright.core.workspace import Workspace
from mlwright.track import mirror, models, runs
workspace = Workspace(Path(sys.argv[1]))
models.set_alias(workspace, "churn", "champion", 2)
print(models.resolve(workspace, "churn"), mirror.uri(workspace) != "", "mlflow" in sys.modules)
"""


def test_the_registry_never_imports_mlflow(three):
    command = [sys.executable, "-c", ANSWER, str(three.root)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    assert answer.stdout == "churn:2 True False\n"
