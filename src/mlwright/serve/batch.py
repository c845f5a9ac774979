"""Predict for a file of rows, in the input's order."""

from __future__ import annotations

from pathlib import Path

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import DataError


def predict_file(bundle: Path, source: Path, output: Path) -> int:
    """Write the rows of `source` with their predictions, and return how many there were.

    The columns `prediction` and, for a classifier, `probability` are added: the probability of
    the positive class of a binary model, of the predicted class otherwise.

    Raises:
        SignatureError: columns are missing or do not fit the model.
        DataError: a file cannot be read or written.
    """
    import polars as pl

    from mlwright.data import read, schema, write

    write.check_target(output)
    if output.resolve() == source.resolve():
        raise DataError(f"{output} is the input too", hint="name another --output")
    opened = Bundle.open(bundle)
    table = read.read(source)
    columns = schema.columns(
        schema.conform(table, opened.signature, target=False), opened.signature
    )
    predicted = opened.model().predict(columns)
    answers = {"prediction": pl.Series(predicted.prediction)}
    if opened.signature.task == "binary":
        answers["probability"] = pl.Series(predicted.scores)
    elif opened.signature.task == "multiclass":
        answers["probability"] = pl.Series(predicted.scores.max(axis=1))
    write.write(table.with_columns(**answers), output)
    return table.height
