"""Slices that were found on their own, and segments that were asked for, in a report."""

from __future__ import annotations

from collections.abc import Sequence

from mlwright.report.page import Cell, Section, Table

from .by_segment import OfSegment
from .performance import LEVEL
from .slices import MOST_SHOWN, FoundSlices

WEAK = "Where it errs more"


def of_moved(found: FoundSlices | None) -> list[Section]:
    """Return which slices became more frequent or rarer; nothing where none was found."""
    if found is None or not found.moved:
        return []
    rows: list[list[Cell]] = [
        [each.name, _percent(each.before.value), _percent(each.now.value), each.change, each.now.n]
        for each in found.moved[:MOST_SHOWN]
    ]
    table = Table(
        ["rows where", "before", "now", "change of the share", "rows"],
        rows,
        caption="Slices of one column or two that moved furthest, measured on rows that did not "
        "choose them; the intervals hold together.",
    )
    return [Section("Which rows became more, or fewer", parts=[table])]


def of_weak(found: FoundSlices | None) -> list[Section]:
    """Return where the model errs more than elsewhere; nothing without rows enough to look."""
    if found is None or not found.weak.enough:
        return []
    rows: list[list[Cell]] = [
        [each.name, each.loss, each.elsewhere, each.gap, each.loss.n] for each in found.weak.weak
    ]
    table = Table(
        ["rows where", "mean loss", "elsewhere", f"gap ({LEVEL:.0%})", "rows"],
        rows,
        caption="Measured on rows that did not choose the slices; the gaps' intervals hold "
        "together.",
    )
    return [Section(WEAK, found.weak.sentence(), parts=[table] if rows else [])]


def of_segments(found: Sequence[OfSegment]) -> list[Section]:
    """Return the values of `monitor.segment`; nothing where none is set."""
    if not found:
        return []
    rows: list[list[Cell]] = [
        [one.value, one.rows, _percent(one.share), one.answer, one.p95_ms, one.loss]
        for one in found
    ]
    head = ["value", "rows", "share", "mean answer", "p95, ms", "mean loss (95%)"]
    return [Section("By segment", parts=[Table(head, rows)])]


def _percent(value: float) -> str:
    return f"{value:.1%}"
