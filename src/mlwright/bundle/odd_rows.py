"""Made-up and odd rows, on which a model that was said anew is compared with the original."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.plan import NumberStep, Plan
from mlwright.core.signature import Signature
from mlwright.profile.profile import CategoryProfile, NumberProfile, Profile

Columns = Mapping[str, NDArray[Any]]
_ROWS = 300
_FEW = 20
_EXTREMES = (0.0, 1.0, -1.0, 1e6, -1e6)


def made_up(plan: Plan, signature: Signature) -> dict[str, NDArray[Any]]:
    """Return rows by chance, where there are no real ones: around what the plan knows."""
    chance = np.random.default_rng(0)
    steps = {step.column: step for step in plan.steps}
    found: dict[str, NDArray[Any]] = {}
    for column in signature.inputs:
        step = steps.get(column.name)
        known = [c for c in getattr(step, "categories", ()) if c is not None]
        if known:
            drawn = np.array(known, object)[chance.integers(0, len(known), _ROWS)]
            found[column.name] = drawn if column.kind != "number" else drawn.astype(np.float64)
        elif column.kind in ("category", "text"):
            found[column.name] = np.full(_ROWS, "", object)
        elif column.kind == "boolean":
            found[column.name] = chance.integers(0, 2, _ROWS).astype(np.float64)
        else:
            center, scale = (step.center, step.scale) if isinstance(step, NumberStep) else (0, 1)
            found[column.name] = chance.normal(center, 2 * abs(scale), _ROWS)
    return found


def like(profile: Profile, plan: Plan, signature: Signature) -> dict[str, NDArray[Any]]:
    """Return rows by chance, each column as the profile has seen it."""
    chance = np.random.default_rng(0)
    found = made_up(plan, signature)
    for column in signature.inputs:
        seen = profile.columns[column.name]
        if isinstance(seen, NumberProfile) and seen.edges and column.kind == "number":
            found[column.name] = chance.choice(np.asarray(seen.edges), _ROWS)
        elif isinstance(seen, CategoryProfile) and seen.counts and column.kind == "category":
            found[column.name] = chance.choice(np.array(list(seen.counts), object), _ROWS)
    return found


def odd(plan: Plan, signature: Signature, real: Columns) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield a few real rows, with one column made null, extreme, or a category that is known."""
    few = {name: values[:_FEW] for name, values in real.items()}
    for column in signature.inputs:
        values = few[column.name]
        if column.nullable:
            empty = None if values.dtype == object else np.nan
            yield {**few, column.name: np.full(len(values), empty, values.dtype)}
        if column.kind == "number" and not _is_category(plan, column.name):
            for extreme in _EXTREMES:
                yield {**few, column.name: np.full(len(values), extreme)}


def _is_category(plan: Plan, name: str) -> bool:
    return any(s.column == name and not isinstance(s, NumberStep) for s in plan.steps)
