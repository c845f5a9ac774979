"""A check that was done, of rows or of questions: what is kept, told and shown alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from .check import Check
    from .queries.check import QueryCheck

Found: TypeAlias = "Check | QueryCheck"
