import numpy as np
import pytest

from mlwright.core.errors import DataError
from mlwright.core.signature import Column, Signature
from mlwright.train.features import fit_plan
from mlwright.train.folds import FOLDS, Sample, assign_folds, out_of_fold
from mlwright.train.frameworks import Problem

SIGNATURE = Signature((Column("row", "number"),), "binary", "y", (0, 1))
PROBLEM = Problem("binary", 2, 0)


def sample(rows=100, order=None):
    target = (np.arange(rows) % 4 == 0).astype(np.int64)
    return Sample({"row": np.arange(rows, dtype=np.float64)}, target, None, order)


class Recorder:
    """A framework that keeps what it was given; its score is the share of positives in `train`."""

    style = "trees"

    def __init__(self, early_stops=True):
        self.early_stops = early_stops
        self.seen = []

    def fit(self, problem, train, *, params, valid=None, rounds=None):
        self.seen.append((train, valid))
        return Model(float(train.target.mean()), len(self.seen) * 10 if self.early_stops else None)


class Model:
    def __init__(self, share, rounds):
        self.share, self.rounds, self.cut = share, rounds, ""

    def scores(self, matrix):
        return np.full(len(matrix), self.share)


def test_folds_are_stratified_and_even():
    fold = assign_folds(sample(), PROBLEM)
    assert np.bincount(fold).tolist() == [20] * FOLDS
    assert np.bincount(fold[sample().target == 1]).tolist() == [5] * FOLDS


def test_dated_rows_are_folded_in_blocks_of_time():
    order = np.random.default_rng(0).permutation(100)
    fold = assign_folds(sample(order=order), PROBLEM)
    assert fold[np.argsort(order)].tolist() == sorted(fold.tolist())


@pytest.mark.parametrize("dated", [False, True])
def test_a_fold_that_scores_neither_trains_nor_stops(dated):
    framework = Recorder()
    given = sample(order=np.arange(100) if dated else None)
    out_of_fold(framework, PROBLEM, SIGNATURE, given, params={})
    fold = assign_folds(given, PROBLEM)
    for number, (train, valid) in zip(reversed(range(FOLDS)), framework.seen, strict=True):
        scored = set(np.flatnonzero(fold == number))
        trained, stopped = (set(rows.matrix[:, 0].astype(int)) for rows in (train, valid))
        assert not scored & (trained | stopped)
        assert not trained & stopped
        assert len(trained | stopped) == 80
        assert 8 <= len(stopped) <= 16


def test_the_rounds_are_the_median_over_the_folds():
    found = out_of_fold(Recorder(), PROBLEM, SIGNATURE, sample(), params={})
    assert found.rounds == 30
    assert found.scores.shape == (100,)
    assert out_of_fold(Recorder(False), PROBLEM, SIGNATURE, sample(), params={}).rounds is None


def test_without_early_stopping_all_of_the_rest_trains():
    framework = Recorder(early_stops=False)
    out_of_fold(framework, PROBLEM, SIGNATURE, sample(), params={})
    assert [(len(train.target), valid) for train, valid in framework.seen] == [(80, None)] * 5


def test_weights_go_with_their_rows():
    given = sample()
    weighted = Sample(given.columns, given.target, np.arange(100.0))
    plan = fit_plan(given.columns, SIGNATURE, style="trees")
    rows = weighted.take(np.array([3, 7])).encode(plan)
    assert rows.matrix[:, 0].tolist() == rows.weights.tolist() == [3.0, 7.0]


def grouped(target, groups):
    return Sample({}, np.asarray(target), groups=np.asarray(groups))


def test_a_group_is_in_one_fold_and_folds_are_even():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 40, 1000)
    fold = assign_folds(grouped(rng.integers(0, 2, 1000), groups), PROBLEM)
    assert len(set(zip(groups, fold, strict=True))) == 40
    assert np.bincount(fold).min() > 150


def test_groups_of_one_row_are_stratified():
    target = np.arange(100) % 4 == 0
    fold = assign_folds(grouped(target.astype(np.int64), np.arange(100)), PROBLEM)
    assert np.bincount(fold[target]).tolist() == [5] * FOLDS


def test_too_few_groups():
    with pytest.raises(DataError) as caught:
        assign_folds(grouped([0, 1] * 10, [0, 1, 2, 3] * 5), PROBLEM)
    assert str(caught.value) == ("the training rows are of 4 groups, 5 folds need at least 5")
    assert caught.value.hint == "name a column with more groups in --split group:COLUMN"


def test_one_class_outside_a_fold():
    target = np.repeat([0, 1], [85, 15])
    with pytest.raises(DataError) as caught:
        assign_folds(Sample({}, target, order=np.arange(100)), PROBLEM)
    assert str(caught.value) == (
        "without fold 5 of 5 (in time), the training rows have one class only"
    )
    assert caught.value.hint == "give more rows, or divide them another way, with --split"
