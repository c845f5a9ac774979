"""The distribution of Kolmogorov's two-sided statistic, without importing scipy.stats.

Exact where it is cheap, else to about 10 digits; the choice of method by n and d is that of
Simard and L'Ecuyer (2011), "Computing the Two-Sided Kolmogorov-Smirnov Distribution", Journal of
Statistical Software 39(11), as in scipy, so that both give the same numbers.
"""

import math

import numpy as np

from mlwright.stats.gamma import log_factorials

_TERMS = np.arange(1, 17, dtype=np.float64)


def kolmogorov_sf(n: int, d: float) -> float:
    """Return P(D_n >= d) for n observations of a continuous distribution.

    >>> round(kolmogorov_sf(10, 0.4), 6)
    0.058989
    """
    if n * d <= 0.5:
        return 1.0
    if d >= 1:
        return 0.0
    z2 = n * d * d
    if d >= 0.5 or z2 > (4.0 if n <= 140 else 2.2):
        # Twice the one-sided tail: exact from d = .5, else short by the chance of crossing on
        # both sides, which is below 1e-9 of the tail here (Miller 1956).
        return min(1.0, 2.0 * _one_sided(n, d))
    if n <= 140 or (n <= 100_000 and n * d**1.5 <= 1.4):
        return 1.0 - _durbin(n, d)
    return 1.0 - _pelz_good(n, math.sqrt(n) * d)


def _one_sided(n: int, d: float) -> float:
    """P(D_n+ >= d): Smirnov's sum (Birnbaum and Tingey 1951), one array where scipy loops."""
    if n > 1_000_000:  # Maag and Dicaire (1971), Biometrika 58; scipy changes over here too.
        return math.exp(-((6 * n * d + 1) ** 2) / (18 * n))
    j = np.arange(math.ceil(n * (1 - d)), dtype=np.float64)
    log_choose = math.lgamma(n + 1) - log_factorials(j) - log_factorials(n - j)
    with np.errstate(divide="ignore"):  # the last term is 0 where d + j / n rounds to 1
        log_terms = log_choose + (j - 1) * np.log(d + j / n) + (n - j) * np.log1p(-d - j / n)
    return d * float(np.exp(log_terms).sum())


def _durbin(n: int, d: float) -> float:
    """P(D_n < d), exact: Marsaglia, Tsang, Wang (2003), Journal of Statistical Software 8(18)."""
    k = math.ceil(n * d)
    h, m = k - n * d, 2 * k - 1
    inverse_factorial = np.exp(-log_factorials(np.arange(m + 1.0)))
    lag = np.subtract.outer(np.arange(m), np.arange(m)) + 1
    step = np.where(lag >= 0, inverse_factorial[np.maximum(lag, 0)], 0.0)
    edge = (1.0 - h ** np.arange(1, m + 1)) * inverse_factorial[1:]
    step[:, 0], step[-1, :] = edge, edge[::-1]
    corner = 1.0 - 2.0 * h**m + max(0.0, 2.0 * h - 1.0) ** m
    step[-1, 0] = corner * inverse_factorial[m]
    power, log_scale = _matrix_power(step, n)
    middle = float(power[k - 1, k - 1])
    if middle <= 0.0:
        return 0.0
    return float(np.exp(np.log(middle) + log_scale + math.lgamma(n + 1) - n * math.log(n)))


def _matrix_power(matrix: np.ndarray, n: int) -> tuple[np.ndarray, float]:
    """Return matrix ** n divided by a scale, and the logarithm of the scale."""
    result, log_scale, log_base = np.eye(len(matrix)), 0.0, 0.0
    while n:
        if n % 2:
            result = result @ matrix
            log_scale += log_base
            top = result.max()
            result, log_scale = result / top, log_scale + math.log(top)
        matrix = matrix @ matrix
        top = matrix.max()
        matrix, log_base = matrix / top, 2 * log_base + math.log(top)
        n //= 2
    return result, log_scale


def _pelz_good(n: int, z: float) -> float:
    """P(sqrt(n) D_n < z): Pelz and Good (1976), J. R. Statist. Soc. B 38(2), to n ** -1.5."""
    pi2, odd2 = np.pi**2, (2 * _TERMS - 1) ** 2
    odd = np.exp(-pi2 * odd2 / (8 * z**2))
    even = np.exp(-pi2 * _TERMS**2 / (2 * z**2))
    a, b = pi2 * odd2 / 4, pi2 * _TERMS**2
    zeroth = odd.sum() / z
    first = ((a - z**2) * odd).sum() / (6 * z**4)
    second = (
        (6 * z**6 + 2 * z**4 + (2 * z**4 - 5 * z**2) * a + (1 - 2 * z**2) * a**2) * odd
    ).sum() / (72 * z**7) - (b * even).sum() / (36 * z**3)
    cubic = (5 - 30 * z**2) * a**3 + (212 * z**4 - 60 * z**2) * a**2
    cubic += (135 * z**4 - 96 * z**6) * a - 30 * z**6 - 90 * z**8
    third = (cubic * odd).sum() / (6480 * z**10)
    third += ((3 * b * z**2 - b**2) * even).sum() / (216 * z**6)
    total = zeroth + first / n**0.5 + second / n + third / n**1.5
    return float(np.clip(np.sqrt(2 * np.pi) * total, 0.0, 1.0))
