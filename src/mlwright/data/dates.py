"""Find out whether a column holds dates, and in which of the usual ways it writes them."""

from __future__ import annotations

import polars as pl

_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y")
_TIMES = (
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
)
_BEGINNING = r"^\s*\d{1,4}[-/.]\d"  # of every form above
_PROBE = 100


def as_dates(series: pl.Series) -> pl.Series | None:
    """Return the column as dates or datetimes, or None when it does not hold them.

    Where day-first and month-first both read every value, the one that leaves the rows in order
    is taken, else day-first.

    >>> as_dates(pl.Series(["1/13/2011", "2/1/2011"])).to_list()[1].month
    2
    """
    if series.dtype in (pl.Date, pl.Datetime):
        return series
    if series.dtype != pl.String or series.null_count() == len(series):
        return None
    if not series.drop_nulls().head(_PROBE).str.contains(_BEGINNING).all():
        return None
    readings = [dates for form in (*_DATES, *_TIMES) if (dates := _parse(series, form)) is not None]
    in_order = [dates for dates in readings if dates.drop_nulls().is_sorted()]
    return next(iter(in_order or readings), None)


def _parse(series: pl.Series, form: str) -> pl.Series | None:
    probe = series.drop_nulls().head(_PROBE)
    if _parsed(probe, form).null_count():
        return None
    dates = _parsed(series, form)
    return dates if dates.null_count() == series.null_count() else None


def _parsed(series: pl.Series, form: str) -> pl.Series:
    kind = pl.Datetime("us") if form in _TIMES else pl.Date
    return series.str.strip_chars().str.strptime(kind, form, strict=False, exact=True)
