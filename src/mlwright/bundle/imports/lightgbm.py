"""LightGBM's own text format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlwright.bundle.imports.asked import Asked, Incoming, settled
from mlwright.bundle.plan import NumberStep, OrdinalStep, Plan
from mlwright.bundle.runtimes.lightgbm import load
from mlwright.bundle.sources import LightGBMSource
from mlwright.core.errors import BundleError
from mlwright.core.signature import Kind, Task

_HINT = "save it again with booster.save_model('model.txt')"
_CATEGORIES = "pandas_categorical:"


def read(where: str, asked: Asked) -> Incoming:
    """Read a booster; categories that pandas had given codes become an ordinal encoding.

    Raises:
        BundleError: it is no booster, or one that cannot be said exactly.
        ConfigError, DataError: see `settled`.
        MissingExtra: LightGBM is not installed.
    """
    path = Path(where)
    text = path.read_text(encoding="utf-8", errors="replace")
    if not text.startswith("tree\n") or "\nend of trees" not in text:
        raise BundleError(f"{path} is no LightGBM model, or is cut off", hint=_HINT)
    load(text.encode())
    facts = dict(
        line.split("=", 1) for line in text.partition("\n\n")[0].splitlines() if "=" in line
    )
    task, classes = _task(facts)
    names = facts["feature_names"].split()
    categories = _categories(text, names, facts["feature_infos"].split())
    made_up = names == [f"Column_{place}" for place in range(len(names))]
    unnamed = made_up and (asked.columns or asked.reference is not None)
    kinds: dict[str, Kind] = {
        name: "category" if _are_text(categories.get(name)) else "number" for name in names
    }
    signature = settled(
        asked,
        names=() if unnamed else names,
        count=len(names),
        kinds="number" if unnamed else kinds,
        nulls=True,
        task=task,
        classes=classes,
    )
    plan = Plan(
        tuple(
            OrdinalStep(name, tuple(categories[name])) if name in categories else NumberStep(name)
            for name in signature.names
        )
    )
    return Incoming("lightgbm", signature, plan, LightGBMSource(text))


def _task(facts: dict[str, str]) -> tuple[Task, tuple[int, ...]]:
    objective = facts.get("objective", "").partition(" ")[0]
    if not objective:
        raise BundleError(
            "the model was trained with an objective of its own, and its scores mean what only "
            "that knows",
            hint="write a Python class around it, and package that",
        )
    if objective == "binary":
        return "binary", (0, 1)
    if objective in ("multiclass", "multiclassova"):
        return "multiclass", tuple(range(int(facts["num_class"])))
    return "regression", ()


def _categories(text: str, names: list[str], infos: list[str]) -> dict[str, list[Any]]:
    """Return the categories of each column that pandas had given codes, in the order of these."""
    last = text.rstrip().rpartition("\n")[2]
    listed = json.loads(last.removeprefix(_CATEGORIES)) if last.startswith(_CATEGORIES) else None
    if not listed:
        return {}
    coded = [
        name
        for name, info in zip(names, infos, strict=True)
        if not info.startswith("[") and info != "none"
    ]
    if len(coded) != len(listed):
        raise BundleError(
            f"the model has {len(listed)} lists of categories for {len(coded)} columns",
            hint="log it with MLflow, and package that",
        )
    return dict(zip(coded, listed, strict=True))


def _are_text(values: list[Any] | None) -> bool:
    return values is not None and all(isinstance(value, str) for value in values)
