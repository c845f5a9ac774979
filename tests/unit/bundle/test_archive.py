"""Archives of strangers: nothing is written outside, and none fills the memory."""

import io
import zipfile

import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from mlwright.bundle import archive
from mlwright.bundle.archive import check_growth, pack, pack_files, unpack, unpacked
from mlwright.bundle.runtimes.network import load as load_network
from mlwright.bundle.runtimes.sklearn import load as load_estimator
from mlwright.core.errors import BundleError


def bomb(name="a", size=80_000_000):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, bytes(size))
    return out.getvalue()


@pytest.mark.parametrize("load", [unpacked, load_network, load_estimator])
def test_a_small_file_that_is_large_inside_is_not_unpacked(load):
    data = bomb("schema.json")
    with pytest.raises(BundleError) as caught:
        load(data)
    assert str(caught.value) == (
        f"the model's archive holds 1 files of 80,000,000 bytes in {len(data):,}"
    )
    assert caught.value.hint == "nothing that a library has saved looks so; do not use it"


def test_one_part_that_is_listed_many_times(monkeypatch):
    monkeypatch.setattr(archive, "_SMALL", 1000)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("a", bytes(900))
        first = file.infolist()[0]
        file.filelist += [first] * 9
    with pytest.raises(BundleError, match="holds 10 files of 9,000 bytes"):
        unpacked(out.getvalue())


def test_what_a_library_packs_may_grow():
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    check_growth(skops.io.dumps(model, compression=zipfile.ZIP_DEFLATED))
    check_growth(b"no archive")  # whoever opens it says so


@pytest.mark.parametrize("name", ["../a", "/a", "b/../../a", "b\\..\\a", "b/"])
def test_names_that_lead_outside(name, tmp_path):
    with pytest.raises(BundleError, match="a path that leads outside"):
        unpack(pack_files({name: b"x"}), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("files", [{"a": b"", "a/b": b""}, {"n" * 300: b""}])
def test_names_that_cannot_be_written(files, tmp_path):
    with pytest.raises(BundleError, match="archive cannot be written"):
        unpack(pack_files(files), tmp_path)


def test_links_and_very_many_files_are_not_packed(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("x")
    assert unpacked(pack(tmp_path)) == {"a": b"x"}
    (tmp_path / "b").symlink_to("/etc/hostname")
    with pytest.raises(BundleError, match=r"b is a link$"):
        pack(tmp_path)
    (tmp_path / "b").unlink()
    (tmp_path / "b").symlink_to("/etc")
    with pytest.raises(BundleError, match=r"b is a link$"):
        pack(tmp_path)
    (tmp_path / "b").unlink()
    monkeypatch.setattr(archive, "MOST_FILES", 0)
    with pytest.raises(BundleError, match="holds more than 0 files"):
        pack(tmp_path)
