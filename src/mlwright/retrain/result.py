"""What a retraining was asked for, and what it decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .compare import Comparison


@dataclass(frozen=True, slots=True)
class Asked:
    """What a retraining was asked for, as it is kept; moments in seconds since 1970."""

    since: float | None
    until: float
    told: float  # labels told later than this do not count
    features: tuple[str, ...]
    deploy: bool
    seed: int
    tune: bool = False


@dataclass(frozen=True, slots=True)
class Retrained:
    """What a retraining decided and what came of it; `mix` is what the challenger learned from.

    `decision` is what the paired test said, challenger_wins or champion_stays; `outcome` is what
    came of it: promoted, rolled_back, still_rolling or not_deployed; champion_stays.
    """

    environment: str
    model: str
    reason: str
    champion: int
    challenger: int
    comparison: Comparison
    decision: str
    outcome: str
    why: str
    features: tuple[str, ...] = ()
    mix: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the result as a JSON object."""
        return {
            "environment": self.environment,
            "model": self.model,
            "reason": self.reason,
            "features": list(self.features),
            "champion": self.champion,
            "challenger": self.challenger,
            "mix": dict(self.mix),
            "comparison": self.comparison.to_json(),
            "decision": self.decision,
            "outcome": self.outcome,
            "why": self.why,
        }
