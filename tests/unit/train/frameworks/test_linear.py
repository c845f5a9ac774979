import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mlwright.core.errors import ConfigError
from mlwright.testing.framework import make_rows, problem_of
from mlwright.train.frameworks.linear import FRAMEWORK


def fit(task, rows):
    return FRAMEWORK.fit(problem_of(task), rows, params={"penalty": 1.0})


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_scores_are_those_of_scikit_learn(task):
    rows = make_rows(task)
    expected = LogisticRegression().fit(rows.matrix, rows.target).predict_proba(rows.matrix)
    found = fit(task, rows).scores(rows.matrix)
    np.testing.assert_allclose(found, expected[:, 1] if task == "binary" else expected, atol=1e-12)


def test_two_of_three_classes_score_as_two():
    rows = make_rows("multiclass")
    two = rows.take(rows.target != 2)
    expected = LogisticRegression().fit(two.matrix, two.target).predict_proba(two.matrix)
    scores = fit("multiclass", two).scores(two.matrix)
    np.testing.assert_allclose(scores[:, :2], expected, atol=1e-9)


def test_a_penalty_of_nothing_is_refused():
    with pytest.raises(ConfigError) as caught:
        FRAMEWORK.params({"penalty": 0}, problem=problem_of("binary"), rows=10)
    assert str(caught.value) == "linear's parameter 'penalty' must be above 0"
