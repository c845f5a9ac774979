import math

import pytest

from mlwright.core.errors import ConfigError
from mlwright.core.settings import SearchRange
from mlwright.train.asked_space import make_space
from mlwright.train.frameworks import FRAMEWORKS, Problem

PROBLEM = Problem("binary", 2, 0)


def space(given, algorithm="lightgbm"):
    return make_space(given, algorithm, FRAMEWORKS.load(algorithm), PROBLEM, rows=500)


BAD = {
    "an unknown name": (
        {"max_dept": (3,)},
        "tune.search_space.max_dept: lightgbm has no parameter 'max_dept'; did you mean "
        "'max_depth'?",
    ),
    "a value above the range": (
        {"subsample": (0.5, 1.5)},
        "tune.search_space.subsample: lightgbm takes numbers above 0 and up to 1, got 1.5",
    ),
    "an end outside": (
        {"learning_rate": SearchRange(low=0.0, high=0.3)},
        "tune.search_space.learning_rate: lightgbm takes numbers above 0 and up to 1, got 0.0",
    ),
    "a depth that is none": (
        {"max_depth": (0, 3)},
        "tune.search_space.max_depth: lightgbm takes numbers from 1, or -1, got 0",
    ),
    "the wrong type": (
        {"num_leaves": ("many",)},
        "tune.search_space.num_leaves: lightgbm's parameter 'num_leaves' takes a whole number",
    ),
    "nothing": ({"num_leaves": ()}, "tune.search_space.num_leaves is empty"),
    "ends swapped": (
        {"num_leaves": SearchRange(low=9, high=3)},
        "tune.search_space.num_leaves: low (9) must lie below high (3)",
    ),
    "an end that is none": (
        {"lambda_l2": SearchRange(low=0.1, high=math.inf)},
        "tune.search_space.lambda_l2: low and high must be finite",
    ),
    "infinite, in a list": (
        {"lambda_l2": (0.1, math.inf)},
        "tune.search_space.lambda_l2: lightgbm takes numbers from 0, got inf",
    ),
    "log from 0": (
        {"lambda_l2": SearchRange(low=0, high=3.0, log=True)},
        "tune.search_space.lambda_l2: a range with log must begin above 0, got 0",
    ),
    "a step with log": (
        {"num_leaves": SearchRange(low=3, high=9, log=True, step=2)},
        "tune.search_space.num_leaves: a step must be above 0, and goes without log",
    ),
    "one parameter twice": (
        {"subsample": (0.5, 0.6), "bagging_fraction": (0.5, 0.6)},
        "tune.search_space: subsample and bagging_fraction are the same parameter",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_taken_is_said_with_key_and_range(case):
    given, message = BAD[case]
    with pytest.raises(ConfigError) as caught:
        space(given)
    assert str(caught.value) == message
    assert caught.value.hint


def test_an_algorithm_without_a_space_needs_one():
    with pytest.raises(ConfigError, match=r"^dummy has no search space of its own$"):
        space({}, "dummy")
