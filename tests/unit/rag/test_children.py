"""A file that hangs, eats memory or crashes its reader costs itself alone."""

from __future__ import annotations

import pytest

from mlwright.core.errors import DataError
from mlwright.rag.children import Children, Unlucky

PLUGIN = """
import os, time
from mlwright.rag.records import Parts

class OddLoader:
    def load(self, path):
        what = path.read_text()
        print("noise")
        if what == "hang":
            time.sleep(60)
        if what == "crash":
            os._exit(139)
        if what == "eat":
            bytearray(64 << 30)
        if what == "raise":
            raise ZeroDivisionError
        return Parts(what, "T", (), {"a": 1})
"""


@pytest.fixture
def children(tmp_path, monkeypatch):
    """Readers that know a loader `odd`, from a package beside ours."""
    package = tmp_path / "site"
    (package / "odd-1.dist-info").mkdir(parents=True)
    (package / "odd_loader.py").write_text(PLUGIN)
    (package / "odd-1.dist-info" / "METADATA").write_text("Name: odd\nVersion: 1\n")
    points = "[mlwright.loaders]\nodd = odd_loader:OddLoader\n"
    (package / "odd-1.dist-info" / "entry_points.txt").write_text(points)
    monkeypatch.setenv("PYTHONPATH", str(package))
    with Children(1, 5.0) as found:
        yield found


def test_each_gets_its_own_reason_and_the_next_is_read(tmp_path, children):
    reasons = {
        "hang": (Unlucky, "was not read within 0.5 s"),
        "crash": (Unlucky, "crashes its reader"),
        "eat": (DataError, "needs more memory than a reader may have"),
        "raise": (DataError, "cannot be read: ZeroDivisionError"),
    }
    file = tmp_path / "x.odd"
    for what, (kind, reason) in reasons.items():
        file.write_text("fine")
        assert children.load("odd", file)[0].text == "fine"
        file.write_text(what)
        children._timeout = 0.5 if what == "hang" else 5.0
        with pytest.raises(kind) as caught:
            children.load("odd", file)
        assert str(caught.value) == reason
        children._timeout = 5.0
    with pytest.raises(DataError, match="cannot be read: No such file"):
        children.load("odd", tmp_path / "none.odd")
