"""Models that the usual converters get wrong, packaged: exact, or the original with the reason."""

from dataclasses import replace

import numpy as np
import pytest
import xgboost
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

from mlwright.bundle.plan import NumberStep, Plan
from mlwright.bundle.runtimes.sklearn import Estimator
from mlwright.bundle.sources import FileSource
from mlwright.bundle.write import write
from mlwright.core.signature import Column, Signature

NAMES = ("a", "b", "c", "d")
SIGNATURE = Signature(tuple(Column(name, "number", True) for name in NAMES), "binary", "y", (0, 1))


def draft_of(example, source, signature=SIGNATURE):
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(400, 4))
    return replace(
        example.draft,
        signature=signature,
        plan=Plan(tuple(NumberStep(name) for name in NAMES)),
        source=source(matrix, (matrix[:, 0] + matrix[:, 1] ** 2 > 1).astype(int)),
        check_columns=dict(zip(NAMES, matrix.T, strict=True)),
        samples=(),
        threshold=0.5,
        importance={},
    )


def boosted(params):
    def source(matrix, target):
        data = xgboost.DMatrix(matrix, target)
        booster = xgboost.train({"nthread": 1, "seed": 0, **params}, data, 20)
        packages = ("numpy", "xgboost")
        return FileSource("xgboost", "model.json", bytes(booster.save_raw("json")), packages)

    return source


def fitted(model):
    def source(matrix, target):
        packed = Estimator(model.fit(matrix, target), "binary", 2).pack()
        return FileSource("sklearn", "model.skops", packed, ("scikit-learn", "skops", "numpy"))

    return source


def no_package(requirements, *names):
    return not {each.partition("==")[0] for each in requirements} & set(names)


@pytest.mark.parametrize(
    "source",
    [
        boosted({"objective": "reg:logistic"}),
        boosted({"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.5}),
        fitted(RandomForestClassifier(20, random_state=0)),
        fitted(GradientBoostingClassifier(n_estimators=20, random_state=0)),
    ],
    ids=["reg:logistic", "dart", "random forest", "gradient boosting"],
)
def test_trees_become_exact_ones_of_our_own(example, tmp_path, source):
    bundle = write(draft_of(example, source), tmp_path)
    assert bundle.runtime == "onnx"
    parity = bundle.parity
    assert (parity["compiled"], parity["passed"], parity["flipped"]) == (True, True, 0)
    assert parity["difference"] < 1e-6
    assert parity["edge_rows"] > 300
    assert no_package(bundle.requirements, "xgboost", "scikit-learn", "skops", "onnx", "pandas")


def test_linear_boosters_stay_what_they_are_and_say_why(example, tmp_path):
    source = boosted({"booster": "gblinear", "updater": "coord_descent"})
    regression = replace(SIGNATURE, task="regression", classes=())
    bundle = write(draft_of(example, source, regression), tmp_path)
    assert bundle.runtime == "xgboost"
    assert bundle.parity == {"compiled": False, "reason": "its booster is gblinear"}
    assert not no_package(bundle.requirements, "xgboost")
    assert "original" not in bundle.facts
