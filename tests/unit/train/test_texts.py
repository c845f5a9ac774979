import numpy as np
import polars as pl
import pytest

from mlwright.core.errors import ConfigError, DataError
from mlwright.data.schema import infer
from mlwright.train.choices import Choices, ColumnChoice
from mlwright.train.texts import only_texts


def table(rows=60):
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "text": [" ".join(f"w{n}" for n in rng.integers(0, 60, 6)) for _ in range(rows)],
            "size": rng.random(rows),
            "kind": rng.choice(["a", "b"], rows),
            "mood": rng.choice(["good", "bad"], rows),
        }
    )


def test_what_is_no_text_is_left_out_and_named():
    schema = only_texts(infer(table(), "mood"), Choices())
    assert [column.name for column in schema.signature.inputs] == ["text"]
    assert [finding.notice() for finding in schema.findings] == [
        "text is free text: kept, read as words",
        "size is no text, which is all that a transformer reads: left out",
        "kind is no text, which is all that a transformer reads: left out",
    ]


def test_a_category_that_is_chosen_to_be_read_as_words():
    schema = infer(table(), "mood")
    found = only_texts(schema, Choices(columns={"kind": ColumnChoice("tfidf")}))
    assert [(c.name, c.kind) for c in found.signature.inputs] == [
        ("text", "text"),
        ("kind", "text"),
    ]


def test_a_table_without_texts():
    with pytest.raises(DataError) as caught:
        only_texts(infer(table().drop("text"), "mood"), Choices())
    assert str(caught.value) == "a transformer reads texts, and the table has no column of them"
    assert caught.value.hint == "say which one it is: model.columns: {COLUMN: {encode: tfidf}}"


def test_features_made_of_columns_are_not_read():
    with pytest.raises(ConfigError) as caught:
        only_texts(infer(table(), "mood"), Choices(features={"half": "size / 2"}))
    assert str(caught.value) == (
        "model.features: a transformer reads texts, and no numbers made of other columns"
    )
