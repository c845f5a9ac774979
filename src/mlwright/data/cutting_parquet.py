"""Cut Parquet after a number of rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

import polars as pl

from mlwright.data.cutting import Cut, Place, Reader, is_whole
from mlwright.data.sources import File

Say = Callable[[str], None]

ROWS = 1 << 16
_CELLS = 4_000_000
_FEWEST_ROWS = 1024


def parquet(file: File, say: Say) -> Reader:  # noqa: ARG001 - it has nothing to say
    """Return what cuts Parquet after a number of rows."""
    return _Parquet(file)


class _Parquet:
    def __init__(self, file: File) -> None:
        self._scan = pl.scan_parquet(file.path)
        self._schema = self._scan.collect_schema()
        self._rows = int(self._scan.select(pl.len()).collect().item())

    @property
    def columns(self) -> Sequence[str]:
        return tuple(self._schema)

    def types(self, names: Collection[str]) -> dict[str, pl.DataType]:
        return {name: self._schema[name] for name in names}

    def whole(self, name: str) -> bool:
        return all(is_whole(batch[name]) for batch in self._scan.select(name).collect_batches())

    def read(self, place: Place) -> Iterator[Cut]:
        rows = max(_FEWEST_ROWS, min(ROWS, _CELLS // len(self._schema)))
        batches = self._scan.slice(place.offset).collect_batches(chunk_size=rows)
        for table in _of_size(batches, rows):
            done = place.offset + table.height
            place = replace(place, offset=done, rows=place.rows + table.height)
            yield Cut(table, place, done / self._rows)

    def convert(self, series: pl.Series, to: pl.DataType) -> pl.Series:
        return series if to == series.dtype else series.cast(to)

    def numbers(self, series: pl.Series) -> pl.Series:
        return series


def _of_size(batches: Iterator[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """Yield tables of this many rows each, the last one smaller."""
    held: list[pl.DataFrame] = []
    for batch in batches:
        held.append(batch)
        while sum(map(len, held)) >= rows:
            table = held[0] if len(held) == 1 else pl.concat(held)
            yield table[:rows]
            held = [table[rows:]] if table.height > rows else []
    if held:
        yield pl.concat(held)
