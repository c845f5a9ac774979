import numpy as np
import pytest
from scipy.stats import fisher_exact

from mlwright.stats.fisher import fisher


def test_it_is_scipys():
    rng = np.random.default_rng(0)
    for _ in range(200):
        a, b, c, d = (rng.integers(0, 60, 4) + np.array([1, 0, 0, 1])).tolist()
        expected = fisher_exact([[a, b], [c, d]])[1]
        assert fisher((a, b), (c, d)).p_value == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_rare_events_are_no_evidence_where_chi_squared_says_so():
    assert fisher((0, 1000), (2, 28)).p_value == pytest.approx(8.2e-4, rel=0.01)


@pytest.mark.parametrize("sides", [((0, 0), (1, 1)), ((1, -1), (1, 1))])
def test_a_side_needs_counts(sides):
    with pytest.raises(ValueError, match="Two sides with counts are needed"):
        fisher(*sides)
