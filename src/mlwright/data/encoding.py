"""Find out how the text of a file is encoded, and hand it over as UTF-8."""

from __future__ import annotations

import codecs
import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from mlwright.core.errors import DataError

_PIECE = 1 << 20
_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading, unpacked where its name ends in .gz."""
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def as_utf8(path: Path, *, name: str, say: Callable[[str], None]) -> bytes | None:
    """Return a file's text as UTF-8, or None where the file is UTF-8 already.

    UTF-16 is known by its mark or by its zero bytes. What is neither is read as Windows-1252, or
    as Latin-1 where it holds bytes that Windows-1252 does not know. `say` is told what was assumed.

    Args:
        path: the file, plain or gzipped.
        name: what messages call it.
        say: takes a line where the file is not UTF-8.

    Raises:
        DataError: it is not text, or it is UTF-8 with broken places.
    """
    encoding = _wide(path, name)
    if encoding is None:
        if _is_utf8(path):
            return None
        encoding = _single_byte(path, name)
    with open_bytes(path) as file:
        text = file.read().decode(encoding)
    say(f"{name} is not UTF-8: read as {_WORDS[encoding]}")
    return text.removeprefix("\ufeff").encode()


_WORDS = {
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Windows-1252",
    "latin-1": "Latin-1",
}


def _wide(path: Path, name: str) -> str | None:
    """Return the name of the UTF-16 that the file is in, or None."""
    with open_bytes(path) as file:
        head = file.read(_PIECE)
    if head[:2] in _BOMS:
        return _BOMS[head[:2]]
    if 0 not in head:
        return None
    even, odd = head[::2].count(0) / len(head[::2]), head[1::2].count(0) / max(len(head) // 2, 1)
    if min(even, odd) < 0.05 and max(even, odd) > 0.3:
        return "utf-16-le" if odd > even else "utf-16-be"
    raise DataError(
        f"{name} is not text: it holds zero bytes", hint="give a text file, or name it by its kind"
    )


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with open_bytes(path) as file:
            while piece := file.read(_PIECE):
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _single_byte(path: Path, name: str) -> str:
    with open_bytes(path) as file:
        content = file.read()
    text = content.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    if len(re.findall("[^\x00-\x7f\ufffd]", text)) > broken:
        line = text.count("\n", 0, text.index("\ufffd")) + 1
        places = "place" if broken == 1 else "places"
        raise DataError(
            f"{name} is UTF-8 but for {broken:,} {places}, the first in line {line:,}",
            hint="save it anew as UTF-8",
        )
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"
