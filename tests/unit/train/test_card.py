import dataclasses

import pytest
import yaml

from mlwright.core.signature import Column, Signature
from mlwright.data.schema import Finding
from mlwright.stats.intervals import Interval
from mlwright.stats.slices import Slice, Slices
from mlwright.train.card import Facts, Validated, card

FACTS = Facts(
    name="churn",
    signature=Signature(
        (Column("tenure", "number"), Column("<script>x</script>|`a", "category", True)),
        "binary",
        "Churn",
        ("No", "Yes"),
    ),
    algorithm="lightgbm",
    params={"num_leaves": 7},
    rows={"train": 4000, "holdout": 1000},
    fingerprint="ab12",
    split="at random, stratified by class, seed 0",
    findings=(
        Finding("id", "customerID", 1.0, "left out"),
        Finding("leakage", "reason", 0.99, "kept, leave it out if it is only known afterwards"),
    ),
    metrics={"auc": Interval(0.84, 0.82, 0.86, 1000)},
    baselines={"linear": {"auc": Interval(0.83, 0.81, 0.85, 1000)}},
    gain=Interval(0.01, -0.01, 0.03, 1000),
    threshold=0.37,
    importance={"tenure": 0.75},
)


def test_the_card_says_all_there_is_to_know():
    text = card(FACTS)
    for part in (
        "It predicts **Churn** (two classes): **No**, **Yes**; its score is the probability of "
        "**Yes**. It was fitted by **lightgbm** (num\\_leaves 7).",
        "4,000 rows trained it; 1,000 rows were kept apart (at random, stratified by class, seed 0)"
        " and read once, at the end. Fingerprint of the table: `sha256:ab12`.",
        "| **tenure** | number | no | 75.0% |",
        "- **customerID**: is an identifier: left out",
        "On the holdout, n = 1,000, with 95% intervals",
        "| auc | 0.8400 [0.8200, 0.8600] | 0.8300 [0.8100, 0.8500] |",
        "Its mean loss lies 0.0100 [-0.0100, 0.0300] below the linear baseline's, paired by row: "
        "within noise.",
        "It says **Yes** from a score of 0.3700 on",
        "- **reason** may know the answer",
        "- It is not shown to be better than a linear model.",
    ):
        assert part in text


def test_the_metadata_block_is_yaml():
    _, block, _ = card(FACTS).split("---\n", 2)
    metadata = yaml.safe_load(block)
    assert metadata["pipeline_tag"] == "tabular-classification"
    result = metadata["model-index"][0]["results"][0]
    assert result["metrics"] == [{"type": "auc", "value": 0.84}]
    assert result["dataset"] == {"type": "tabular", "name": "sha256:ab12"}


def test_names_from_strangers_are_harmless():
    text = card(FACTS)
    assert "<script>" not in text
    assert "| **&lt;script&gt;x&lt;/script&gt;\\|\\`a** | category | yes | 0.0% |" in text


def test_a_regression_has_no_threshold_and_dated_rows_no_warning():
    signature = Signature((Column("x", "number"),), "regression", "price")
    text = card(
        dataclasses.replace(
            FACTS, signature=signature, threshold=None, split="by time, day from 2024-01-02 on"
        )
    )
    assert "## Threshold" not in text
    assert "drawn at random" not in text
    assert "tabular-regression" in text


WEAK = Slice(
    (("<b>town", "= south|north"), ("age", "over 72")),
    Interval(1.0, 0.9, 1.1, 250),
    Interval(0.3, 0.28, 0.32, 1750),
    Interval(0.7, 0.5, 0.9, 250),
)


def test_the_limits_are_the_weak_slices_that_were_measured():
    text = card(dataclasses.replace(FACTS, slices=Slices((WEAK,), 40, 2000, 2000)))
    assert (
        "- It errs more where **&lt;b&gt;town** = south\\|north and **age** over 72: a mean loss "
        "of 1.0000 [0.9000, 1.1000] (n = 250), elsewhere 0.3000 [0.2800, 0.3200].\n"
        "- 40 slices of one or two columns were looked at on 2,000 rows, and the worst of them "
        "measured on 2,000 others: 1 is beyond chance weaker than the rest."
    ) in text
    assert "- Slices are not judged: that takes at least 200 rows." in card(FACTS)


def test_a_validation_stands_beside_the_holdout():
    tested = Validated(500, "cd34", {"auc": Interval(0.8, 0.75, 0.85, 500)})
    text = card(dataclasses.replace(FACTS, validated=tested))
    assert "On 500 rows of the table `sha256:cd34`, given for validation." in text
    assert "| auc | 0.8000 [0.7500, 0.8500] |" in text
    results = yaml.safe_load(text.split("---\n", 2)[1])["model-index"][0]["results"]
    assert [r["dataset"]["name"] for r in results] == ["sha256:ab12", "sha256:cd34"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("balanced_accuracy", "the threshold of the highest balanced accuracy on out-of-fold"),
        ("cost:fp=1,fn=5", "the threshold of the least cost (fp=1,fn=5) on out-of-fold"),
        ("0.37", "on: the threshold that was given."),
    ],
)
def test_the_threshold_is_explained_by_its_rule(rule, said):
    assert said in card(dataclasses.replace(FACTS, rule=rule))


def test_a_calibration_is_said():
    text = card(dataclasses.replace(FACTS, calibration="isotonic"))
    assert "Its probabilities are calibrated (isotonic), by out-of-fold scores" in text
    assert "## Calibration" not in card(FACTS)
