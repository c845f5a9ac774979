"""Search for parameters, then train with the best and say honestly what it brought.

Two things could flatter. A score could know its own rows: it does not (`objective`). And the best
of many scores is too good, for it was chosen by its luck too: so it is printed as what it is, and
the gain is measured elsewhere. The winner and the default are fitted anew on all training rows,
and both are judged in one reading of the holdout, which no trial has seen, with an interval on
their paired difference. When it holds 0 the gain is within noise.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mlwright.core.errors import ConfigError
from mlwright.core.settings import Tune
from mlwright.core.workspace import Workspace
from mlwright.data.target import Asked
from mlwright.report import figures
from mlwright.stats.intervals import Interval
from mlwright.stats.metrics import HIGHER_IS_BETTER
from mlwright.track import runs
from mlwright.train.choices import PLAIN, Choices
from mlwright.train.divide import Division, divide
from mlwright.train.fit import train
from mlwright.train.frameworks import FRAMEWORKS, Framework
from mlwright.train.holdout import Rival
from mlwright.train.objective import Objective, checked_metric, make_objective
from mlwright.train.search import Space, make_space, priors
from mlwright.train.study import Study, Tried
from mlwright.train.trials import Search, run_trials
from mlwright.train.tuned import Tuned
from mlwright.train.work import Work, settle

Say = Callable[[str], None]

PLAIN_SEARCH = Tune()


def tune(
    workspace: Workspace,
    table: pl.DataFrame,
    *,
    target: str,
    name: str,
    algorithm: str = "lightgbm",
    params: Mapping[str, Any] | None = None,
    seed: int = 0,
    share: float = 0.2,
    task: Asked = None,
    choices: Choices = PLAIN,
    source: Path | str | None = None,
    how: Tune = PLAIN_SEARCH,
    say: Say = lambda _: None,
) -> Tuned:
    """Search on the training rows, train with what is best, and register that as a version.

    The same table, space, folds and choices find the same study again, so that a search that was
    killed goes on, and two processes can share one. `how` says what is searched and how long; the
    other arguments are those of `train`.

    Raises:
        ConfigError: a value that the algorithm cannot take, a metric or a way to divide that does
            not fit, or no trial came to its end in time.
        DataError: the table cannot be learned from, or is too small for the folds.
        MissingExtra: Optuna is not installed.
    """
    started = time.perf_counter()
    said = _once(say)
    work = settle(
        workspace,
        table,
        target=target,
        name=name,
        algorithm=algorithm,
        params=params or {},
        seed=seed,
        holdout=None,
        share=share,
        weights=None,
        reference=None,
        task=task,
        signature=None,
        choices=choices,
        source=source,
        say=said,
    )
    plan = _plan(work, how, dict(params or {}))
    with runs.start(
        workspace,
        experiment=name,
        name=f"tune {algorithm}",
        params=plan.facts(),
        tags={**work.tags, "study": plan.study},
    ) as parent:
        cpu = time.process_time()
        study = _search(plan, parent, started, said)
        tried = study.tried()
        best = _winner(study, tried)
        spent = time.process_time() - cpu + sum(t.cpu_seconds for t in tried if not t.here)
        importance = study.importance()
        _draw(plan, parent, tried, importance)
        won = {**plan.base, **plan.space.params(best.chosen)}
        settled = plan.framework.params(won, problem=work.problem, rows=plan.rows)
        said(f"the best of {len(tried)}: {_listed(best.chosen)}; training it and the default")
        trained = train(
            workspace,
            table,
            target=target,
            name=name,
            algorithm=algorithm,
            params=won,
            seed=seed,
            share=share,
            task=task,
            choices=choices,
            source=source,
            rival=None if settled == work.params else Rival(work.params, plan.metric),
            parent=parent,
            say=said,
        )
        gain = trained.rival_gain or Interval(0.0, 0.0, 0.0, work.data.rows["holdout"])
        tuned = Tuned(
            trained=trained,
            run_id=parent.id,
            study=plan.study,
            metric=plan.metric,
            cv=plan.division.how,
            folds=how.cv_folds,
            trials=len(tried),
            dropped=sum(trial.outcome == "dropped" for trial in tried),
            failed=sum(trial.outcome == "failed" for trial in tried),
            best_params=dict(best.chosen),
            score=best.mean or 0.0,
            default_score=next((t.mean for t in tried if t.chosen == plan.first[0]), None),
            gain=gain,
            importance=importance,
            cpu_seconds=spent,
            seconds=time.perf_counter() - started,
        )
        _log(parent, tuned)
    return tuned


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """A search, checked before its first trial."""

    work: Work
    framework: Framework
    how: Tune
    base: dict[str, Any]
    metric: str
    space: Space
    first: list[dict[str, Any]]
    division: Division
    study: str

    @property
    def rows(self) -> int:
        return self.work.data.rows["train"]

    def facts(self) -> dict[str, Any]:
        return {
            "algorithm": self.work.algorithm,
            **self.base,
            "strategy": self.how.strategy,
            "metric": self.metric,
            "cv": self.division.how,
            "cv_folds": self.how.cv_folds,
            "trials": self.how.trials,
            "search_space": json.dumps(self.space.to_json()),
        }


def _plan(work: Work, how: Tune, base: dict[str, Any]) -> _Plan:
    framework = FRAMEWORKS.load(work.algorithm)
    metric = checked_metric(how.optimization_metric, work.problem.task)
    space = make_space(
        how.search_space, work.algorithm, framework, work.problem, rows=work.data.rows["train"]
    )
    division = divide(work.data.sample, work.problem, how=how.cv, folds=how.cv_folds)
    same = {
        **{key: work.tags[key] for key in ("data_fingerprint", "target", "seed", "share")},
        "choices": work.tags["choices"],
        "algorithm": work.algorithm,
        "base": base,
        "strategy": how.strategy,
        "metric": metric,
        "cv": division.how,
        "folds": how.cv_folds,
        "space": space.to_json(),
    }
    digest = hashlib.sha256(json.dumps(same, sort_keys=True, default=str).encode()).hexdigest()
    study = f"{work.name}-{digest[:16]}"
    first = priors(space, work.algorithm, work.params)
    return _Plan(work, framework, how, base, metric, space, first, division, study)


def _search(plan: _Plan, parent: runs.Run, started: float, say: Say) -> Study:
    work, how = plan.work, plan.how
    objective: Objective = make_objective(
        plan.framework,
        work.problem,
        work.schema.signature,
        work.data.sample,
        metric=plan.metric,
        division=plan.division,
        choices=work.choices,
    )
    study = Study(
        work.workspace.folder,
        plan.study,
        plan.space,
        strategy=how.strategy,
        trials=how.trials,
        higher_is_better=objective.higher_is_better,
        first=plan.first,
        seed=work.problem.seed,
    )
    done = len(study.tried())
    if done:
        say(f"study {plan.study} goes on: {done} of {how.trials} trials are done")
    deadline = None
    if how.timeout is not None:
        deadline = time.monotonic() + how.timeout - (time.perf_counter() - started)
    run_trials(
        Search(
            workspace=work.workspace,
            experiment=work.name,
            parent=parent,
            study=study,
            space=plan.space,
            objective=objective,
            base=plan.base,
            rows=plan.rows,
            trials=how.trials,
            deadline=deadline,
            say=say,
        )
    )
    return study


def _winner(study: Study, tried: list[Tried]) -> Tried:
    best = study.best(tried)
    if best is None:
        reason = next((trial.reason for trial in tried if trial.reason), "")
        raise ConfigError(
            f"no trial came to its end{': ' + reason if reason else ' in time'}",
            hint="give it more --timeout, fewer --cv-folds, or another search space",
        )
    return best


def _draw(
    plan: _Plan, parent: runs.Run, tried: list[Tried], importance: Mapping[str, float]
) -> None:
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


def _log(parent: runs.Run, tuned: Tuned) -> None:
    parent.log_metrics(
        {
            f"best_cv_{tuned.metric}": tuned.score,
            "gain": tuned.gain.value,
            "gain_low": tuned.gain.low,
            "gain_high": tuned.gain.high,
            "trials": tuned.trials,
            "cpu_seconds": tuned.cpu_seconds,
        }
    )
    parent.tag("best_params", json.dumps(tuned.best_params, sort_keys=True))
    parent.tag("within_noise", str(tuned.within_noise).lower())
    parent.tag("model_version", str(tuned.trained.version))


def _listed(chosen: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in chosen.items()
    )


def _once(say: Say) -> Say:
    """Say every line once: the search and the final training notice the same things."""
    said: set[str] = set()

    def once(line: str) -> None:
        if line not in said:
            said.add(line)
            say(line)

    return once
