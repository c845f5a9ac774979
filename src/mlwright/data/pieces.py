"""Read a table in pieces of bounded size, in order, from any piece on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from mlwright.data.cutting import Cut, Place, Reader, merged
from mlwright.data.cutting_parquet import parquet
from mlwright.data.cutting_text import delimited, json_lines
from mlwright.data.read import check_columns, reading
from mlwright.data.sources import File, Format

Say = Callable[[str], None]

_READERS: dict[Format, Callable[[File, Say], Reader]] = {
    "CSV": delimited,
    "JSON lines": json_lines,
    "Parquet": parquet,
}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows, where they begin, where the next piece begins, and the share of all until there.

    The columns of CSV are text as it stands in the file; `Pieces.typed` gives them their types.
    """

    table: pl.DataFrame
    start: Place
    end: Place
    share: float


class Pieces:
    """A table of one or more files, and the types of its columns over all of them.

    Where a piece begins decides where it ends, so that a reading that is taken up again gives the
    same pieces. CSV and JSON lines whose column types are asked for are read twice.
    """

    def __init__(self, files: Sequence[File], *, say: Say = lambda _: None) -> None:
        self.files = files
        self._say = say
        self._types: dict[str, pl.DataType] = {}

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns.

        Raises:
            DataError: a file cannot be read, or has other columns than the first.
        """
        first = self._readers[0].columns
        for file, each in zip(self.files[1:], self._readers[1:], strict=True):
            check_columns(self.files[0], first, file, each.columns)
        return tuple(first)

    def find_types(self, names: Collection[str], *, labels: Collection[str] = ()) -> None:
        """Look through the files for the types of these columns, as reading them whole would.

        Args:
            names: the columns; `typed` gives them these types afterwards.
            labels: those of them whose whole numbers are written without a fraction.

        Raises:
            DataError: a file cannot be read.
        """
        if not names:
            return
        found = []
        for file, each in zip(self.files, self._readers, strict=True):
            with reading(file):
                found.append(each.types(names))
        self._types = {name: merged([types[name] for types in found]) for name in names}
        for name in labels:
            if self._types[name].is_float():
                whole = all(each.whole(name) for each in self._readers)
                self._types[name] = pl.Int64() if whole else pl.Float64()

    def read(self, place: Place | None = None) -> Iterator[Piece]:
        """Yield the pieces from a place on, by default from the beginning.

        Raises:
            DataError: a file cannot be read.
        """
        start = place or Place()
        sizes = [max(file.path.stat().st_size, 1) for file in self.files]
        for number in range(start.file, len(self.files)):
            if number > start.file:
                start = Place(file=number, rows=start.rows)
            for cut in self._cuts(number, start):
                done = (sum(sizes[:number]) + cut.share * sizes[number]) / sum(sizes)
                yield Piece(cut.table.select(self.columns), start, cut.end, done)
                start = cut.end

    def typed(self, table: pl.DataFrame) -> pl.DataFrame:
        """Return the columns of a piece whose types were looked for, in those types."""
        first = self._readers[0]
        return pl.DataFrame([first.convert(table[name], to) for name, to in self._types.items()])

    def numbers(self, series: pl.Series) -> pl.Series:
        """Return a column of numbers as text with points, where the file has decimal commas."""
        return self._readers[0].numbers(series)

    def _cuts(self, number: int, start: Place) -> Iterator[Cut]:
        with reading(self.files[number]):
            yield from self._readers[number].read(start)

    @cached_property
    def _readers(self) -> list[Reader]:
        made = []
        for file in self.files:
            with reading(file):
                made.append(_READERS[file.format](file, self._say))
        return made
