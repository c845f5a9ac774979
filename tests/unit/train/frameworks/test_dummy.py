import numpy as np

from mlwright.testing.framework import make_rows, problem_of
from mlwright.train.frameworks import Rows
from mlwright.train.frameworks.dummy import FRAMEWORK


def test_it_gives_the_share_of_each_class_or_the_mean():
    for task in ("binary", "multiclass", "regression"):
        rows = make_rows(task)
        scores = FRAMEWORK.fit(problem_of(task), rows, params={}).scores(rows.matrix[:1])[0]
        if task == "regression":
            expected = rows.target.mean()
        else:
            shares = np.bincount(rows.target) / len(rows.target)
            expected = shares[1] if task == "binary" else shares
        np.testing.assert_allclose(scores, expected)


def test_weights_count():
    rows = Rows(np.zeros((2, 1)), np.array([0, 1]), np.array([1.0, 3.0]))
    fitted = FRAMEWORK.fit(problem_of("binary"), rows, params={})
    np.testing.assert_allclose(fitted.scores(rows.matrix), 0.75)
