"""The names that all boosters share, and the words for what is wrong."""

import pytest

from mlwright.core.errors import ConfigError
from mlwright.testing.framework import problem_of
from mlwright.train.frameworks import FRAMEWORKS

BOOSTERS = ["lightgbm", "xgboost", "hist_gradient_boosting"]


def settle(algorithm, **given):
    return FRAMEWORKS.load(algorithm).params(given, problem=problem_of("binary"), rows=1000)


@pytest.mark.parametrize("algorithm", BOOSTERS)
def test_every_booster_takes_the_usual_names(algorithm):
    found = settle(algorithm, max_depth=3, learning_rate=0.01, n_estimators=100)
    assert (found["max_depth"], found["learning_rate"], found["rounds"]) == (3, 0.01, 100)
    assert "n_estimators" not in found


def test_a_forest_counts_trees():
    assert settle("random_forest", n_estimators=50)["n_estimators"] == 50
    assert settle("random_forest", rounds=50)["n_estimators"] == 50
    assert "max_depth" not in settle("random_forest", max_depth=-1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"max_dept": 3},
            "xgboost has no parameter 'max_dept'; did you mean 'max_depth'?",
        ),
        (
            {"rounds": 3, "n_estimators": 3},
            "xgboost's parameter 'rounds' is given twice, also as 'n_estimators'",
        ),
        ({"n_estimators": 0}, "xgboost's parameter 'n_estimators' is 1 or more, got 0"),
        ({"max_depth": 2.5}, "xgboost's parameter 'max_depth' takes a whole number"),
    ],
)
def test_what_is_wrong_is_named(given, message):
    with pytest.raises(ConfigError) as caught:
        settle("xgboost", **given)
    assert str(caught.value) == message
    assert caught.value.hint


def test_a_value_that_xgboost_refuses():
    from mlwright.testing.framework import make_rows

    framework = FRAMEWORKS.load("xgboost")
    params = settle("xgboost", subsample=7.0)
    with pytest.raises(ConfigError, match=r"^xgboost refused to fit: .*subsample"):
        framework.fit(problem_of("binary"), make_rows("binary"), params=params, rounds=3)
