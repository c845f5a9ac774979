"""The tensors of the Open Inference Protocol, version 2: as JSON, and as bytes.

Bytes are little-endian and row-major; a text is its length as four bytes, then UTF-8. A null is
`null` in JSON and a NaN in a float; a text as bytes cannot be null.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NUMPY = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
DATATYPES = (*_NUMPY, "BF16", "BYTES")
_FLOATS = ("FP16", "FP32", "FP64", "BF16")
_TYPES: dict[str, frozenset[type]] = {
    "BOOL": frozenset({bool, type(None)}),
    "BYTES": frozenset({str, type(None)}),
    **dict.fromkeys(_FLOATS, frozenset({float, int, type(None)})),
}
_INTEGER: frozenset[type] = frozenset({int, type(None)})
_LENGTH = struct.Struct("<I")
_NO_UTF8 = "holds a text that is not UTF-8"


class Misfit(ValueError):
    """A tensor is not what its datatype and shape say; the message says why, without values."""


def size(shape: Sequence[int]) -> int:
    """Return how many values a tensor of one or two dimensions holds.

    Raises:
        Misfit: it has another number of dimensions, or a negative one.

    >>> size([3, 2])
    6
    """
    if not 1 <= len(shape) <= 2 or min(shape) < 0:
        raise Misfit("must have the shape [rows], [rows, 1] or, for all columns, [rows, columns]")
    return shape[0] * (shape[1] if len(shape) == 2 else 1)


def from_json(data: Any, datatype: str, shape: Sequence[int]) -> list[Any]:
    """Return the values of a tensor that stands in JSON, flat or nested as its shape is.

    Raises:
        Misfit: the values are of other types, or of another number.

    >>> from_json([[1, 2], [3, None]], "INT64", [2, 2])
    [1, 2, 3, None]
    """
    if not isinstance(data, list):
        raise Misfit("must have data, an array")
    if len(shape) == 2 and data and all(isinstance(each, list) for each in data):
        if any(len(each) != shape[1] for each in data):
            raise Misfit("holds rows of another length than its shape says")
        data = list(chain.from_iterable(data))
    values: list[Any] = data
    _check_size(len(values), shape)
    if not set(map(type, values)) <= _TYPES.get(datatype, _INTEGER):
        raise Misfit(f"holds values that are not of its datatype {datatype}")
    if "INT" in datatype:
        _check_range(values, np.iinfo(_NUMPY[datatype]))
    return values


def from_bytes(data: bytes, datatype: str, shape: Sequence[int]) -> list[Any]:
    """Return the values of a tensor that stands in bytes.

    Raises:
        Misfit: there are more or fewer bytes than its shape needs, or a text is not UTF-8.

    >>> from_bytes(b"\\x02\\x00\\x00\\x00hi", "BYTES", [1])
    ['hi']
    """
    if datatype == "BYTES":
        values: list[Any] = _texts(data)
    elif datatype == "BF16":
        _check_whole(data, 2)
        wide = np.frombuffer(data, "<u2").astype("<u4") << 16
        values = _floats(wide.view("<f4"))
    else:
        kind = np.dtype(_NUMPY[datatype])
        _check_whole(data, kind.itemsize)
        array = np.frombuffer(data, "<u1") != 0 if datatype == "BOOL" else np.frombuffer(data, kind)
        values = _floats(array) if datatype in _FLOATS else array.tolist()
    _check_size(len(values), shape)
    return values


def to_bytes(values: Iterable[Any], datatype: str) -> bytes:
    """Return values as the bytes of a tensor; the inverse of `from_bytes`.

    >>> to_bytes(["hi"], "BYTES")
    b'\\x02\\x00\\x00\\x00hi'
    """
    if datatype == "BYTES":
        texts = [str(each).encode() for each in values]
        return b"".join(part for text in texts for part in (_LENGTH.pack(len(text)), text))
    return np.array(list(values), _NUMPY[datatype]).tobytes()


def _floats(array: NDArray[Any]) -> list[Any]:
    values: list[Any] = array.tolist()
    if np.isnan(array).any():
        return [None if each != each else each for each in values]
    return values


def _texts(data: bytes) -> list[str]:
    found: list[str] = []
    place, end = 0, len(data)
    while place < end:
        start = place + 4
        if start > end:
            raise Misfit("ends in the middle of a text")
        place = start + _LENGTH.unpack_from(data, start - 4)[0]
        if place > end:
            raise Misfit("ends in the middle of a text")
        try:
            found.append(data[start:place].decode())
        except UnicodeDecodeError:
            raise Misfit(_NO_UTF8) from None
    return found


def _check_whole(data: bytes, width: int) -> None:
    if len(data) % width:
        raise Misfit("ends in the middle of a value")


def _check_size(found: int, shape: Sequence[int]) -> None:
    if found != size(shape):
        raise Misfit(f"holds {found} values, its shape says {size(shape)}")


def _check_range(data: Sequence[int | None], limits: np.iinfo[Any]) -> None:
    known = [each for each in data if each is not None]
    if known and not limits.min <= min(known) <= max(known) <= limits.max:
        raise Misfit("holds a number out of the range of its datatype")
