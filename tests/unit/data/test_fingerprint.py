import polars as pl
import pytest

from mlwright.data.fingerprint import fingerprint

TABLE = pl.DataFrame({"a": [1, 2, None], "b": ["xy", None, "z"], "c": [True, False, None]})


@pytest.mark.parametrize(
    "other",
    [
        TABLE.rename({"a": "d"}),
        TABLE.select("b", "a", "c"),
        TABLE.reverse(),
        TABLE[:2],
        TABLE.with_columns(a=pl.Series([1, 2, 0])),
        TABLE.with_columns(a=pl.col("a").cast(pl.Float64)),
        TABLE.with_columns(b=pl.Series(["x", None, "yz"])),
        TABLE.with_columns(b=pl.Series(["xy", "", "z"])),
        TABLE.with_columns(c=pl.Series([True, None, False])),
    ],
)
def test_every_change_shows(other):
    assert fingerprint(other) != fingerprint(TABLE)


def test_chunks_do_not_matter():
    parts = pl.concat([TABLE[:1], TABLE[1:]], rechunk=False)
    assert parts.n_chunks() == 2
    assert fingerprint(parts) == fingerprint(TABLE)


def test_categories_count_by_name_and_lists_by_content():
    first = pl.DataFrame({"a": pl.Series(["x", "y"], dtype=pl.Enum(["x", "y"])), "l": [[1], [2]]})
    other = first.with_columns(l=pl.Series([[1], [3]]))
    assert fingerprint(first) != fingerprint(other)
    assert fingerprint(first) == fingerprint(first.clone())
