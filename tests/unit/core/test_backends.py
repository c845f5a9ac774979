import importlib
import sys

import pytest

from mlwright.core.backends import Backend, Backends, require
from mlwright.core.errors import MissingExtra, UnknownBackend

SHAPES = Backends[type](
    "shape",
    "mlwright.shapes",
    {
        "round": Backend("fractions:Fraction"),
        "absent": Backend("surely_not_installed:X", extra="shapes"),
        "flat": Backend("decimal:Decimal"),
    },
)


def test_a_backend_is_imported_when_asked_for():
    from fractions import Fraction

    assert SHAPES.load("round") is Fraction


def test_names_are_sorted():
    assert SHAPES.names() == ["absent", "flat", "round"]


def test_an_unknown_name_gets_the_nearest_and_the_list():
    with pytest.raises(UnknownBackend) as info:
        SHAPES.load("rond")
    assert str(info.value) == "no shape named 'rond'; did you mean 'round'?"
    assert info.value.hint == "available: absent, flat, round"


def test_a_missing_package_names_the_command():
    with pytest.raises(MissingExtra) as info:
        SHAPES.load("absent")
    assert str(info.value) == (
        "shape 'absent' needs the package 'surely_not_installed', which is not installed"
    )
    assert info.value.hint == "pip install 'mlwright[shapes]'"
    assert info.value.exit_code == 3
    assert SHAPES.missing("absent") == "surely_not_installed"
    assert SHAPES.missing("flat") is None


def test_our_own_broken_import_is_not_blamed_on_the_user():
    broken = Backends[type]("x", "mlwright.x", {"bad": Backend("mlwright.nowhere:X", extra="x")})
    with pytest.raises(ModuleNotFoundError, match=r"mlwright\.nowhere") as info:
        broken.load("bad")
    assert not isinstance(info.value, MissingExtra)


def test_a_broken_import_inside_a_vendor_is_not_a_missing_extra(tmp_path, monkeypatch):
    (tmp_path / "vendor_with_gap.py").write_text("import also_not_installed")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="also_not_installed") as info:
        require("vendor_with_gap", extra="x", needed_by="the test")
    assert not isinstance(info.value, MissingExtra)


def test_another_package_can_add_a_backend(tmp_path, monkeypatch):
    # A real installed distribution, as pip would leave it: metadata with an entry point.
    info = tmp_path / "plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mlwright.shapes]\nsquare = plugin_square:Square\n")
    (tmp_path / "plugin_square.py").write_text("class Square: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    try:
        assert "square" in SHAPES.names()
        assert SHAPES.load("square").__name__ == "Square"
    finally:
        sys.modules.pop("plugin_square", None)
