import numpy as np
import pytest

from mlwright.stats.apart import apart
from mlwright.stats.pairs import Pairs, normal_scores


def pairs(table):
    scores = np.column_stack([normal_scores(column) for column in table.T])
    return Pairs.of(scores, np.arange(table.shape[1]))


def together(rng, rows, rho, columns=8):
    table = rng.normal(size=(rows, columns))
    table[:, 1] = rho * table[:, 0] + np.sqrt(1 - rho**2) * table[:, 1]
    return table


def test_a_changed_correlation_is_found_and_its_columns_are_named():
    rng = np.random.default_rng(0)
    terms = pairs(np.vstack([together(rng, 3000, 0.0), together(rng, 1000, 0.5)]))
    found = apart(terms, 3000, 1000)
    assert found.p_value < 1e-9
    assert 0.1 < found.effect < 0.4
    assert found.auc.low > 0.55
    falls = terms.falls(found)
    assert set(np.argsort(-falls)[:2].tolist()) == {0, 1}
    assert max(falls[2:]) < 0.1 * max(falls)


def test_its_size_holds_without_any_difference():
    rng = np.random.default_rng(1)
    p_values = []
    for _ in range(100):
        terms = pairs(together(rng, 900, 0.5))
        p_values.append(apart(terms, 600, 300).p_value)
    assert sum(p <= 0.05 for p in p_values) <= 5
    assert sum(p <= 0.5 for p in p_values) <= 50


def test_the_same_rows_and_seed_give_the_same_answer():
    rng = np.random.default_rng(2)
    terms = pairs(together(rng, 400, 0.0))
    first, again, other = (apart(terms, 200, 200, seed=seed) for seed in (0, 0, 1))
    assert (first.auc, first.p_value) == (again.auc, again.p_value)
    assert first.auc != other.auc


def test_samples_that_share_nothing_are_told_apart_always():
    table = np.vstack([np.zeros((50, 2)), np.ones((50, 2))])
    found = apart(pairs(table), 50, 50)
    assert (found.auc.value, found.effect) == (1.0, 1.0)


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match=r"Each sample needs 4 rows, got 3 and 9\."):
        apart(pairs(np.random.default_rng(0).normal(size=(12, 2))), 3, 9)
