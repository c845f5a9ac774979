import re

import pytest

from mlwright.core.errors import ConfigError, DataError
from mlwright.stats.intervals import Interval
from mlwright.train.minimums import Minimum, judge, parse

FOUND = Interval(0.8, 0.75, 0.85, 100)


@pytest.mark.parametrize(
    ("stated", "task", "message", "hint"),
    [
        (
            "accurcy=0.8",
            "binary",
            "--min accurcy=0.8: 'accurcy' is no metric of a binary model; did you mean 'accuracy'?",
            "name one of accuracy, precision, recall, f1, auc, average_precision, log_loss, ece",
        ),
        (
            "accuracy=0.8",
            "regression",
            "--min accuracy=0.8: 'accuracy' is not measured for a regression model",
            "name one of mae, rmse, r2",
        ),
        ("auc", "binary", "--min auc: '' is no number", "write --min auc=0.8"),
        ("auc=nan", "binary", "--min auc=nan: 'nan' is no number", "write --min auc=0.8"),
        ("auc=-inf", "binary", "--min auc=-inf: '-inf' is no number", "write --min auc=0.8"),
        ("auc=high", "binary", "--min auc=high: 'high' is no number", "write --min auc=0.8"),
        ("auc=85", "binary", "--min auc=85: auc lies between 0 and 1", "write --min auc=0.8"),
    ],
)
def test_what_is_no_minimum_is_said(stated, task, message, hint):
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$") as caught:
        parse([stated], task)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("metric", "wanted", "passed", "significant", "said"),
    [
        ("auc", 0.7, True, True, "auc 0.8 [0.75, 0.85] reaches 0.7, significantly"),
        ("auc", 0.78, True, False, "auc 0.8 [0.75, 0.85] reaches 0.78, within noise"),
        ("auc", 0.82, False, False, "auc 0.8 [0.75, 0.85] misses 0.82, within noise"),
        ("auc", 0.9, False, True, "auc 0.8 [0.75, 0.85] misses 0.9, significantly"),
        ("rmse", 0.9, True, True, "rmse 0.8 [0.75, 0.85] keeps to 0.9, significantly"),
        ("rmse", 0.78, False, False, "rmse 0.8 [0.75, 0.85] misses 0.78, within noise"),
        ("rmse", 0.7, False, True, "rmse 0.8 [0.75, 0.85] misses 0.7, significantly"),
    ],
)
def test_a_miss_says_how_sure_it_is(metric, wanted, passed, significant, said):
    minimum = Minimum(metric, wanted, FOUND)
    assert (minimum.passed, minimum.significant) == (passed, significant)
    assert minimum.sentence() == said


def test_a_metric_that_does_not_exist_here():
    with pytest.raises(DataError, match=r"^auc cannot be measured on these rows"):
        judge({"auc": 0.8}, {"accuracy": FOUND})
