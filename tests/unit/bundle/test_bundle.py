import hashlib
import json
import shutil

import pytest

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.write import write
from mlwright.core.errors import BundleError

HINT = "copy it again from where it was made, or train the model again"


@pytest.fixture(scope="module")
def original(example, tmp_path_factory):
    return write(example.draft, tmp_path_factory.mktemp("bundles")).path


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / "copy")


def refusal(folder):
    with pytest.raises(BundleError) as caught:
        Bundle.open(folder)
    assert caught.value.exit_code == 2
    return str(caught.value), caught.value.hint


def sealed(folder, **changes):
    """Change the manifest as somebody would who knows the format."""
    facts = json.loads((folder / "bundle.json").read_text())
    facts.update(changes)
    data = json.dumps(facts).encode()
    (folder / "bundle.json").write_bytes(data)
    (folder / "bundle.sha256").write_text(hashlib.sha256(data).hexdigest())


def test_a_copy_under_another_name_opens(folder, original):
    assert Bundle.open(folder).hash == original.name


@pytest.mark.parametrize(
    "name", ["model.onnx", "plan.json", "signature.json", "card.md", "MLmodel"]
)
def test_a_flipped_bit_is_found(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    assert refusal(folder) == (f"the bundle {folder} is damaged: {name} was altered", HINT)


def test_a_missing_file_is_named(folder):
    (folder / "plan.json").unlink()
    assert refusal(folder) == (f"the bundle {folder} is damaged: plan.json is missing", HINT)


def test_a_surplus_file_is_named(folder):
    (folder / "more.py").write_text("")
    expected = f"the bundle {folder} is damaged: more.py is not listed in the manifest"
    assert refusal(folder) == (expected, HINT)
    assert Bundle.open(folder, ignore=["more.py"]).name == "churn"


def test_a_hand_edited_manifest_is_found(folder):
    text = (folder / "bundle.json").read_text()
    (folder / "bundle.json").write_text(text.replace('"threshold": 0.4', '"threshold": 0.9'))
    expected = f"the bundle {folder} is damaged: bundle.json does not match bundle.sha256"
    assert refusal(folder) == (expected, HINT)


def test_a_manifest_and_seal_edited_together_do_not_match_the_folder(original, tmp_path):
    folder = shutil.copytree(original, tmp_path / original.name)
    sealed(folder, threshold=0.9)
    expected = f"the bundle {folder} is damaged: bundle.json does not match the folder's name"
    assert refusal(folder) == (expected, HINT)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "a/b", ".hidden", ""])
def test_a_path_out_of_the_bundle_is_refused_unread(folder, name):
    (folder.parent / "outside").write_text("x")
    files = json.loads((folder / "bundle.json").read_text())["files"]
    sealed(folder, files={**files, name: "0" * 64})
    expected = (
        f"the bundle {folder} is damaged: bundle.json lists {name!r}, "
        "which is not a file of the bundle"
    )
    assert refusal(folder) == (expected, HINT)


def test_a_link_is_refused(folder):
    (folder / "card.md").rename(folder.parent / "card.md")
    (folder / "card.md").symlink_to(folder.parent / "card.md")
    assert refusal(folder) == (f"the bundle {folder} is damaged: card.md is a link", HINT)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"files": 3, "format": 1}', "\udcff"])
def test_a_manifest_that_is_none_is_named(folder, text):
    data = text.encode("utf-8", "surrogateescape")
    (folder / "bundle.json").write_bytes(data)
    (folder / "bundle.sha256").write_text(hashlib.sha256(data).hexdigest())
    expected = f"the bundle {folder} is damaged: bundle.json is not a manifest"
    assert refusal(folder) == (expected, HINT)


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path):
    assert refusal(tmp_path) == (
        f"{tmp_path} is not a bundle: it has no bundle.json",
        "give the folder that `mlwright train` or `mlwright models show` names",
    )


def test_a_newer_format_says_what_to_do(folder):
    sealed(folder, format=2)
    assert refusal(folder) == (
        f"the bundle {folder} has format 2, and this mlwright knows 1",
        "pip install --upgrade mlwright",
    )
