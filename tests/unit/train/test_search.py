import pytest

from mlwright.core.errors import ConfigError
from mlwright.core.settings import SearchRange
from mlwright.core.space import SearchValues
from mlwright.train.asked_space import make_space
from mlwright.train.frameworks import FRAMEWORKS, Problem
from mlwright.train.search import Space, priors, unvisited
from mlwright.train.spaces import SPACES

PROBLEM = Problem("binary", 2, 0)
NEEDS = {"keras": "tensorflow", "neural_network": "torch", "xgboost": "xgboost"}


def space(given, algorithm="lightgbm"):
    return make_space(given, algorithm, FRAMEWORKS.load(algorithm), PROBLEM, rows=500)


@pytest.mark.parametrize("algorithm", sorted({*SPACES} - {"transformer"}))  # wants a base
def test_each_algorithms_own_space_and_priors_can_be_taken(algorithm):
    pytest.importorskip(NEEDS.get(algorithm, "sklearn"))
    framework = FRAMEWORKS.load(algorithm)
    found = space({}, algorithm)
    defaults = framework.params({}, problem=PROBLEM, rows=500)
    points = priors(found, algorithm, defaults)
    assert len(points) > 1
    for point in points:
        framework.params(found.params(point), problem=PROBLEM, rows=500)


@pytest.mark.parametrize("algorithm", ["lightgbm", "xgboost"])
def test_the_words_of_the_first_request_work(algorithm):
    pytest.importorskip(algorithm)
    found = space(
        {
            "max_depth": (3, 5),
            "learning_rate": (0.01, 0.3),
            "n_estimators": (100, 1000),
            "subsample": (0.6, 1.0),
            "colsample_bytree": (0.6, 1.0),
        },
        algorithm,
    )
    own = found.params({"n_estimators": 100, "subsample": 0.6})
    assert own["rounds"] == 100
    assert list(own.values()) == [100, 0.6]


def test_the_nearest_point_keeps_to_lists_steps_and_whole_numbers():
    found = Space(
        {
            "a": (1, 5, 9),
            "b": SearchRange(low=0.0, high=1.0, step=0.25),
            "c": SearchRange(low=2, high=8),
            "d": ("x", "y"),
        },
        {name: name for name in "abcd"},
    )
    assert found.nearest({"a": 6, "b": 0.4, "c": 100, "d": "x"}) == {
        "a": 5,
        "b": 0.5,
        "c": 8,
        "d": "x",
    }


def test_a_grid_lists_all_and_is_walked_once_in_an_order_of_the_seed():
    found = Space({"a": (1, 2), "b": SearchRange(low=1, high=100, log=True)}, {"a": "a", "b": "b"})
    grid = found.grid()
    assert [point["b"] for point in grid[:3]] == [1, 10, 100]
    assert len(grid) == 6
    walked = []
    while points := unvisited(grid, walked, seed=0, count=1):
        walked += points
    assert sorted(map(str, walked)) == sorted(map(str, grid))
    assert walked[0] == unvisited(grid, [], seed=0, count=1)[0]


def test_a_grid_is_bounded():
    axes = {name: tuple(range(20)) for name in "abcd"}
    with pytest.raises(ConfigError, match=r"^the grid has more than 100,000 combinations$"):
        Space(axes, {name: name for name in axes}).grid()


CONDITIONAL = Space(
    {"bagging_freq": (0, 1), "bagging_fraction": SearchRange(low=0.5, high=1.0), "depth": (2, 3)},
    {},
    {"bagging_fraction": {"bagging_freq": (1,)}},
)


def test_a_grid_holds_no_point_twice_where_a_parameter_is_not_searched():
    points = CONDITIONAL.grid()
    assert len(points) == 2 + 3 * 2
    assert {len(point) for point in points if point["bagging_freq"] == 0} == {2}
    assert {len(point) for point in points if point["bagging_freq"] == 1} == {3}


def test_a_condition_is_read_before_what_depends_on_it():
    given = {
        "bagging_fraction": SearchRange(low=0.5, high=1.0, when={"bagging_freq": 1}),
        "bagging_freq": (0, 1),
        "max_depth": SearchValues(values=(3, 5), when={"bagging_freq": [0]}),
    }
    framework = FRAMEWORKS.load("lightgbm")
    space = make_space(given, "lightgbm", framework, Problem("binary", 2, 0), rows=500)
    assert list(space.values) == ["bagging_freq", "bagging_fraction", "max_depth"]
    assert space.nearest({"bagging_freq": 0}) == {"bagging_freq": 0, "max_depth": 5}
    assert space.nearest({"bagging_freq": 1}).keys() == {"bagging_freq", "bagging_fraction"}
    assert space.to_json()["when"] == {
        "bagging_fraction": {"bagging_freq": [1]},
        "max_depth": {"bagging_freq": [0]},
    }
