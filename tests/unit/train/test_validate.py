import json
import re

import numpy as np
import polars as pl
import pytest

from mlwright.core.errors import ConfigError, DataError, SignatureError
from mlwright.core.workspace import Workspace
from mlwright.stats.metrics import measure
from mlwright.train.fit import train
from mlwright.train.validate import validate
from mlwright.train.validation_report import html, new_card, write_report

ODD = "<script>alert(1)</script>"


def customers(seed, rows=1200, *, blind=False):
    """Churn that follows tenure; in the west it is a coin toss, unless the model is to see it."""
    rng = np.random.default_rng(seed)
    tenure = rng.integers(0, 70, rows)
    west = rng.random(rows) < 0.3
    chance = 1 / (1 + np.exp(0.2 * (tenure - 35)))
    chance = np.where(west & (not blind), 0.5, chance)
    return pl.DataFrame(
        {
            "tenure": tenure,
            ODD: np.where(west, "w<b>", "e"),
            "fee": rng.random(rows),
            "left": np.where(rng.random(rows) < chance, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    workspace = Workspace.create(tmp_path_factory.mktemp("ws"))
    return train(workspace, customers(0), target="left", name="churn").bundle


def test_metrics_are_those_of_the_rows_given(bundle):
    table = customers(1)
    found = validate(bundle, table, model="churn:1")
    answers = bundle.model().predict_rows(
        table.select(bundle.signature.names).with_columns(pl.col("tenure").cast(float)).to_dicts()
    )
    truth = (table["left"] == "yes").to_numpy().astype(int)
    said = [int(label == "yes") for label in answers.prediction]
    expected = measure("binary", truth, said, answers.scores)
    assert {n: i.value for n, i in found.metrics.items()} == pytest.approx(expected)
    assert found.passed
    counts = np.array(found.to_json()["confusion"]["counts"])
    assert counts.sum() == 1200
    assert counts[1, 1] == (truth * said).sum()
    assert sum(point["seen"]["n"] for point in found.to_json()["calibration"]) == 1200


def test_the_slice_in_which_it_guesses_is_found(bundle):
    found = validate(bundle, customers(2, 3000), model="churn:1")
    named = [condition for each in found.slices.weak for condition in each.conditions]
    assert (ODD, "= w<b>") in named


def test_rows_that_have_changed_are_worse_than_the_holdout(bundle):
    table = customers(3)
    turned = table.with_columns(
        left=pl.when(pl.col("left") == "yes").then(pl.lit("no")).otherwise(pl.lit("yes"))
    )
    assert validate(bundle, table, model="m").worse == ()
    found = validate(bundle, turned, model="m", minimums=["auc=0.6", "log_loss=9"])
    assert "auc" in found.worse
    assert found.overfitting().startswith("Worse than on the holdout, beyond chance: accuracy, ")
    assert [m.passed for m in found.minimums] == [False, True]
    assert found.minimums[0].significant
    assert not found.passed


def test_training_is_shown_beside_the_test(bundle):
    parts = validate(bundle, customers(4), model="m").parts
    assert list(parts) == ["fit", "out_of_fold", "holdout", "test"]
    assert parts["fit"]["log_loss"].value < parts["out_of_fold"]["log_loss"].value


def test_the_worst_rows_are_numbers_of_the_table(bundle):
    table = customers(5)
    blank = table.with_columns(
        left=pl.when(pl.int_range(pl.len()) < 10).then(None).otherwise(pl.col("left"))
    )
    found = validate(bundle, blank, model="m")
    assert "10 rows without a target were left out" in found.notices
    row, loss = found.worst[0]
    assert row > 10
    score = bundle.model().scores({n: v[[row - 1 - 10]] for n, v in found.scored.columns.items()})[
        0
    ]
    positive = table["left"][row - 1] == "yes"
    assert loss == pytest.approx(-np.log(score if positive else 1 - score))


def test_groups_are_compared_also_by_columns_that_are_no_inputs(bundle):
    table = customers(6).with_columns(team=pl.Series(["a", "b"] * 600))
    found = validate(bundle, table, model="m", groups=[ODD, "team", "tenure"])
    west, team, tenure = found.groups
    assert {group.name for group in west.groups} == {"e", "w<b>"}
    assert "accuracy" in west.differing
    assert not team.differing
    assert west.groups[0].rates["true_positive_rate"].n < west.groups[0].rows
    assert tenure.differing["predicted_positive"][1].startswith("up to ")


def test_the_report_shows_names_as_text_and_no_rows(bundle, tmp_path):
    found = validate(bundle, customers(7), model="churn:1", groups=[ODD], minimums=["auc=0.99"])
    page = html(found)
    assert "<script>" not in page
    assert "<image" not in page
    assert "A minimum is missed." in page
    written = write_report(found, tmp_path / "deep" / "report.html")
    assert written.page.read_text() == page
    assert json.loads(written.data.read_text())["passed"] is False
    card = written.card.read_text()
    assert card == new_card(found)
    assert "## How good it was on other rows" in card
    assert "It errs more where" in card
    assert "<script>" not in card


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (
            lambda t: t.rename({"tenure": "Tenure"}),
            {},
            SignatureError,
            "the rows do not fit the model: tenure: is missing",
        ),
        (
            lambda t: t.with_columns(left=pl.lit("maybe")),
            {},
            DataError,
            "the target 'left' holds a class that the model does not know, in 1,200 of 1,200 rows",
        ),
        (
            lambda t: t.drop("left"),
            {},
            DataError,
            "the table has no column 'left'",
        ),
        (
            lambda t: t.head(19),
            {},
            DataError,
            "the table has 19 rows with a target, to judge a model takes at least 20",
        ),
        (
            lambda t: t,
            {"groups": ["tenur"]},
            ConfigError,
            "--group tenur: the table has no column 'tenur'; did you mean 'tenure'?",
        ),
        (
            lambda t: t.filter(pl.col("left") == "yes"),
            {"minimums": ["auc=0.5"]},
            DataError,
            "auc cannot be measured on these rows, which hold or are given one class only",
        ),
    ],
)
def test_bad_input_is_named(bundle, change, options, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}") as caught:
        validate(bundle, change(customers(8)), model="m", **options)
    assert caught.value.hint


def test_what_training_did_not_see_is_told(bundle):
    table = customers(8)
    odd = table.with_columns(
        tenure=pl.when(pl.int_range(pl.len()) < 7).then(None).otherwise(pl.col("tenure")),
        **{ODD: pl.when(pl.int_range(pl.len()) < 30).then(pl.lit("s")).otherwise(pl.col(ODD))},
    )
    assert validate(bundle, odd, model="m").notices == (
        "tenure is null in 7 of 1,200 rows: it never was in training, and a server refuses such "
        "rows",
        f"{ODD} holds categories that training did not see, in 30 of 1,200 rows: the model knows "
        "nothing of them",
    )
    assert validate(bundle, table, model="m").notices == ()


def test_the_table_of_training_is_recognised(bundle):
    found = validate(bundle, customers(0), model="m")
    assert found.notices[0].startswith("this is the table that the model was trained on")


def test_one_class_alone_can_be_validated(bundle):
    found = validate(bundle, customers(9).filter(pl.col("left") == "yes"), model="m")
    assert "1 of the model's classes do not occur in these rows" in found.notices
    assert "auc" not in found.metrics
    html(found)


def test_numbers_and_several_classes(workspace):
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, 600)
    table = pl.DataFrame(
        {
            "x": kind + rng.normal(0, 0.5, 600),
            "y": 3.0 * kind + rng.random(600),
            "kind": np.array(["a", "b", "c"])[kind],
        }
    )
    options = {"algorithm": "linear", "baselines": False}
    number = train(workspace, table.drop("kind"), target="y", name="y", **options).bundle
    found = validate(number, table, model="y:1", minimums=["rmse=2"], groups=["kind"])
    assert found.passed
    assert found.to_json()["confusion"] is None
    assert set(found.groups[0].groups[0].rates) == {"mean_error", "mae"}
    assert "Decisions" not in html(found)
    classes = train(workspace, table.drop("y"), target="kind", name="k", **options).bundle
    found = validate(classes, table, model="k:1", groups=["kind"])
    assert len(found.to_json()["confusion"]["counts"]) == 3
    assert "Decisions" in html(found)


