from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from mlwright.core.errors import ConfigError, SignatureError
from mlwright.core.signature import Column
from mlwright.core.workspace import Workspace
from mlwright.train.choices import Choices, ColumnChoice
from mlwright.train.derive import written
from mlwright.train.fit import train
from mlwright.train.prepare import trainable

ROWS = 400


@pytest.fixture
def orders():
    rng = np.random.default_rng(0)
    words = np.array(["late", "broken", "fine", "thanks", "box", "again", "when"])
    texts = [" ".join(rng.choice(words, 4)) for _ in range(ROWS)]
    charges, months = rng.integers(1, 9, ROWS) * 10.0, rng.integers(0, 5, ROWS)
    bad = np.array(["broken" in text for text in texts]) ^ (rng.random(ROWS) < 0.1)
    return pl.DataFrame(
        {
            "id": [f"X{n:05}" for n in range(ROWS)],
            "charges": charges,
            "months": months,
            "note": [f"{text} {n}" for n, text in enumerate(texts)],
            "code": [f"q{n % 300}" for n in range(ROWS)],
            "day": [date(2011, 1, 1) + timedelta(int(n)) for n in rng.integers(0, 900, ROWS)],
            "dots": [f"{n % 28 + 1}.12.2011" for n in range(ROWS)],
            "returned": np.where(bad, "yes", "no"),
        }
    )


def refused(orders, **choices):
    with pytest.raises(ConfigError) as caught:
        trainable(orders, "returned", choices=Choices(**choices))
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("months / chrges", "1:10: unknown column 'chrges'; did you mean 'charges'?"),
        ("length(id)", "1:8: column 'id' cannot be used: it is an identifier: left out"),
        ("length(returned)", "1:8: column 'returned' cannot be used: it is what is predicted"),
        ("length(day)", "column 'day' holds dates, which it does not read"),
    ],
)
def test_a_feature_that_cannot_be_made_is_said(orders, source, message):
    assert refused(orders, features={"ratio": source}) == f"model.features.ratio: {message}"


def test_a_feature_needs_a_name_of_its_own(orders):
    message = "model.features.day: the table has a column of that name already"
    assert refused(orders, features={"day": "months + 1"}) == message


@pytest.mark.parametrize(
    ("name", "choice", "message"),
    [
        (
            "chrges",
            ColumnChoice(scale="none"),
            "chrges: the table has no column 'chrges'; did you mean 'charges'?",
        ),
        (
            "day",
            ColumnChoice(encode="one_hot"),
            "day: the column is no input, for it holds dates: left out",
        ),
        (
            "charges",
            ColumnChoice(encode="tfidf"),
            "charges.encode: tfidf is not for a number column, numbers have no words",
        ),
        (
            "note",
            ColumnChoice(impute="zero"),
            "note.impute: zero is not for a text column, a null has no words",
        ),
        (
            "ratio",
            ColumnChoice(encode="ordinal"),
            "ratio.encode: ordinal is not for a number column, numbers are in order as they are",
        ),
    ],
)
def test_a_choice_that_does_not_fit_is_said(orders, name, choice, message):
    found = refused(orders, features={"ratio": "charges / months"}, columns={name: choice})
    assert found == f"model.columns.{message}"


def test_a_feature_takes_no_choice_about_nulls(orders):
    message = "model.columns.ratio.on_null: a feature has its nulls from its columns"
    choice = {"ratio": ColumnChoice(on_null="reject")}
    assert refused(orders, features={"ratio": "charges / months"}, columns=choice) == message


