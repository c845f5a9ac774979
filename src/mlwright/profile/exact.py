"""Sums of floats without rounding, so that they do not depend on the order of the parts."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_BLOCK = 512  # mantissas of 53 bits that add up before an int64 overflows


def exact_sum(ordered: NDArray[np.float64]) -> Fraction:
    """Return the exact sum of finite floats; those in order are summed fastest.

    >>> exact_sum(np.array([-1e16, 1.0, 1e16]))
    Fraction(1, 1)
    """
    if (ordered[1:] < ordered[:-1]).any():
        ordered = np.sort(ordered)
    below, upto = np.searchsorted(ordered, 0.0, "left"), np.searchsorted(ordered, 0.0, "right")
    return _of_positives(ordered[upto:]) - _of_positives(-ordered[:below][::-1])


def _of_positives(ordered: NDArray[np.float64]) -> Fraction:
    if not len(ordered):
        return Fraction(0)
    lowest, highest = np.frexp(ordered[[0, -1]])[1].tolist()
    powers = np.ldexp(1.0, np.arange(lowest, highest))
    parts = np.split(ordered, np.searchsorted(ordered, powers, "left"))
    return sum((_of_one_exponent(part) for part in parts if len(part)), Fraction(0))


def _of_one_exponent(values: NDArray[np.float64]) -> Fraction:
    exponent = int(np.frexp(values[0])[1])
    mantissas = np.ldexp(values, 53 - exponent) if exponent < -960 else _scaled(values, exponent)
    whole = mantissas.astype(np.int64)
    full = len(whole) // _BLOCK * _BLOCK
    blocks = whole[:full].reshape(-1, _BLOCK).sum(axis=1).tolist()
    return Fraction(sum(blocks) + int(whole[full:].sum())) * Fraction(2) ** (exponent - 53)


def _scaled(values: NDArray[np.float64], exponent: int) -> NDArray[np.float64]:
    """Multiply by a power of two, which rounds nothing and costs less than ldexp."""
    scaled: NDArray[np.float64] = values * 2.0 ** (53 - exponent)
    return scaled
