"""A child process that reads files: a line of JSON in for each, a line of JSON out.

Run as `python -m mlwright.rag.reader BYTES`; BYTES bounds its address space.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from mlwright.core.errors import DataError, MissingExtra
from mlwright.rag.loaders import LOADERS
from mlwright.rag.loaders.language import language

MOST_CHARACTERS = 50_000_000
"""A small file can hold this much and more: what was packed well may have been made to burst."""


def main() -> None:
    """Answer until standard input ends."""
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not spoil the answers
    for line in sys.stdin.buffer:
        out.write(json.dumps(_answer(json.loads(line))).encode() + b"\n")
        out.flush()


def _answer(question: dict[str, str]) -> dict[str, Any]:
    try:
        parts = LOADERS.load(question["loader"])().load(Path(question["path"]))
    except MissingExtra as exc:
        return {"missing": str(exc), "hint": exc.hint}
    except DataError as exc:
        return {"reason": str(exc)}
    except MemoryError:
        return {"reason": "needs more memory than a reader may have"}
    except OSError as exc:
        return {"reason": f"cannot be read: {exc.strerror}"}
    except Exception as exc:  # a parser's own errors are many; none may stop the other files
        return {"reason": f"cannot be read: {type(exc).__name__}"}
    if len(parts.text) > MOST_CHARACTERS:
        return {
            "reason": f"holds {len(parts.text):,} characters of text, "
            f"and {MOST_CHARACTERS:,} are allowed"
        }
    return {
        "text": parts.text,
        "title": parts.title,
        "sections": [[s.headings, s.start, s.end, s.page] for s in parts.sections],
        "metadata": dict(parts.metadata),
        "language": language(parts.text),
    }


if __name__ == "__main__":
    main()
