from datetime import date, datetime

import polars as pl
import pytest

from mlwright.data.dates import as_dates


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["2024-02-03", "2024-12-31"], date(2024, 2, 3)),
        (["1/2/2024", "13/2/2024"], date(2024, 2, 1)),
        (["1/2/2024", "1/13/2024"], date(2024, 1, 2)),
        (["1/2/2024", "2/1/2024"], date(2024, 1, 2)),  # only month first is in order
        (["3.2.2024"], date(2024, 2, 3)),
        (["2024-02-03 04:05:06"], datetime(2024, 2, 3, 4, 5, 6)),
        (["2024-02-03T04:05"], datetime(2024, 2, 3, 4, 5)),
    ],
)
def test_the_usual_ways_are_read(texts, first):
    assert as_dates(pl.Series([*texts, None]))[0] == first


@pytest.mark.parametrize("texts", [["2024-02-03", "soon"], ["Yes"], [None, None], ["12"]])
def test_other_text_is_none(texts):
    assert as_dates(pl.Series(texts, dtype=pl.String)) is None


def test_a_zone_is_kept():
    read = as_dates(pl.Series(["2024-02-03T04:05:06+02:00"]))
    assert read[0].isoformat() == "2024-02-03T02:05:06+00:00"


def test_numbers_are_no_dates():
    assert as_dates(pl.Series([20240203])) is None
