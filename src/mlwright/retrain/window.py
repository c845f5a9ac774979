"""Whether a window of labelled rows may be learned from: a broken or poisoned one is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import DataError
from mlwright.core.settings import Retrain
from mlwright.core.signature import Signature
from mlwright.data.schema import columns, conform
from mlwright.data.target import as_text
from mlwright.monitor.drift import find
from mlwright.profile.make import profile

_LEAST_CLASS = 10


@dataclass(frozen=True, slots=True)
class Looked:
    """What was looked at before training; kept in the history."""

    labelled: int
    label_rate: float
    largest_drift: float
    drifted_most: str | None
    repeated: float

    def to_json(self) -> dict[str, Any]:
        """Return the findings as a JSON object."""
        return {
            "labelled": self.labelled,
            "label_rate": self.label_rate,
            "largest_drift": self.largest_drift,
            "drifted_most": self.drifted_most,
            "repeated": self.repeated,
        }


def look(labelled: pl.DataFrame, champion: Bundle, settings: Retrain, *, rows: int) -> Looked:
    """Look at the labelled rows of a window before anything is learned from them.

    Args:
        labelled: rows of the log with the model's columns and its target.
        champion: its reference is what the window is compared with.
        settings: the limits.
        rows: of the window, labelled or not.

    Raises:
        DataError: the window is broken or looks poisoned; the message says by what.
    """
    signature = champion.signature
    found = Looked(
        labelled.height,
        labelled.height / rows if rows else 0.0,
        *_drift(labelled, champion),
        _repeated(labelled, signature),
    )
    complaints = [*_complaints(found, settings), *_classes(labelled, signature, settings)]
    if complaints:
        raise DataError(
            f"the window is not fit to learn from: {'; '.join(complaints)}",
            hint="mend the data or choose another window with --training-data; if it is right as "
            "it is, widen drift_limit, label_rate or repeated_limit under retrain in mlwright.yaml",
        )
    return found


def _complaints(found: Looked, settings: Retrain) -> Iterator[str]:
    if found.label_rate < settings.label_rate:
        least = f"less than {settings.label_rate:.1%}"
        yield f"{found.label_rate:.1%} of its rows are labelled, {least}"
    if found.largest_drift > settings.drift_limit:
        yield (
            f"{found.drifted_most} differs from the reference by {found.largest_drift:.0%} of the "
            f"rows, more than {settings.drift_limit:.0%}"
        )
    if found.repeated > settings.repeated_limit:
        yield (
            f"{found.repeated:.0%} of its rows are copies of one row, more than "
            f"{settings.repeated_limit:.0%}"
        )


def _drift(labelled: pl.DataFrame, champion: Bundle) -> tuple[float, str | None]:
    signature = champion.signature
    if not labelled.height:
        return 0.0, None
    seen = profile(
        columns(conform(labelled, signature, target=False), signature),
        signature,
        like=champion.profile,
    )
    findings = find(champion.profile, seen, champion.importance)
    if not findings:
        return 0.0, None
    largest = max(findings, key=lambda finding: finding.effect)
    what = "the share of missing values in " if largest.kind == "missing_values" else ""
    return largest.effect, f"{what}{largest.feature}"


def _repeated(labelled: pl.DataFrame, signature: Signature) -> float:
    """Return the share of the most frequent row, or 0 where equal rows are to be expected."""
    names = [name for name in signature.names if name in labelled.columns]
    if not names or not labelled.height:
        return 0.0
    counts = labelled.select(names).group_by(names).len()["len"].to_numpy()
    return float(np.max(counts)) / labelled.height


def _classes(labelled: pl.DataFrame, signature: Signature, settings: Retrain) -> Iterator[str]:
    if not signature.classes or not labelled.height:
        return
    told = labelled[signature.target].cast(pl.String).value_counts()
    counts = {str(name): int(count) for name, count in told.iter_rows()}
    known = {as_text(label) for label in signature.classes}
    strange = sum(count for name, count in counts.items() if name not in known)
    if strange / labelled.height > settings.strange_labels:
        yield f"{strange:,} of its labels are no class of the model"
    for name in sorted(known) if signature.task == "binary" else ():
        if counts.get(name, 0) < _LEAST_CLASS:
            yield f"{counts.get(name, 0):,} rows have the label {name}, {_LEAST_CLASS} are needed"
