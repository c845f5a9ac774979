import lightgbm
import numpy as np
import pytest

from mlwright.core.errors import ConfigError
from mlwright.testing.framework import make_rows, problem_of
from mlwright.train.frameworks.lightgbm import FRAMEWORK


def fit(**options):
    problem = problem_of("binary")
    params = FRAMEWORK.params({}, problem=problem, rows=400)
    return FRAMEWORK.fit(problem, make_rows("binary"), params=params, rounds=20, **options)


@pytest.mark.parametrize("threads", [1, 4])
def test_the_text_does_not_depend_on_the_machine(monkeypatch, threads):
    expected = fit().source().text
    monkeypatch.setattr("os.cpu_count", lambda: threads)
    monkeypatch.setattr("mlwright.train.frameworks.lightgbm._ROWS_A_THREAD", 100)
    assert fit().source().text == expected
    assert "num_threads" not in expected


def test_the_text_without_parameters_predicts_the_same():
    fitted = fit()
    matrix = make_rows("binary", seed=1).matrix
    again = lightgbm.Booster(model_str=fitted.source().text).predict(matrix)
    np.testing.assert_array_equal(again, fitted.scores(matrix))


def test_small_tables_get_small_leaves_and_few_of_them():
    small = FRAMEWORK.params({}, problem=problem_of("binary"), rows=150)
    assert (small["min_data_in_leaf"], small["num_leaves"]) == (3, 7)
    large = FRAMEWORK.params({}, problem=problem_of("binary"), rows=50_000)
    assert (large["min_data_in_leaf"], large["num_leaves"]) == (20, 15)
    told = FRAMEWORK.params({"num_leaves": 3}, problem=problem_of("binary"), rows=150)
    assert told["num_leaves"] == 3


def test_a_value_that_lightgbm_refuses():
    problem = problem_of("binary")
    params = FRAMEWORK.params({"bagging_fraction": 7.0}, problem=problem, rows=400)
    with pytest.raises(ConfigError, match=r"lightgbm refused to fit: .*bagging_fraction"):
        FRAMEWORK.fit(problem, make_rows("binary"), params=params, rounds=3)
