"""What a validation leaves: a page, the same as JSON, and the model's card brought up to date."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mlwright.core.errors import ConfigError
from mlwright.data.schema import Finding
from mlwright.report import curves as drawn
from mlwright.report.page import (
    Cell,
    Figure,
    Items,
    Part,
    Section,
    Table,
    Text,
    Tiles,
    Tone,
    render,
)
from mlwright.stats.intervals import Interval
from mlwright.train.card import Facts, Validated, card, validated_section
from mlwright.train.curves import calibration, confusion, curves
from mlwright.train.fairness import Fairness
from mlwright.train.validate import Validation

_PART_NAMES = {
    "fit": "fitted on",
    "out_of_fold": "out of fold",
    "holdout": "holdout",
    "test": "these rows",
}


@dataclass(frozen=True, slots=True)
class Written:
    """The three files, beside each other."""

    page: Path
    data: Path
    card: Path


def write_report(found: Validation, page: Path) -> Written:
    """Write the page at this path, and `.json` and `.card.md` of the same name beside it.

    Raises:
        ConfigError: the folder cannot be written.
    """
    written = Written(page, page.with_suffix(".json"), page.with_suffix(".card.md"))
    contents = {
        written.page: html(found),
        written.data: json.dumps(found.to_json(), indent=2, allow_nan=False) + "\n",
        written.card: new_card(found),
    }
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        for path, text in contents.items():
            path.write_text(text)
    except OSError as exc:
        raise ConfigError(
            f"{page}: the report cannot be written: {exc.strerror}",
            hint="name another file with --report, or make room",
        ) from exc
    return written


def html(found: Validation) -> str:
    """Return the page. It names columns, slices and row numbers, and shows no row."""
    sections = [_answer(found), _overfitting(found)]
    if found.scored.signature.task != "regression":
        sections.append(_decisions(found))
    sections += [_calibration(found), _slices(found)]
    sections += [_groups(group) for group in found.groups]
    sections.append(_rows(found))
    title = f"Validation of {found.model}"
    subtitle = f"{len(found.scored.truth):,} rows, table sha256:{found.fingerprint[:16]}…"
    return render(title, sections, subtitle=subtitle)


def _answer(found: Validation) -> Section:
    tiles: dict[str, Cell] = dict(found.metrics)
    parts: list[Part] = [Tiles(tiles)]
    if found.minimums:
        rows = [
            [m.metric, m.wanted, m.found, "yes" if m.passed else "no", _sure(m.significant)]
            for m in found.minimums
        ]
        failed = frozenset(i for i, m in enumerate(found.minimums) if not m.passed)
        head = ["metric", "wanted", "measured", "reached", "sure"]
        parts.append(Table(head, rows, marked=failed))
    if found.notices:
        parts.append(Items(found.notices))
    if not found.minimums:
        return Section("Metrics", "No minimum was stated.", "plain", parts)
    verdict = "Every minimum is reached." if found.passed else "A minimum is missed."
    return Section("Metrics", verdict, "good" if found.passed else "bad", parts)


def _sure(significant: bool) -> str:
    return "beyond chance" if significant else "within noise"


def _overfitting(found: Validation) -> Section:
    parts = list(found.parts)
    rows: list[list[Cell]] = [
        [name, *(found.parts[part].get(name) for part in parts)] for name in found.metrics
    ]
    worse = frozenset(i for i, name in enumerate(found.metrics) if name in found.worse)
    head = ["metric", *(_PART_NAMES[part] for part in parts)]
    text = (
        "Fitted on and out of fold are the same rows, by the model and by models that had not seen "
        "them: how far they lie apart is how far the model has memorised its rows."
    )
    tone: Tone = "bad" if worse else "good" if "holdout" in found.parts else "unsure"
    return Section(
        "Over-fitting", found.overfitting(), tone, [Table(head, rows, marked=worse), Text(text)]
    )


def _decisions(found: Validation) -> Section:
    signature = found.scored.signature
    labels = [str(label) for label in signature.classes]
    parts: list[Part] = [
        Figure(
            drawn.confusion(confusion(found.scored), labels), "True classes down, predicted across."
        )
    ]
    lines = curves(found.scored)
    if lines:
        kept = lines[: drawn.MOST_LINES]
        roc = drawn.curves(
            [(c.name, c.false_positive_rate, c.true_positive_rate) for c in kept],
            across="false positive rate",
            up="true positive rate",
            diagonal=True,
        )
        precision = drawn.curves(
            [(c.name, c.true_positive_rate, c.precision) for c in kept],
            across="recall",
            up="precision",
        )
        left = f" The first {len(kept)} of {len(lines)} classes." if len(lines) > len(kept) else ""
        parts.append(Figure(roc, f"ROC; the dashed line is chance.{left}"))
        parts.append(Figure(precision, f"Precision and recall.{left}"))
    return Section("Decisions", parts=parts)


def _calibration(found: Validation) -> Section:
    if found.scored.signature.task == "regression":
        across, up = "mean predicted value", "mean true value"
    else:
        across, up = "mean predicted probability", "share observed"
    points = calibration(found.scored)
    outside = sum(not seen.low <= said <= seen.high for said, seen in points)
    verdict = f"{outside} of {len(points)} groups lie off the diagonal by more than their interval."
    figure = Figure(
        drawn.calibration(points, across=across, up=up),
        "Each point is a tenth of the rows, by what was predicted, with a 95% interval.",
    )
    return Section("Calibration", verdict, "plain", [figure])


def _slices(found: Validation) -> Section:
    slices = found.slices
    rows: list[list[Cell]] = [
        [each.name, each.loss.n, each.loss, each.elsewhere, "yes" if each.weak else "within noise"]
        for each in slices.found
    ]
    weak = frozenset(i for i, each in enumerate(slices.found) if each.weak)
    head = ["slice", "rows", "mean loss", "elsewhere", "weaker"]
    parts: list[Part] = [Table(head, rows, marked=weak)] if rows else []
    tone: Tone = "unsure" if weak or not slices.enough else "good"
    return Section("Worst slices", slices.sentence(), tone, parts)


def _groups(found: Fairness) -> Section:
    names = list(dict.fromkeys(name for group in found.groups for name in group.rates))
    rows: list[list[Cell]] = [
        [group.name, group.rows, *(group.rates.get(name) for name in names)]
        for group in found.groups
    ]
    differing = ", ".join(name.replace("_", " ") for name in found.differing)
    verdict = (
        f"Differs between groups beyond chance: {differing}."
        if differing
        else "No rate differs between groups beyond chance."
    )
    small = f"{found.small} groups of fewer than 30 rows are not shown."
    head = ["group", "rows", *(name.replace("_", " ") for name in names)]
    parts: list[Part] = [Table(head, rows), *([Text(small)] if found.small else [])]
    return Section(f"Groups of {found.column}", verdict, "unsure" if differing else "plain", parts)


def _rows(found: Validation) -> Section:
    text = "Numbers of the table's rows, the first being 1. Look them up in the test data."
    rows = [[row, loss] for row, loss in found.worst]
    return Section("Rows of the highest loss", parts=[Text(text), Table(["row", "loss"], rows)])


def new_card(found: Validation) -> str:
    """Return the model's card with what was measured here, and the limits that follow."""
    bundle, data = found.bundle, found.bundle.data
    validated = Validated(len(found.scored.truth), found.fingerprint, found.metrics)
    if "source" in data:  # made elsewhere: its own card says all that is known of it
        return f"{bundle.card}\n{validated_section(validated)}"
    gain = data.get("gain")
    choices = data.get("choices", {})
    return card(
        Facts(
            name=bundle.name,
            signature=bundle.signature,
            algorithm=bundle.algorithm,
            params=bundle.params,
            rows=data["rows"],
            fingerprint=data["fingerprint"],
            split=data["split"],
            findings=[Finding(**finding) for finding in data["findings"]],
            metrics=found.parts["holdout"],
            baselines={
                name: {metric: Interval(**value) for metric, value in metrics.items()}
                for name, metrics in data["baselines"].items()
            },
            gain=None if gain is None else Interval(**gain),
            threshold=bundle.threshold,
            importance=bundle.importance,
            features=choices.get("features", {}),
            rule=choices.get("threshold", "f1"),
            one_sided=data.get("one_sided", ""),
            calibration=choices.get("calibration", "none"),
            slices=found.slices,
            validated=validated,
        )
    )
