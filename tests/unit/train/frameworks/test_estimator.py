import numpy as np
import pytest
from sklearn.svm import SVC

from mlwright.core.errors import ConfigError, UnknownBackend
from mlwright.testing.framework import make_rows, problem_of
from mlwright.train.frameworks import FRAMEWORKS, Rows


def fit(path, task="binary", rows=None, **params):
    framework, problem = FRAMEWORKS.load(path), problem_of(task)
    settled = framework.params(params, problem=problem, rows=400)
    return framework.fit(problem, rows or make_rows(task), params=settled)


def test_an_estimator_that_only_decides_is_given_probabilities():
    fitted = fit("sklearn.svm.SVC", C=0.5)
    rows = make_rows("binary", seed=1)
    scores = fitted.scores(rows.matrix)
    decided = SVC(C=0.5).fit(make_rows("binary").matrix, make_rows("binary").target)
    assert ((scores > 0.5) == decided.predict(rows.matrix)).mean() > 0.95
    assert fitted.importance().argmax() == 0


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "sklearn.svm.SVCC",
            "scikit-learn has no estimator 'sklearn.svm.SVCC'; did you mean 'SVC'?",
        ),
        (
            "sklearn.svm._classes.SVC",
            "scikit-learn has no estimator 'sklearn.svm._classes.SVC'; did you mean 'SVC'?",
        ),
        ("sklearn.nowhere.SVC", "scikit-learn has no estimator 'sklearn.nowhere.SVC'"),
        (
            "sklearn.preprocessing.StandardScaler",
            "sklearn.preprocessing.StandardScaler cannot be fitted on its own",
        ),
        (
            "sklearn.ensemble.VotingClassifier",
            "sklearn.ensemble.VotingClassifier cannot be fitted on its own",
        ),
    ],
)
def test_what_is_no_public_estimator_is_refused(path, message):
    with pytest.raises(UnknownBackend) as caught:
        FRAMEWORKS.load(path)
    assert str(caught.value) == message


def test_other_packages_are_not_imported_by_path():
    with pytest.raises(UnknownBackend, match=r"no algorithm named 'os\.path'"):
        FRAMEWORKS.load("os.path")


@pytest.mark.parametrize(
    ("path", "task", "params", "message"),
    [
        ("sklearn.svm.SVR", "binary", {}, "sklearn.svm.SVR cannot learn a binary target"),
        (
            "sklearn.svm.SVC",
            "binary",
            {"kernal": "rbf"},
            "sklearn.svm.SVC has no parameter 'kernal'; did you mean 'kernel'?",
        ),
        (
            "sklearn.linear_model.Ridge",
            "regression",
            {"alpha": -1.0},
            "sklearn.linear_model.Ridge refused to fit: The 'alpha' parameter of Ridge must be a "
            "float in the range [0.0, inf) or an array-like. Got -1.0 instead.",
        ),
    ],
)
def test_what_it_cannot_do_is_refused(path, task, params, message):
    with pytest.raises(ConfigError) as caught:
        fit(path, task, **params)
    assert str(caught.value) == message


def test_weights_that_cannot_be_taken_are_refused():
    rows = make_rows("binary")
    weighted = Rows(rows.matrix, rows.target, np.linspace(1, 2, len(rows.target)))
    with pytest.raises(ConfigError) as caught:
        fit("sklearn.neighbors.KNeighborsClassifier", rows=weighted)
    assert str(caught.value) == "KNeighborsClassifier takes no row weights"
