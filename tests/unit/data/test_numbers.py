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


def test_thousands_currency_and_per_cent_are_read():
    texts = ["$1,234.50", "-$5", "€ 12", "1,234,567", "12.5%", "£1,000", "+3", "70 €", "n/a"]
    read = [1234.5, -5.0, 12.0, 1234567.0, 12.5, 1000.0, 3.0, 70.0, None]
    assert as_numbers(pl.Series(texts)).to_list() == read


def test_what_only_looks_like_it_is_other_text():
    others = pl.Series(["1,5", "0,123", "1,23,456", "$", "%", "1.234,50", "$$5", "12 34", "5%%"])
    numbers, wrong = to_numbers(others)
    assert (numbers.null_count(), wrong) == (len(others), len(others))
