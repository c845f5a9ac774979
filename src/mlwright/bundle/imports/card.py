"""The card of a model that was made elsewhere: what is known of it, and what is not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from mlwright.core.signature import Signature
from mlwright.stats.intervals import Interval

_MARKS = re.compile(r"([\\`*_{}\[\]<>()#+!|~-])")
_TAGS = {"regression": "tabular-regression"}


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the card says."""

    name: str
    source: str
    algorithm: str
    signature: Signature
    metrics: Mapping[str, Interval]
    rows: int
    fingerprint: str | None
    runs_code: bool
    notes: Sequence[str]


def card(facts: Facts) -> str:
    """Write the card, Markdown; names come from strangers and are escaped."""
    tag = _TAGS.get(facts.signature.task, "tabular-classification")
    block = {
        "library_name": "mlwright",
        "pipeline_tag": tag,
        "tags": ["mlwright", "tabular", facts.algorithm],
    }
    parts = [
        f"---\n{yaml.safe_dump(block, sort_keys=False, allow_unicode=True)}---\n",
        f"# {_safe(facts.name)}\n",
        f"It was made elsewhere and packaged from {_safe(facts.source)} "
        f"({_safe(facts.algorithm)}). It predicts {_safe(facts.signature.target)}"
        f"{_labels(facts.signature)}.\n",
        _reference(facts),
        _columns(facts.signature),
        _limits(facts),
    ]
    return "\n".join(part for part in parts if part)


def _labels(signature: Signature) -> str:
    if not signature.classes:
        return ", a number"
    return ": " + ", ".join(_safe(str(label)) for label in signature.classes)


def _reference(facts: Facts) -> str:
    if facts.fingerprint is None:
        return "## Reference\n\nNone was given, so that drift cannot be looked for.\n"
    lines = [
        f"## Reference\n\n{facts.rows:,} rows, `sha256:{facts.fingerprint}`.\n\n",
        *(
            f"- {name}: {each.value:.4f} [{each.low:.4f}, {each.high:.4f}]\n"
            for name, each in facts.metrics.items()
        ),
    ]
    if facts.metrics:
        lines.append("\nMeasured on the reference. If the model has learned from these rows, ")
        lines.append("that is better than it is on others.\n")
    return "".join(lines)


def _columns(signature: Signature) -> str:
    rows = "".join(
        f"| {_safe(c.name)} | {c.kind} | {'yes' if c.nullable else 'no'} |\n"
        for c in signature.inputs
    )
    return f"## Columns\n\n| column | kind | may be null |\n|---|---|---|\n{rows}"


def _limits(facts: Facts) -> str:
    known = ["What it was trained on, and how, is not known here."]
    if facts.runs_code:
        known.append("Loading it runs code that came with it.")
    lines = "".join(f"- {_safe(line)}\n" for line in (*known, *facts.notes))
    return f"## Limits\n\n{lines}"


def _safe(text: str) -> str:
    return _MARKS.sub(r"\\\1", " ".join(text.split()))
