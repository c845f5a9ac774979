import time
from dataclasses import replace

import numpy as np
import pytest

from mlwright.bundle.plan import BooleanStep, NumberStep, OneHotStep, Plan
from mlwright.core.errors import ConfigError
from mlwright.core.signature import Column, Signature
from mlwright.core.workspace import Workspace
from mlwright.train.choices import PLAIN, Choices
from mlwright.train.fit import train
from mlwright.train.frameworks import FRAMEWORKS, Problem, Rows
from mlwright.train.limits import Folds, check_limits, to_fit

BINARY = Signature((Column("age", "number"), Column("plan", "category")), "binary", "y", (0, 1))
NUMBER = Signature((Column("age", "number"),), "regression", "y")
MANY = Signature((Column("age", "number"),), "multiclass", "y", (0, 1, 2))


@pytest.mark.parametrize(
    ("algorithm", "signature", "choices", "message"),
    [
        (
            "lightgbm",
            NUMBER,
            Choices(class_weight="balanced"),
            "model.class_weight: balanced: the target is a number and has no classes",
        ),
        (
            "lightgbm",
            BINARY,
            Choices(device="cuda"),
            "model.device: cuda: lightgbm is fitted on the CPU",
        ),
        (
            "random_forest",
            BINARY,
            Choices(monotone={"age": "increasing"}),
            "model.monotone: random_forest cannot be held to a direction",
        ),
        (
            "lightgbm",
            BINARY,
            Choices(monotone={"agee": "increasing"}),
            "model.monotone: the model has no input 'agee'; did you mean 'age'?",
        ),
        (
            "lightgbm",
            BINARY,
            Choices(monotone={"plan": "increasing"}),
            "model.monotone: 'plan' is a category, which has no order",
        ),
        (
            "lightgbm",
            MANY,
            Choices(monotone={"age": "increasing"}),
            "model.monotone: with more than two classes no score has one direction",
        ),
    ],
)
def test_what_cannot_be_had_is_refused(algorithm, signature, choices, message):
    with pytest.raises(ConfigError) as caught:
        check_limits(algorithm, FRAMEWORKS.load(algorithm), signature, choices)
    assert str(caught.value) == message
    assert caught.value.hint


def test_rows_know_their_groups_and_directions():
    plan = Plan((NumberStep("a"), OneHotStep("c", ("x", "y")), BooleanStep("b"), NumberStep("d")))
    choices = Choices(monotone={"a": "increasing", "b": "decreasing"})
    rows = to_fit(Rows(np.zeros((2, 5)), np.zeros(2)), plan, Problem("regression", 0, 0), choices)
    assert rows.groups == ((1, 3),)
    assert rows.monotone == (1, 0, 0, -1, 0)


def test_balanced_classes_weigh_the_same():
    target = np.array([0, 0, 0, 1])
    rows = Rows(np.zeros((4, 1)), target, np.array([1.0, 1.0, 2.0, 1.0]))
    problem, plan = Problem("binary", 2, 0), Plan((NumberStep("a"),))
    found = to_fit(rows, plan, problem, Choices(class_weight="balanced")).weights
    assert found[target == 0].sum() == pytest.approx(found[target == 1].sum())
    assert found.sum() == pytest.approx(5.0)
    assert to_fit(rows, plan, problem, PLAIN).weights is rows.weights


def test_a_fold_that_was_cut_is_the_only_one():
    folds = Folds(Problem("binary", 2, 0, deadline=time.monotonic() + 100))
    first = folds.begin()
    assert 30 < first.deadline - time.monotonic() <= 40
    folds.end("stopped early")
    assert folds.begin() is None


def test_folds_follow_while_the_last_fit_stays_affordable():
    folds = Folds(Problem("binary", 2, 0, deadline=time.monotonic() + 100))
    folds.begin()
    folds.end("")
    assert folds.begin() is not None
    assert Folds(Problem("binary", 2, 0)).begin().deadline is None


@pytest.mark.parametrize("algorithm", ["lightgbm", "xgboost", "sklearn.svm.SVC"])
def test_a_time_budget_holds_and_says_what_it_cut(tmp_path, churn, algorithm):
    table = churn.sample(8000, with_replacement=True, seed=0)
    table = table.with_columns(tenure=table["tenure"] + np.arange(8000) / 1e6)
    params = {"rounds": 100_000, "early_stopping_rounds": 100_000}
    fitted = []
    started = time.monotonic()
    trained = train(
        Workspace.create(tmp_path),
        table,
        target="Churn",
        name="c",
        algorithm=algorithm,
        params={} if algorithm[0] == "s" else params,
        choices=replace(PLAIN, time_budget=1.5),
        say=lambda line: fitted.append(time.monotonic()) if "judging" in line else None,
    )
    assert fitted[0] - started < 6
    cut = [notice for notice in trained.notices if notice.startswith("time budget")]
    assert cut[0].startswith(f"time budget: {algorithm}: ")
    assert "of 5 folds" in cut[0]
