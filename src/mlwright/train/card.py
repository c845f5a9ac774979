"""The model card: Markdown that says what a model is, what it was judged on, and its limits."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from mlwright.core.signature import Signature
from mlwright.data.schema import Finding
from mlwright.stats.intervals import Interval

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
        _decision(facts),
        _limits(facts),
    ]
    return "\n".join(part for part in parts if part)


def _metadata(facts: Facts) -> str:
    metrics = [
        {"type": name, "value": round(interval.value, 6)}
        for name, interval in facts.metrics.items()
    ]
    kind = _HUB_TAGS[facts.signature.task]
    block = {
        "library_name": "mlwright",
        "pipeline_tag": kind,
        "tags": ["mlwright", "tabular", facts.algorithm],
        "model-index": [
            {
                "name": facts.name,
                "results": [
                    {
                        "task": {"type": kind},
                        "dataset": {"type": "tabular", "name": f"sha256:{facts.fingerprint}"},
                        "metrics": metrics,
                    }
                ],
            }
        ],
    }
    return f"---\n{yaml.safe_dump(block, sort_keys=False, allow_unicode=True)}---\n"


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


def _decision(facts: Facts) -> str:
    if facts.threshold is None:
        return ""
    positive = _code(str(facts.signature.positive))
    return _section(
        "Threshold",
        f"It says {positive} from a score of {facts.threshold:.4f} on: the threshold of the "
        f"highest F1 on out-of-fold scores of the training rows, chosen before the holdout was "
        f"read.",
    )


def _limits(facts: Facts) -> str:
    limits = [
        "It knows the population that the table was drawn from, at that time; elsewhere or later "
        "its quality must be measured again.",
        "Groups and slices were not judged one by one.",
        "The intervals hold for the rows as they are; if several rows belong to one person, they "
        "are too narrow.",
    ]
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
    return _section("Limits", "".join(f"- {limit}\n" for limit in limits))


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
