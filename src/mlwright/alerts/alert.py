"""An alert and its text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

_SEVERITY: dict[str, Literal["info", "warning", "error"]] = {
    "data_drift": "warning",
    "query_drift": "warning",
    "test": "info",
}


@dataclass(frozen=True, slots=True)
class Alert:
    """What someone is told: what was measured against which threshold, why, and what to do.

    `kind` is a word such as `data_drift`; the title is made from it. The first of `causes` is a
    sentence, further ones are its list. `action` is the next step, best the command to run.
    Alerts of one `key` are one condition: it is told once until it is resolved. One with a time
    in `resolved` says that the condition has ended.

    >>> print(
    ...     Alert(
    ...         kind="performance_degradation",
    ...         model="churn:2",
    ...         environment="production",
    ...         what="Accuracy",
    ...         value="83.2% (81.0% to 85.3%)",
    ...         threshold="85.5%",
    ...         causes=("Data drift detected in features:", "tenure (PSI: 0.18)"),
    ...         action="mlwright retrain run --environment production",
    ...         key="production/churn/2/performance_degradation",
    ...         time=0.0,
    ...     ).text()
    ... )
    🚨 ML Model Alert: Performance Degradation
    Model: churn:2 (production)
    Current Accuracy: 83.2% (81.0% to 85.3%) (threshold: 85.5%)
    Time: 1970-01-01 00:00 UTC
    <BLANKLINE>
    Likely cause: Data drift detected in features:
    - tenure (PSI: 0.18)
    <BLANKLINE>
    Action: mlwright retrain run --environment production
    """

    kind: str
    model: str
    environment: str
    what: str
    value: str
    threshold: str
    causes: tuple[str, ...]
    action: str
    key: str
    time: float
    resolved: float | None = None

    @property
    def title(self) -> str:
        """Return the kind as a heading."""
        return self.kind.replace("_", " ").title()

    @property
    def heading(self) -> str:
        """Return the first line of the text."""
        if self.resolved is None:
            return _printable(f"🚨 ML Model Alert: {self.title}")
        return _printable(f"✅ ML Model Alert resolved: {self.title}")

    @property
    def severity(self) -> Literal["info", "warning", "error"]:
        """Return how much it matters: drift may cost something, the rest does."""
        return _SEVERITY.get(self.kind, "error")

    def text(self) -> str:
        """Return the alert as a block of lines; no field can break out of its line."""
        return f"{self.heading}\n{self.body()}"

    def body(self) -> str:
        """Return the text below its first line."""
        lines = [f"Model: {self.model} ({self.environment})"]
        if self.resolved is not None:
            lines.append(f"{self.what} was: {self.value} (threshold: {self.threshold})")
            lines.append(f"Time: {_when(self.time)} to {_when(self.resolved)}")
            return "\n".join(map(_printable, lines))
        lines.append(f"Current {self.what}: {self.value} (threshold: {self.threshold})")
        lines += [f"Time: {_when(self.time)}", ""]
        if self.causes:
            lines.append(f"Likely cause: {self.causes[0]}")
            lines += [f"- {cause}" for cause in self.causes[1:]]
            lines.append("")
        lines.append(f"Action: {self.action}")
        return "\n".join(map(_printable, lines))

    def to_json(self) -> dict[str, Any]:
        """Return the alert as a JSON object, the inverse of `from_json`."""
        return {**asdict(self), "causes": list(self.causes)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Alert:
        """Read what `to_json` wrote."""
        return cls(**{**value, "causes": tuple(value["causes"])})


def _when(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _printable(line: str) -> str:
    """Replace what would break the line: column names come from strangers."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line
    )
