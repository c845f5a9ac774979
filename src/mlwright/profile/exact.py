"""Sums of floats without rounding, so that they do not depend on the order of the parts."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_LOW = 26  # bits of a mantissa's lower part: 2^37 values add up before an int64 overflows


def exact_sum(values: NDArray[np.float64]) -> Fraction:
    """Return the exact sum of finite floats.

    >>> exact_sum(np.array([1e16, 1.0, -1e16]))
    Fraction(1, 1)
    """
    fractions, exponents = np.frexp(values)
    mantissas = np.ldexp(fractions, 53).astype(np.int64)
    total = Fraction(0)
    for exponent in np.unique(exponents).tolist():
        here = mantissas[exponents == exponent]
        high, low = here >> _LOW, here & ((1 << _LOW) - 1)
        part = (int(high.sum()) << _LOW) + int(low.sum())
        total += Fraction(part) * Fraction(2) ** (exponent - 53)
    return total
