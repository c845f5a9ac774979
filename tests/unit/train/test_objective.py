import numpy as np
import pytest

from mlwright.core.errors import ConfigError, DataError
from mlwright.core.signature import Column, Signature
from mlwright.train.divide import divide
from mlwright.train.folds import Sample
from mlwright.train.frameworks import Problem
from mlwright.train.objective import checked_metric, make_objective

PROBLEM = Problem("binary", 2, 0)
SIGNATURE = Signature((Column("row", "number"),), "binary", "y", (0, 1))


class Recorder:
    """Keeps what it was given; a score is the row's own number, so positives rank at random."""

    style = "trees"

    def __init__(self, early_stops=True):
        self.early_stops = early_stops
        self.seen = []

    def fit(self, problem, train, *, params, valid=None, rounds=None):
        self.seen.append((train, valid))
        return Model(7 if self.early_stops else None)


class Model:
    def __init__(self, rounds, cut=""):
        self.rounds = rounds
        self.cut = cut

    def scores(self, matrix):
        return matrix[:, 0] / 200


def objective(metric="auc", framework=None, rows=200):
    target = (np.arange(rows) >= rows / 2).astype(np.int64)
    sample = Sample({"row": np.arange(rows, dtype=float)}, target)
    framework = framework or Recorder()
    division = divide(sample, PROBLEM, how="stratified", folds=5)
    return (
        framework,
        division,
        make_objective(framework, PROBLEM, SIGNATURE, sample, metric=metric, division=division),
    )


@pytest.mark.parametrize("metric", ["auc", "f1"])
@pytest.mark.parametrize("early_stops", [True, False])
def test_rows_that_are_scored_neither_fit_nor_stop_nor_choose_the_threshold(metric, early_stops):
    framework, division, made = objective(metric, Recorder(early_stops))
    score = made.score({})
    assert score.whole
    assert min(score.values) > 0.9
    for (train, valid), fold, (_, scored) in zip(
        framework.seen, made.folds, division.folds, strict=True
    ):
        assert (valid is not None) == early_stops  # a threshold alone stops nothing
        kept = [] if fold.valid is None else fold.valid.matrix[:, 0]
        assert (fold.valid is not None) == (early_stops or metric == "f1")
        assert not set(scored) & {*train.matrix[:, 0], *kept}
        assert not set(train.matrix[:, 0]) & set(kept)
    assert score.rounds == ((7,) * 5 if early_stops else ())


def test_a_fold_is_encoded_once_for_all_trials():
    framework, _, made = objective()
    made.score({"depth": 1})
    made.score({"depth": 2})
    assert [train for train, _ in framework.seen[:5]] == [train for train, _ in framework.seen[5:]]


def test_it_stops_when_told_and_has_no_whole_score():
    framework, _, made = objective()
    score = made.score({}, go_on=lambda values: len(values) < 2)
    assert (len(score.values), score.whole, len(framework.seen)) == (2, False, 2)


def test_a_metric_that_does_not_exist_on_a_fold_is_said():
    class Never(Model):
        def scores(self, matrix):
            return np.zeros(len(matrix))

    class Blind(Recorder):
        def fit(self, problem, train, *, params, valid=None, rounds=None):
            return Never(None)

    _, _, made = objective("precision", Blind())
    made = type(made)(made.framework, made.problem, made.metric, made.folds, "0.5")
    with pytest.raises(DataError) as caught:
        made.score({})
    assert str(caught.value) == (
        "precision does not exist on fold 1: none of its rows was predicted to be positive"
    )


def test_a_metric_must_fit_the_task():
    assert checked_metric(None, "regression") == "r2"
    with pytest.raises(ConfigError) as caught:
        checked_metric("rmse", "binary")
    assert str(caught.value) == "the optimization metric 'rmse' does not fit a binary task"
    with pytest.raises(ConfigError) as caught:
        checked_metric("f2", "binary")
    assert str(caught.value).startswith("the optimization metric 'f2' is not a metric")


def test_what_was_fitted_is_not_fitted_again():
    framework, _, made = objective()
    given = {"rounds": 100, "early_stopping_rounds": 10, "depth": 3}
    first = made.score(given)
    assert len(framework.seen) == 5
    for same in (given, {**given, "rounds": 300}, {**given, "rounds": 18}):
        assert made.score(same).values == first.values
    assert len(framework.seen) == 5  # the best round is the 7th: all end in the 17th
    made.score({**given, "rounds": 17})  # may end before the gain has failed to come
    assert len(framework.seen) == 10
    made.score({**given, "depth": 4})
    assert len(framework.seen) == 15


class Slow(Recorder):
    """Its third fit is cut short by the deadline."""

    def fit(self, problem, train, **options):
        super().fit(problem, train, **options)
        late = problem.deadline is not None and len(self.seen) == 3
        return Model(7, "stopped after 7 rounds" if late else "")


def test_a_fit_that_the_deadline_cuts_short_is_not_scored():
    framework, _, made = objective(framework=Slow())
    score = made.score({"depth": 3}, deadline=0.0)
    assert (len(score.values), score.whole, score.late) == (2, False, True)
    assert made.score({"depth": 3}).whole
    assert len(framework.seen) == 3 + 3  # the two that were whole are known
