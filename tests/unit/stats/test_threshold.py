import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from mlwright.stats.threshold import best_threshold, cheapest_threshold

rows = st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=2, max_size=30)


@given(rows, st.sampled_from(["f1", "accuracy", "balanced_accuracy"]))
@settings(max_examples=80, deadline=None)
def test_no_other_cut_is_better(pairs, metric):
    y = np.array([int(label) for label, _ in pairs])
    scores = np.array([score / 10 for _, score in pairs])
    if not y.any() or y.all():
        return
    score = getattr(oracle, f"{metric}_score")
    reached = score(y, scores >= best_threshold(y, scores, metric=metric))
    assert reached == pytest.approx(max(score(y, scores >= t) for t in scores))


def test_a_tie_takes_the_middle_cut():
    # Cutting above .8, .6 or .4 costs one row each time.
    y, scores = [1, 0, 1, 0, 1, 0], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    assert best_threshold(y, scores, metric="accuracy") == pytest.approx(0.65)


def test_the_threshold_stands_clear_of_both_neighbours():
    assert best_threshold([0, 1], [0.2, 0.8]) == 0.5
    lower = 0.5
    upper = np.nextafter(lower, 1)
    assert best_threshold([0, 1], [lower, upper]) == upper
    assert best_threshold([1, 1], [0.3, 0.8]) == 0.3


def test_a_threshold_needs_a_positive_row():
    with pytest.raises(
        ValueError, match=r"^A threshold needs at least one positive row in y_true\.$"
    ):
        best_threshold([0, 0], [0.1, 0.2])


@given(rows, st.integers(1, 5), st.integers(1, 5))
@settings(max_examples=80, deadline=None)
def test_no_other_cut_is_cheaper(pairs, false_positive, false_negative):
    y = np.array([int(label) for label, _ in pairs])
    scores = np.array([score / 10 for _, score in pairs])
    if not y.any():
        return

    def cost(said):
        return false_positive * (said & (y == 0)).sum() + false_negative * (~said & (y == 1)).sum()

    found = cheapest_threshold(
        y, scores, false_positive=false_positive, false_negative=false_negative
    )
    cuts = [*(scores >= t for t in scores), np.zeros(len(y), bool)]
    assert cost(scores >= found) == min(cost(cut) for cut in cuts)


def test_where_a_false_alarm_costs_much_nothing_is_positive():
    found = cheapest_threshold([1, 0], [0.6, 1.0], false_positive=100, false_negative=1)
    assert found == np.nextafter(1, 2)
    assert cheapest_threshold([1, 0], [0.6, 0.8], false_positive=9, false_negative=1) == 0.9


def test_a_row_of_weight_two_is_two_rows():
    y, scores, weights = [1, 0, 1, 0], [0.9, 0.8, 0.7, 0.6], [1, 2, 1, 1]
    twice = best_threshold([1, 0, 0, 1, 0], [0.9, 0.8, 0.8, 0.7, 0.6], metric="accuracy")
    assert best_threshold(y, scores, metric="accuracy", weights=weights) == twice
    assert twice == pytest.approx(0.85)


def test_what_cannot_be_cut_is_said():
    with pytest.raises(ValueError, match=r"^Balanced accuracy needs at least one negative row"):
        best_threshold([1, 1], [0.1, 0.2], metric="balanced_accuracy")
    with pytest.raises(ValueError, match=r"^Costs must be positive numbers\.$"):
        cheapest_threshold([0, 1], [0.1, 0.2], false_positive=0, false_negative=1)