@pytest.mark.parametrize("algorithm", ["linear", "lightgbm"])
def test_nulls_are_imputed_or_rejected_as_chosen(orders, tmp_path, algorithm):
    gaps = pl.when(pl.int_range(ROWS) % 7 == 0).then(None).otherwise("charges").alias("charges")
    table = orders.with_columns(gaps, other=pl.col("months") + 1.5).drop("note", "code", "day")
    choices = Choices(
        columns={
            "charges": ColumnChoice(on_null="reject"),
            "months": ColumnChoice(on_null="impute"),
        }
    )
    made = train(
        Workspace.create(tmp_path),
        table,
        target="returned",
        name="returns",
        algorithm=algorithm,
        choices=choices,
        baselines=False,
    )
    bundle = made.bundle
    assert {c.name: c.on_null for c in bundle.signature.inputs} == {
        "charges": "reject",
        "months": "impute",
        "other": "reject",
    }
    model = bundle.model()
    row = {"charges": 10, "months": None, "other": 2.5}
    assert model.check_rows([row]) == 0
    usual = float(table["months"].median())
    same = model.predict_rows([row, {**row, "months": usual}]).scores
    assert same[0] == same[1]
    with pytest.raises(SignatureError) as caught:
        model.check_rows([{**row, "charges": None}])
    assert caught.value.problems == {"charges": "must not be null"}
    assert all(sample["features"]["charges"] is not None for sample in bundle.samples)


def test_dates_that_a_feature_reads_become_inputs(orders):
    choices = Choices(features={"month": "month(day)"})
    schema = trainable(orders, "returned", choices=choices)
    assert Column("day", "text") in schema.signature.inputs
    assert "dots" not in schema.signature.names
    notices = [finding.notice() for finding in schema.findings]
    assert "day holds dates: an input of model.features" in notices


def test_what_was_left_out_can_be_brought_in(orders):
    choices = Choices(columns={"code": ColumnChoice(encode="target")})
    assert "code" not in trainable(orders, "returned").signature.names
    schema = trainable(orders, "returned", choices=choices)
    assert Column("code", "category") in schema.signature.inputs
    assert "code has many different values: kept, encode: target" in [
        finding.notice() for finding in schema.findings
    ]


@pytest.mark.parametrize(
    ("values", "way"),
    [
        (["2011-01-31", None, "2011-02-01 10:00"], "iso"),
        (["31.1.2011", "1.2.2011"], "dmy"),
        (["1/31/2011 10:00", "2/1/2011 09:59"], "mdy"),
        (["1/2/2011", "2/1/2011", "3/1/2011"], "mdy"),
        (["3/1/2011", "2/2/2011"], "dmy"),
        (["31.1.2011", "2011-01-31"], None),
        (["soon"], None),
    ],
)
def test_it_is_found_out_how_dates_are_written(values, way):
    assert written(values) == way


@pytest.mark.parametrize("algorithm", ["linear", "lightgbm"])
def test_texts_dates_and_features_go_from_the_table_to_an_answer(orders, tmp_path, algorithm):
    choices = Choices(
        features={
            "ratio": "charges / months",
            "month": "month(day)",
            "at": "days_between(day, dots)",
            "long": "length(note) > 20",
        },
        columns={
            "code": ColumnChoice(encode="target"),
            "months": ColumnChoice(encode="one_hot"),
            "ratio": ColumnChoice(impute="mean"),
        },
        split="random",
        force_random_split=True,
    )
    trained = train(
        Workspace.create(tmp_path),
        orders,
        target="returned",
        name="orders",
        algorithm=algorithm,
        choices=choices,
        baselines=False,
    )
    assert trained.metrics["holdout"]["auc"].value > 0.7
    bundle = trained.bundle
    assert bundle.importance["note"] == max(bundle.importance.values())
    assert bundle.parity["reason"] in ("", "a linear model runs as it is")
    assert "| **ratio** | charges / months |" in bundle.card
    model, row = bundle.model(), dict(bundle.samples[0]["features"])
    assert {"day", "dots", "note", "code"} <= row.keys()
    # Matrix products of one row and of five may differ in the last bit.
    assert model.predict_rows([row]).scores[0] == pytest.approx(bundle.samples[0]["score"], 1e-12)
    made = {each.name: each.expression for each in model.plan.derived}
    assert made["at"].orders == {"dots": "dmy"}
    ends = {**row, "day": "2011-11-30", "dots": "1.12.2011"}
    assert made["at"].evaluate_rows([ends]).tolist() == [1.0]
    with pytest.raises(SignatureError, match="note: must be text, got a number; day: is missing"):
        model.check_rows(
            [{name: 3 if name == "note" else row[name] for name in row if name != "day"}]
        )