def test_rows_of_one_unit_count_once(bundle):
    once = customers(6, 300)
    table = pl.concat([once] * 4).with_columns(who=pl.Series([f"c{n}" for n in [*range(300)] * 4]))
    rows = validate(bundle, table, model="churn:1").metrics["auc"]
    units = validate(bundle, table, model="churn:1", unit="who")
    found, alone = units.metrics["auc"], validate(bundle, once, model="churn:1").metrics["auc"]
    assert (rows.n, found.n, alone.n) == (1200, 300, 300)
    assert found.value == pytest.approx(alone.value)
    assert found.high - found.low == pytest.approx(alone.high - alone.low, rel=0.15)
    assert rows.high - rows.low < 0.7 * (found.high - found.low)
    assert any("count each 'who' once" in notice for notice in units.notices)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([None, "a"], r"^--unit who: the column is blank in 600 rows$"),
        (["a", "b"], r"^--unit who: the column has fewer than 10 different values, too few for "),
    ],
)
def test_a_column_that_is_no_unit_is_named(bundle, values, message):
    table = customers(1).with_columns(who=pl.Series(values * 600))
    with pytest.raises(DataError, match=message):
        validate(bundle, table, model="churn:1", unit="who")
    with pytest.raises(ConfigError, match=r"^--unit whom: the table has no column 'whom'"):
        validate(bundle, table, model="churn:1", unit="whom")
