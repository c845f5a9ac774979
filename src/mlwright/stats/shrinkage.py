"""How much of many measured differences is real: most are none, a few are, and nobody knows which.

Two groups of normal z-values, fitted to all of them (Efron 2009, "Empirical Bayes estimates for
large-scale prediction problems", JASA 104; Johnstone and Silverman 2004).
"""

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import FloatArray, floats

_SPREADS = 4.0 ** np.arange(6)  # variances of the real differences, beside the 1 of chance
_ROUNDS = 30


def shrunken(z_values: ArrayLike) -> FloatArray:
    """Return what each z-value is expected to be when measured again on as many rows.

    A difference is 0 with some probability, else normal; both are fitted by likelihood.

    Raises:
        ValueError: there is none, or a NaN.

    >>> shrunken([0.5, -1.0, 0.3, 0.8, -0.6, 12.0]).round(1).tolist()
    [0.0, -0.0, 0.0, 0.0, -0.0, 12.0]
    """
    z = floats(z_values, "z_values")
    squares = np.minimum(z * z, 1400.0)  # beyond, the exponentials are 0 as they stand
    best, most = np.zeros(len(z)), -np.inf
    for spread in _SPREADS:
        real = np.exp(-squares / (2 * (1 + spread))) / np.sqrt(1 + spread)
        none = np.exp(-squares / 2)
        share = 0.05
        for _ in range(_ROUNDS):
            mixed = share * real + (1 - share) * none
            chance = share * real / mixed
            share = float(np.clip(chance.mean(), 0.25 / len(z), 1 - 1e-9))
        likelihood = float(np.log(share * real + (1 - share) * none).sum())
        if likelihood > most:
            best, most = z * chance * spread / (1 + spread), likelihood
    return best
