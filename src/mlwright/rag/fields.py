"""What is known of a file besides its text: from its path by a pattern, and from a side file."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import yaml

from mlwright.core.errors import ConfigError, DataError
from mlwright.rag.loaders.markdown import plain
from mlwright.rag.records import Value

SIDE_SUFFIXES = (".meta.json", ".meta.yaml", ".meta.yml")
_FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_MOST_BYTES = 100_000


def pattern_fields(pattern: str | None, path: str) -> dict[str, Value]:
    """Return the fields that a pattern finds in a path below the folder; none where it differs.

    >>> pattern_fields("{category}/{year}-{name}.pdf", "hr/2024-leave.pdf")
    {'category': 'hr', 'year': 2024, 'name': 'leave'}
    """
    found = _compiled(pattern).fullmatch(path) if pattern else None
    return {k: int(v) if _is_int(v) else v for k, v in found.groupdict().items()} if found else {}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    pieces = _FIELD.split(pattern)
    names = pieces[1::2]
    if len(set(names)) < len(names) or not names:
        raise ConfigError(
            f"documents.metadata: {pattern!r} has {'a field twice' if names else 'no field'}",
            hint="write it like {category}/{year}-{name}.pdf",
        )
    written = "".join(
        f"(?P<{piece}>[^/]+?)" if i % 2 else re.escape(piece) for i, piece in enumerate(pieces)
    )
    return re.compile(written.replace(r"\*\*/", r"(?:.*/)?").replace(r"\*", "[^/]*"))


def _is_int(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16 and str(int(text)) == text


def side_fields(path: Path) -> dict[str, Value]:
    """Return the fields in `FILE.meta.json` or `FILE.meta.yaml` beside a file.

    Raises:
        DataError: the side file is not an object.
    """
    for suffix in SIDE_SUFFIXES:
        side = path.with_name(path.name + suffix)
        if side.is_file():
            return _read(side)
    return {}


def _read(side: Path) -> dict[str, Value]:
    try:
        text = side.read_bytes()[: _MOST_BYTES + 1].decode()
        value = json.loads(text) if side.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError) as exc:
        raise DataError(f"its side file {side.name} cannot be read") from exc
    if not isinstance(value, dict):
        raise DataError(f"its side file {side.name} is not an object")
    return plain(value)
