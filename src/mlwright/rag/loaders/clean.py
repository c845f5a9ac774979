"""Text as it is kept: one kind of line end, nothing invisible, no runs of blank lines."""

from __future__ import annotations

import re

from mlwright.core.errors import DataError
from mlwright.rag.records import Parts

# Control characters but tab and newline, the two halves of broken UTF-16, marks of direction and
# width that change what is read but not what is seen.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060\ufeff\ud800-\udfff]"
)
_TRAILING = re.compile(r"[ \t\xa0]+(?=\n|\Z)")
_BLANK = re.compile(r"\n{3,}")


def clean(text: str) -> str:
    r"""Return the text without what is neither read nor seen.

    >>> clean("one\r\ntwo  \x00\n\n\n\nthree")
    'one\ntwo\n\nthree'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _INVISIBLE.sub("", text)
    return _BLANK.sub("\n\n", _TRAILING.sub("", text))


def with_text(parts: Parts) -> Parts:
    """Return the parts.

    Raises:
        DataError: there is nothing but white space in them.
    """
    if not parts.text.strip():
        raise DataError("has no text")
    return parts
