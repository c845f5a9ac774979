"""What a search leaves with its run: figures, measures and tags."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mlwright.report import figures
from mlwright.stats.metrics import HIGHER_IS_BETTER
from mlwright.track import runs
from mlwright.train.search_plan import Plan
from mlwright.train.study import Tried
from mlwright.train.tuned import Tuned


def draw(plan: Plan, parent: runs.Run, tried: list[Tried], importance: Mapping[str, float]) -> None:
    """Draw the search's history and its parameters' importance, and attach them to its run."""
    folder = plan.work.workspace.folder / "studies" / plan.study
    folder.mkdir(parents=True, exist_ok=True)
    ran = [trial for trial in tried if trial.mean is not None]
    drawn = {
        "history.svg": figures.history(
            [trial.number for trial in ran],
            [trial.mean or 0.0 for trial in ran],
            [trial.outcome == "scored" for trial in ran],
            higher_is_better=HIGHER_IS_BETTER[plan.metric],
            label=plan.metric,
        )
    }
    if importance:
        drawn["importance.svg"] = figures.shares(
            sorted(importance.items(), key=lambda pair: (-pair[1], pair[0])),
            label=f"share of the variance of {plan.metric}",
        )
    for name, figure in drawn.items():
        path = folder / name
        path.write_text(str(figure))
        parent.attach(path)


def log(parent: runs.Run, tuned: Tuned) -> None:
    """Tell the search's run what came of it."""
    parent.log_metrics(
        {
            f"best_cv_{tuned.metric}": tuned.score,
            "trials": tuned.trials,
            "cpu_seconds": tuned.cpu_seconds,
        }
    )
    parent.tag("best_params", json.dumps(tuned.best_params, sort_keys=True))
    if tuned.trained is None or tuned.gain is None:
        parent.tag("registered", "by another process")
        return
    gain = tuned.gain
    parent.log_metrics({"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high})
    parent.tag("within_noise", str(tuned.within_noise).lower())
    parent.tag("model_version", str(tuned.trained.version))
