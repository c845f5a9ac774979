import polars as pl
import pytest

from mlwright.monitor.sources import ahead
from mlwright.monitor.sources.ahead import Ahead


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "a.parquet"
    pl.DataFrame({"x": [1.0, 2.0], "y": ["a", "b"]}).write_parquet(made)
    return made


def test_columns_are_what_the_file_holds_in_any_order_and_again(path):
    begun = Ahead(path)
    assert begun.column("y").to_list() == ["a", "b"]
    assert begun.column("x").to_list() == [1.0, 2.0]
    assert begun.column("x").to_list() == [1.0, 2.0]


def test_a_large_file_is_held_in_part_only(path, monkeypatch):
    monkeypatch.setattr(ahead, "_CELLS", 3)
    begun = Ahead(path)
    assert list(begun._read) == ["x"]
    assert begun.column("y").to_list() == ["a", "b"]


@pytest.mark.parametrize("name", ["none.parquet", "half.parquet", "folder", "log.csv"])
def test_what_cannot_be_read_ahead_is_no_matter(tmp_path, name):
    (tmp_path / "half.parquet").write_bytes(b"PAR1")
    (tmp_path / "log.csv").write_text("a\n1\n")
    (tmp_path / "folder").mkdir()
    assert Ahead(tmp_path / name)._read == {}


def test_a_column_that_is_not_there_is_left_to_who_asks(path):
    with pytest.raises(pl.exceptions.PolarsError):
        Ahead(path).column("z")
