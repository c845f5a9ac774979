import dataclasses

import yaml

from mlwright.core.signature import Column, Signature
from mlwright.data.schema import Finding
from mlwright.stats.intervals import Interval
from mlwright.train.card import Facts, card

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
