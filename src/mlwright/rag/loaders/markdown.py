"""Markdown: the text as it is written, with a section a heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mlwright.rag.loaders.clean import clean, with_text
from mlwright.rag.loaders.text import read_text
from mlwright.rag.records import Parts, Section, Value

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*\n", re.DOTALL)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
_MOST_FRONT = 20_000


class MarkdownLoader:
    """Reads Markdown; front matter becomes metadata, and its `title` the title."""

    def load(self, path: Path) -> Parts:
        """Return the text of a file with its sections."""
        text, metadata = front_matter(clean(read_text(path)))
        return with_text(parts(text, metadata))


def parts(text: str, metadata: dict[str, Value]) -> Parts:
    """Return Markdown with a section a heading; the first heading is the title if none is given."""
    sections = tuple(sections_of(text))
    title = str(metadata.get("title", "")) or next(
        (section.headings[-1] for section in sections if section.headings), ""
    )
    rest = {key: value for key, value in metadata.items() if key != "title"}
    return Parts(text, title, sections, rest)


def sections_of(text: str) -> Iterator[Section]:
    """Yield the sections, which cover the text; a `#` inside a code fence is no heading.

    >>> [(s.headings, s.start) for s in sections_of("intro\\n# A\\ntext\\n## B\\n")]
    [((), 0), (('A',), 6), (('A', 'B'), 15)]
    """
    path: list[tuple[int, str]] = []
    start = position = 0
    fence = ""
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = ""
        elif not fence and (heading := _HEADING.match(line.rstrip("\n"))):
            if position > start:
                yield Section(tuple(name for _, name in path), start, position)
            level = len(heading[1])
            path = [step for step in path if step[0] < level] + [(level, heading[2])]
            start = position
        position += len(line)
    if position > start:
        yield Section(tuple(name for _, name in path), start, position)


def front_matter(text: str) -> tuple[str, dict[str, Value]]:
    """Return the text without its YAML front matter, and the plain fields of that.

    >>> front_matter("---\\nauthor: Ann\\n---\\nText")
    ('Text', {'author': 'Ann'})
    """
    found = _FRONT.match(text[:_MOST_FRONT])
    if not found:
        return text, {}
    try:
        value = yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return text, {}
    return (text[found.end() :], plain(value)) if isinstance(value, dict) else (text, {})


def plain(fields: dict[Any, Any]) -> dict[str, Value]:
    """Return the fields that a filter can be asked about; dates and lists are written as text."""
    found: dict[str, Value] = {}
    for key, value in fields.items():
        if isinstance(value, str | int | float | bool):
            found[str(key)] = value
        elif isinstance(value, list | tuple) and all(isinstance(v, str | int) for v in value):
            found[str(key)] = ", ".join(map(str, value))
        elif hasattr(value, "isoformat"):
            found[str(key)] = value.isoformat()
    return found
