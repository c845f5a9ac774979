import numpy as np
import pytest

from mlwright.core.errors import ConfigError, DataError
from mlwright.train.divide import check_classes, divide
from mlwright.train.folds import Sample
from mlwright.train.frameworks import Problem

PROBLEM = Problem("binary", 2, 0)


def sample(rows=100, **more):
    target = (np.arange(rows) % 4 == 0).astype(np.int64)
    return Sample({"x": np.arange(rows, dtype=float)}, target, None, **more)


@pytest.mark.parametrize("how", ["kfold", "stratified", "group"])
def test_every_row_is_scored_once_by_a_model_that_did_not_see_it(how):
    given = sample(groups=np.arange(100) // 5)
    found = divide(given, PROBLEM, how=how, folds=4)
    assert sorted(np.concatenate([scored for _, scored in found.folds])) == list(range(100))
    for fits, scored in found.folds:
        assert not set(fits) & set(scored)
        assert len(fits) + len(scored) == 100


def test_stratified_folds_have_the_same_share_of_each_class():
    for _, scored in divide(sample(), PROBLEM, how="stratified", folds=5).folds:
        assert sample().target[scored].sum() == 5


def test_no_group_is_on_both_sides():
    groups = np.random.default_rng(0).integers(0, 12, 100)
    found = divide(sample(groups=groups), PROBLEM, how="auto", folds=4)
    assert found.how == "group"
    for fits, scored in found.folds:
        assert not set(groups[fits]) & set(groups[scored])
        assert len(scored) > 10


def test_dated_rows_are_scored_by_models_of_what_came_before():
    order = np.random.default_rng(0).permutation(100)
    found = divide(sample(order=order), PROBLEM, how="auto", folds=4)
    assert (found.how, len(found.folds)) == ("time", 4)
    for fits, scored in found.folds:
        assert order[fits].max() < order[scored].min()


def test_auto_is_stratified_for_classes_and_at_random_for_numbers():
    assert divide(sample(), PROBLEM, how="auto", folds=5).how == "stratified"
    assert divide(sample(), Problem("regression", 0, 0), how="auto", folds=5).how == "kfold"
    alone = sample(groups=np.arange(100))
    assert divide(alone, PROBLEM, how="auto", folds=5).how == "stratified"


@pytest.mark.parametrize(
    ("how", "problem", "message"),
    [
        ("time", PROBLEM, "cv by time needs a column of dates, and none was found"),
        ("group", PROBLEM, "cv by group needs groups, and none are named"),
        (
            "stratified",
            Problem("regression", 0, 0),
            "cv stratified needs classes, and the target is a number",
        ),
    ],
)
def test_a_way_that_does_not_fit_is_said(how, problem, message):
    with pytest.raises(ConfigError) as caught:
        divide(sample(), problem, how=how, folds=5)
    assert str(caught.value) == message
    assert caught.value.hint


def test_too_few_rows_or_groups_are_said():
    with pytest.raises(DataError, match=r"^8 rows are too few for 5 folds$"):
        divide(sample(8), PROBLEM, how="kfold", folds=5)
    with pytest.raises(DataError, match=r"^2 groups are too few for 5 folds$"):
        divide(sample(groups=np.arange(100) % 2), PROBLEM, how="group", folds=5)


@pytest.mark.parametrize(
    ("how", "target", "message", "hint"),
    [
        (
            "time",
            np.arange(100) >= 40,
            "fold 1 of 4 (cv time) is fitted on rows of one class only",
            "use fewer --cv-folds, or rows of a longer time",
        ),
        (
            "time",
            np.arange(100) % 2 * (np.arange(100) < 70),
            "auc does not exist on fold 4 of 4 (cv time): the rows that it scores are of one class "
            "only",
            "use another --optimization-metric, fewer --cv-folds, or rows of a longer time",
        ),
        (
            "group",
            np.arange(100) < 10,
            "auc does not exist on fold 1 of 4 (cv group): the rows that it scores are of one "
            "class only",
            "use another --optimization-metric, fewer --cv-folds, or more groups",
        ),
        (
            "kfold",
            np.arange(100) < 2,
            "auc does not exist on fold 2 of 4 (cv kfold): the rows that it scores are of one "
            "class only",
            "use another --optimization-metric, --cv stratified, or fewer --cv-folds",
        ),
        (
            "stratified",
            np.arange(100) < 2,
            "auc does not exist on fold 1 of 4 (cv stratified): the rows that it scores are of "
            "one class only",
            "use another --optimization-metric, fewer --cv-folds, or more rows of the rare class",
        ),
    ],
)
def test_a_fold_with_one_class_is_named_before_anything_is_fitted(how, target, message, hint):
    given = Sample({}, target.astype(np.int64), order=np.arange(100), groups=np.arange(100) // 5)
    found = divide(given, PROBLEM, how=how, folds=4)
    with pytest.raises(DataError) as caught:
        check_classes(found, given, PROBLEM, metric="auc")
    assert str(caught.value) == message
    assert caught.value.hint == hint


def test_a_metric_that_exists_with_one_class_needs_no_other():
    given = Sample({}, (np.arange(100) < 2).astype(np.int64))
    found = divide(given, PROBLEM, how="stratified", folds=4)
    check_classes(found, given, PROBLEM, metric="log_loss")
    regression = Problem("regression", 0, 0)
    check_classes(divide(given, regression, how="kfold", folds=4), given, regression, metric="r2")
