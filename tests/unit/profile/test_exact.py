import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlwright.profile.exact import exact_sum


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_equals_the_sum_of_fractions(values):
    assert exact_sum(np.array(values, dtype=np.float64)) == sum(map(Fraction, values), Fraction(0))


def test_many_large_mantissas_do_not_overflow():
    values = np.full(100_000, np.nextafter(2.0, 0.0))
    assert float(exact_sum(values)) == math.fsum(values)
