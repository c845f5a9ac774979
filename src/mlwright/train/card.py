"""The model card: Markdown that says what a model is, what it was judged on, and its limits."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from mlwright.core.signature import Signature
from mlwright.data.schema import Finding
from mlwright.stats.intervals import Interval
from mlwright.stats.slices import NOT_JUDGED, Slice, Slices

Measured = Mapping[str, Interval]

_TASKS = {
    "binary": "two classes",
    "multiclass": "several classes",
    "regression": "a number",
}
_HUB_TAGS = {
    "binary": "tabular-classification",
    "multiclass": "tabular-classification",
    "regression": "tabular-regression",
}


@dataclass(frozen=True, slots=True)
class Validated:
    """What a later validation measured, and on which table."""

    rows: int
    fingerprint: str
    metrics: Measured


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a card says."""

    name: str
    signature: Signature
    algorithm: str
    params: Mapping[str, Any]
    rows: Mapping[str, int]
    fingerprint: str
    split: str
    findings: Sequence[Finding]
    metrics: Measured
    baselines: Mapping[str, Measured]
    gain: Interval | None
    threshold: float | None
    importance: Mapping[str, float]
    rule: str = "f1"
    one_sided: str = ""
    calibration: str = "none"
    slices: Slices = NOT_JUDGED
    validated: Validated | None = None
    features: Mapping[str, str] = field(default_factory=dict)


def card(facts: Facts) -> str:
    """Write the card, with a metadata block that the Hugging Face hub reads.

    Names of columns and classes come from strangers and are escaped. Equal facts, equal bytes.
    """
    parts = [
        _metadata(facts),
        f"# {_safe(facts.name)}\n",
        _what(facts),
        _data(facts),
        _columns(facts),
        _quality(facts),
        _validated(facts),
        _decision(facts),
        _limits(facts),
    ]
    return "\n".join(part for part in parts if part)


def _metadata(facts: Facts) -> str:
    kind = _HUB_TAGS[facts.signature.task]
    results = [_result(kind, facts.fingerprint, facts.metrics)]
    if facts.validated is not None:
        results.append(_result(kind, facts.validated.fingerprint, facts.validated.metrics))
    block = {
        "library_name": "mlwright",
        "pipeline_tag": kind,
        "tags": ["mlwright", "tabular", facts.algorithm],
        "model-index": [{"name": facts.name, "results": results}],
    }
    return f"---\n{yaml.safe_dump(block, sort_keys=False, allow_unicode=True)}---\n"


def _result(kind: str, fingerprint: str, metrics: Measured) -> dict[str, Any]:
    return {
        "task": {"type": kind},
        "dataset": {"type": "tabular", "name": f"sha256:{fingerprint}"},
        "metrics": [
            {"type": name, "value": round(interval.value, 6)} for name, interval in metrics.items()
        ],
    }


def _what(facts: Facts) -> str:
    signature = facts.signature
    given = f"It predicts {_code(signature.target)} ({_TASKS[signature.task]})"
    if signature.classes:
        given += ": " + ", ".join(_code(str(label)) for label in signature.classes)
    if signature.positive is not None:
        given += f"; its score is the probability of {_code(str(signature.positive))}"
    params = ", ".join(f"{name} {value}" for name, value in sorted(facts.params.items()))
    how = f"It was fitted by {_code(facts.algorithm)}" + (f" ({_safe(params)})" if params else "")
    return _section("What it is", f"{given}. {how}.")


def _data(facts: Facts) -> str:
    rows = facts.rows
    text = (
        f"{rows['train']:,} rows trained it; {rows['holdout']:,} rows were kept apart "
        f"({_safe(facts.split)}) and read once, at the end. "
        f"Fingerprint of the table: `sha256:{facts.fingerprint}`."
    )
    return _section("Data", text)


def _columns(facts: Facts) -> str:
    rows = [
        [
            _code(column.name),
            column.kind,
            "yes" if column.nullable else "no",
            f"{facts.importance.get(column.name, 0.0):.1%}",
        ]
        for column in facts.signature.inputs
    ]
    used = _table(["column", "kind", "may be null", "share of importance"], rows)
    made = [
        [_code(name), _safe(source), f"{facts.importance.get(name, 0.0):.1%}"]
        for name, source in facts.features.items()
    ]
    if made:
        used += f"\n{_table(['feature', 'made of columns as', 'share of importance'], made)}"
    noticed = "".join(
        f"- {_code(f.column) if f.column else 'the table'}: {_reason(f)}\n" for f in facts.findings
    )
    text = f"{used}\nNoticed about the table:\n\n{noticed}" if noticed else used
    return _section("Columns", text)


def _reason(finding: Finding) -> str:
    return _safe(finding.notice().removeprefix(f"{finding.column or 'the table'} "))


