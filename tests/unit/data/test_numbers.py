import polars as pl

from mlwright.data.numbers import as_numbers, to_numbers


def test_blanks_are_null():
    texts = pl.Series(["1", " 2.5 ", "", " ", "NA", "n/a", "-", "1e3", None])
    read = [1.0, 2.5, None, None, None, None, None, 1000.0, None]
    assert as_numbers(texts).to_list() == read


def test_other_text_is_counted():
    numbers, wrong = to_numbers(pl.Series(["1", "x", " ", "y"]))
    assert (numbers.to_list(), wrong) == ([1.0, None, None, None], 2)
    assert as_numbers(pl.Series(["1", "x"])) is None


def test_blanks_alone_are_no_numbers():
    assert as_numbers(pl.Series(["", " "])) is None
