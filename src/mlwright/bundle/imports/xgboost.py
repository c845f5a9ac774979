"""XGBoost's own files: JSON, or its binary form UBJSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from mlwright.bundle.forests.sound import xgboost_model
from mlwright.bundle.imports.asked import Asked, Incoming, settled
from mlwright.bundle.plan import NumberStep, Plan
from mlwright.bundle.sources import FileSource
from mlwright.core.backends import require
from mlwright.core.errors import BundleError
from mlwright.core.signature import Task

_SECONDS = 120
_HINT = "save it again with booster.save_model('model.json')"
# In a process of its own: XGBoost ends the process over some files that are no model.
_CONVERT = """
import sys, warnings
import xgboost
warnings.simplefilter("ignore")
booster = xgboost.Booster({"nthread": 1})
booster.load_model(bytearray(sys.stdin.buffer.read()))
sys.stdout.buffer.write(bytes(booster.save_raw("json")))
"""


def read(where: str, asked: Asked) -> Incoming:
    """Read a booster.

    Raises:
        BundleError: it is no booster, or one that cannot be said exactly.
        ConfigError, DataError: see `settled`.
        MissingExtra: XGBoost is not installed.
    """
    require("xgboost", extra="xgboost", needed_by="an XGBoost model")
    model = _as_json(Path(where))
    learner = model["learner"]
    task, classes = _task(learner)
    names = learner.get("feature_names") or ()
    if "c" in learner.get("feature_types", ()):
        raise BundleError(
            f"{where} splits on categories, whose codes the file does not hold for certain",
            hint="log it with MLflow, or write a Python class around it, and package that",
        )
    count = int(learner["learner_model_param"]["num_feature"])
    signature = settled(
        asked, names=names, count=count, kinds="number", nulls=True, task=task, classes=classes
    )
    learner["feature_names"] = learner["feature_types"] = []  # columns are known by place
    if learner["objective"]["name"] == "multi:softmax":  # the same trees, answering a label only
        learner["objective"]["name"] = "multi:softprob"
    data = json.dumps(model, separators=(",", ":")).encode()
    plan = Plan(tuple(NumberStep(name) for name in signature.names))
    source = FileSource("xgboost", "model.json", data, ("numpy", "xgboost"))
    return Incoming("xgboost", signature, plan, source)


def _as_json(path: Path) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CONVERT],
            input=path.read_bytes(),
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        found["learner"]["objective"]["name"]
    except (subprocess.SubprocessError, ValueError, KeyError, TypeError) as exc:
        raise BundleError(f"{path} is no XGBoost model, or is cut off", hint=_HINT) from exc
    xgboost_model(found)
    return found


def _task(learner: dict[str, Any]) -> tuple[Task, tuple[int, ...]]:
    objective = str(learner["objective"]["name"])
    facts = learner["learner_model_param"]
    if int(facts.get("num_target", 1)) > 1:
        raise BundleError("the model answers several numbers a row", hint="package one model each")
    if objective in ("binary:logitraw", "binary:hinge"):
        raise BundleError(
            f"the model's objective {objective} gives no probabilities",
            hint="train it with binary:logistic",
        )
    if objective.startswith("binary:"):
        return "binary", (0, 1)
    if objective.startswith("multi:"):
        return "multiclass", tuple(range(int(facts["num_class"])))
    return "regression", ()