def _quality(facts: Facts) -> str:
    models = {facts.algorithm: facts.metrics, **facts.baselines}
    rows = [
        [name, *(_interval(found[name]) if name in found else "" for found in models.values())]
        for name in facts.metrics
    ]
    n = max((interval.n for interval in facts.metrics.values()), default=0)
    text = (
        f"On the holdout, n = {n:,}, with 95% intervals (bootstrap of rows). The other columns "
        f"are baselines on the same rows.\n\n{_table(['metric', *models], rows)}"
    )
    if facts.gain is not None:
        verdict = "better" if facts.gain.low > 0 else "within noise"
        if facts.gain.high < 0:
            verdict = "worse"
        text += (
            f"\nIts mean loss lies {_interval(facts.gain)} below the linear baseline's, paired by "
            f"row: {verdict}.\n"
        )
    return _section("How good it is", text)


def _validated(facts: Facts) -> str:
    return "" if facts.validated is None else validated_section(facts.validated)


def validated_section(tested: Validated) -> str:
    """Return what a card says of a validation."""
    rows = [[name, _interval(found)] for name, found in tested.metrics.items()]
    return _section(
        "How good it was on other rows",
        f"On {tested.rows:,} rows of the table `sha256:{tested.fingerprint}`, given for "
        f"validation.\n\n{_table(['metric', 'measured'], rows)}",
    )


def _decision(facts: Facts) -> str:
    if facts.threshold is None:
        return _calibrated(facts)
    positive = _code(str(facts.signature.positive))
    text = f"It says {positive} from a score of {facts.threshold:.4f} on: {_rule(facts.rule)}."
    if facts.one_sided:
        text += f"\n\n{_capital(_safe(facts.one_sided))}."
    return _section("Threshold", text) + ("\n" + _calibrated(facts) if _calibrated(facts) else "")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _rule(rule: str) -> str:
    if re.fullmatch(r"[0-9.eE+-]+", rule):
        return "the threshold that was given"
    best = (
        f"the least cost ({_safe(rule.removeprefix('cost:'))})"
        if rule.startswith("cost:")
        else f"the highest {'F1' if rule == 'f1' else rule.replace('_', ' ')}"
    )
    return (
        f"the threshold of {best} on out-of-fold scores of the training rows, chosen before the "
        "holdout was read"
    )


def _calibrated(facts: Facts) -> str:
    if facts.calibration == "none":
        return ""
    return _section(
        "Calibration",
        f"Its probabilities are calibrated ({facts.calibration}), by out-of-fold scores of the "
        "training rows.",
    )


def _limits(facts: Facts) -> str:
    limits = [
        "It knows the population that the table was drawn from, at that time; elsewhere or later "
        "its quality must be measured again.",
        "The intervals hold for the rows as they are; if several rows belong to one person, they "
        "are too narrow.",
    ]
    limits += _weak(facts.slices)
    if facts.split.startswith("at random"):
        limits.append(
            "The holdout was drawn at random: were the rows ordered in time, newer rows would be "
            "predicted less well."
        )
    limits += [
        f"{_code(f.column)} may know the answer: if it is only known afterwards, these figures "
        "are too good."
        for f in facts.findings
        if f.kind == "leakage" and f.column
    ]
    if facts.gain is not None and facts.gain.low <= 0:
        limits.append("It is not shown to be better than a linear model.")
    if facts.one_sided:
        limits.append("Its decisions hardly tell the classes apart; its scores may, see Threshold.")
    return _section("Limits", "".join(f"- {limit}\n" for limit in limits))


def _weak(slices: Slices) -> list[str]:
    """Return a sentence a slice that was measured to be weak, or what was looked at."""
    if not slices.weak:
        return [slices.sentence()]
    named = [
        f"It errs more where {_where(weak)}: a mean loss of {_interval(weak.loss)} (n = "
        f"{weak.loss.n:,}), elsewhere {_interval(weak.elsewhere)}."
        for weak in slices.weak
    ]
    return [*named, slices.sentence()]


def _where(weak: Slice) -> str:
    return " and ".join(f"{_code(column)} {_safe(level)}" for column, level in weak.conditions)


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text.rstrip()}\n"


def _table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _interval(found: Interval) -> str:
    return f"{found.value:.4f} [{found.low:.4f}, {found.high:.4f}]"


def _code(name: str) -> str:
    return f"**{_safe(name)}**"


def _safe(text: str) -> str:
    """Make a stranger's text harmless in Markdown, in a table, and in the HTML made of it."""
    escaped = re.sub(r"([\\`*_\[\]|#~!])", r"\\\1", html.escape(text, quote=False))
    return re.sub(r"\s+", " ", escaped)
