"""Answers for a piece of a table: the rows that stay, and those that do not fit the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import DataError, SignatureError, did_you_mean
from mlwright.core.signature import Label

if TYPE_CHECKING:
    import polars as pl

    from mlwright.bundle.model import Predictions
    from mlwright.data.pieces import Piece, Pieces

ADDED = ("prediction", "probability", "model_version")
_CELLS = 4_000_000
_MOST_ROWS = 1 << 16
_FEWEST_ROWS = 256


@dataclass(frozen=True, slots=True)
class Scored:
    """A piece with its answers, and row (the first of all being 1), column, reason of the bad."""

    table: pl.DataFrame
    bad: pl.DataFrame


class Scorer:
    """Predicts for pieces of one table. Safe to call from several threads."""

    def __init__(
        self,
        bundle: Bundle,
        pieces: Pieces,
        *,
        model_version: int,
        keep: Sequence[str] | None,
        text_only: bool,
    ) -> None:
        """Look through the table for what its columns hold.

        Args:
            bundle: the model.
            pieces: the table.
            model_version: what to write beside each prediction.
            keep: the columns of the table to keep, by default all.
            text_only: what is kept will be written as text, so that the text of CSV stays as it is.

        Raises:
            SignatureError: columns of the model are missing.
            DataError: a column to keep is missing, or has the name of an answer.
        """
        self.signature = bundle.signature
        self._model = bundle.model()
        self._pieces = pieces
        self._version = model_version
        self._keep = _kept(keep, pieces.columns)
        self._labels = [column.name for column in self.signature.inputs if column.kind != "number"]
        _require(pieces.columns, bundle)
        as_it_stands = pieces.files[0].format == "Parquet" or (
            text_only and pieces.files[0].format == "CSV"
        )
        self._typed = () if as_it_stands else self._keep
        pieces.find_types({*self._labels, *self._typed}, labels=self._labels)
        features = max(len(bundle.plan.features), 1)
        self._rows = max(_FEWEST_ROWS, min(_MOST_ROWS, _CELLS // features))

    @property
    def runtime(self) -> str:
        """Return which runtime scores: two of one model may differ in the last digits."""
        return self._model.table_runtime

    def score(self, piece: Piece) -> Scored:
        """Return a piece's rows with `prediction`, `probability` (classifiers), `model_version`.

        The probability is the positive class's of a binary model, the predicted class's otherwise.

        Raises:
            SignatureError: a column cannot be read as the model needs it.
        """
        import polars as pl

        typed = self._pieces.typed(piece.table)
        inputs = self._inputs(piece, typed)
        columns, bad = self._checked(inputs)
        kept = piece.table.select(self._keep)
        kept = kept.with_columns(typed[name] for name in self._typed)
        if bad.height:
            good = ~pl.Series(range(inputs.height)).is_in(bad["row"].unique().to_list())
            kept, inputs = kept.filter(good), inputs.filter(good)
            columns = self._arrays(inputs)
            bad = bad.with_columns(bad["row"] + (piece.start.rows + 1))
        return Scored(kept.with_columns(self._answers(columns, inputs.height)), bad)

    def _inputs(self, piece: Piece, typed: pl.DataFrame) -> pl.DataFrame:
        """Return the model's columns, labels in the form that the whole table would give them."""
        import polars as pl

        made = []
        for column in self.signature.inputs:
            if column.kind == "number":
                made.append(self._pieces.numbers(piece.table[column.name]))
            else:
                series = typed[column.name]
                floats = series.dtype.is_float()
                made.append(series.fill_nan(None).cast(pl.String) if floats else series)
        return pl.DataFrame(made)

    def _checked(self, inputs: pl.DataFrame) -> tuple[dict[str, NDArray[Any]], pl.DataFrame]:
        import polars as pl

        from mlwright.data.bad_rows import SCHEMA, bad_rows

        try:
            columns = self._arrays(inputs)
        except SignatureError:
            bad = bad_rows(inputs, self.signature)
            if not bad.height:  # it is the column, not some rows of it
                raise
            return {}, bad
        if any(_has_null(columns[c.name]) for c in self.signature.inputs if not c.nullable):
            return columns, bad_rows(inputs, self.signature)
        return columns, pl.DataFrame(schema=SCHEMA)

    def _arrays(self, inputs: pl.DataFrame) -> dict[str, NDArray[Any]]:
        from mlwright.data import schema

        return schema.columns(inputs, self.signature)

    def _answers(self, columns: dict[str, NDArray[Any]], height: int) -> list[pl.Series]:
        import polars as pl

        labels: list[Label] = []
        parts: list[NDArray[Any]] = []
        for start in range(0, height, self._rows):
            some = {name: array[start : start + self._rows] for name, array in columns.items()}
            predicted = self._model.predict(some)
            labels += predicted.prediction
            parts.append(self._probability(predicted))
        answers = [pl.Series("prediction", labels, dtype=self._label_type())]
        if self.signature.task != "regression":
            probability = np.concatenate(parts) if parts else np.empty(0)
            answers.append(pl.Series("probability", probability))
        version = pl.Series("model_version", [self._version], dtype=pl.Int64)
        return [*answers, version.new_from_index(0, height)]

    def _probability(self, predicted: Predictions) -> NDArray[Any]:
        many = self.signature.task == "multiclass"
        return predicted.scores.max(axis=1) if many else predicted.scores

    def _label_type(self) -> pl.DataType | None:
        import polars as pl

        kinds: dict[type, pl.DataType] = {
            bool: pl.Boolean(),
            float: pl.Float64(),
            int: pl.Int64(),
            str: pl.String(),
        }
        return kinds[type(self.signature.classes[0])] if self.signature.classes else pl.Float64()


def _kept(keep: Sequence[str] | None, columns: Sequence[str]) -> Sequence[str]:
    names = list(dict.fromkeys(columns if keep is None else keep))
    for name in names:
        if name not in columns:
            raise DataError(
                f"there is no column {name!r} to keep{did_you_mean(name, columns)}",
                hint=f"the columns are {', '.join(columns)}",
            )
        if name in ADDED:
            raise DataError(
                f"the column {name!r} has the name of an answer",
                hint="rename it, or choose the columns to keep with --keep",
            )
    return names


def _require(columns: Sequence[str], bundle: Bundle) -> None:
    import polars as pl

    from mlwright.data import schema

    blank = pl.DataFrame({name: pl.Series([], dtype=pl.String) for name in columns})
    schema.conform(blank, bundle.signature, target=False)


def _has_null(values: NDArray[Any]) -> bool:
    if values.dtype != object:
        return bool(np.isnan(values).any())
    return None in values.tolist()
