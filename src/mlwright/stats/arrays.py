"""The array types of this folder, and the one check at its borders."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def floats(values: ArrayLike, name: str) -> FloatArray:
    """Return values as a float vector.

    Raises:
        ValueError: values are not one-dimensional, are empty, or hold a NaN.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a vector of at least one number, got {array.shape}.")
    if np.isnan(array).any():
        raise ValueError(f"{name} holds {int(np.isnan(array).sum())} NaN; leave those rows out.")
    return array


def same_length(**arrays: NDArray[np.generic]) -> int:
    """Return the common number of rows.

    Raises:
        ValueError: the arrays differ in length.
    """
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"Arrays of one length are needed: {found}.")
    return next(iter(lengths.values()))


def unit_interval(name: str, value: float) -> float:
    """Return value, a probability strictly between 0 and 1.

    Raises:
        ValueError: it is not.
    """
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {value}.")
    return value
