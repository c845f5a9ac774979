"""Which of many tests to believe: false-discovery control and an effect floor.

The unit is one hypothesis, such as one feature in one check.
"""

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import BoolArray, floats, same_length, unit_interval


def benjamini_hochberg(p_values: ArrayLike, q: float) -> BoolArray:
    """Return which hypotheses are rejected at false-discovery rate q.

    The expected share of false ones among those rejected is at most q for independent or
    positively dependent tests (Benjamini and Hochberg 1995; Benjamini and Yekutieli 2001).

    Raises:
        ValueError: q or a p-value is no probability.

    >>> benjamini_hochberg([0.01, 0.02, 0.9], 0.05).tolist()
    [True, True, False]
    """
    p = floats(p_values, "p_values")
    if p.min() < 0 or p.max() > 1:
        raise ValueError("p_values must lie between 0 and 1.")
    ranked = np.sort(p)
    limits = unit_interval("q", q) * np.arange(1, len(p) + 1) / len(p)
    passing = np.flatnonzero(ranked <= limits)
    # By value, not by rank, so that equal p-values share one fate.
    return p <= (ranked[passing[-1]] if len(passing) else -1.0)


def discoveries(
    p_values: ArrayLike, effects: ArrayLike, *, q: float = 0.001, floor: float = 0.05
) -> BoolArray:
    """Return which hypotheses are rejected at rate q and have an effect above the floor.

    With a million rows a p-value rejects a shift that nobody cares about, so the effect has to
    count too. The chance of any false discovery when nothing differs stays at most q.

    Raises:
        ValueError: q or a p-value is no probability, or the lengths differ.

    >>> discoveries([1e-9, 1e-9], [0.2, 0.01]).tolist()
    [True, False]
    """
    sizes = floats(effects, "effects")
    rejected = benjamini_hochberg(p_values, q)
    same_length(p_values=rejected, effects=sizes)
    return rejected & (sizes > floor)


def e_benjamini_hochberg(log_e_values: ArrayLike, q: float) -> BoolArray:
    """Return which hypotheses are rejected at false-discovery rate q, by their log e-values.

    Holds whatever their dependence, and when they are looked at again and again, each being an
    e-process (Wang and Ramdas 2022, "False discovery rate control with e-values", JRSS B 84(3)).

    Raises:
        ValueError: q is no probability, or there is nothing to test.

    >>> e_benjamini_hochberg(np.log([500.0, 3.0, 90.0]), 0.05).tolist()
    [True, False, True]
    """
    log_e = floats(log_e_values, "log_e_values")
    count = len(log_e)
    ranked = np.sort(log_e)[::-1]
    limits = np.log(count / (unit_interval("q", q) * np.arange(1, count + 1)))
    passing = np.flatnonzero(ranked >= limits)
    return log_e >= (ranked[passing[-1]] if len(passing) else np.inf)
