"""Search for parameters, then train with the best and say honestly what it brought.

Two things could flatter. A score could know its own rows: it does not (`objective`). And the best
of many scores is too good, for it was chosen by its luck too: so it is printed as what it is, and
the gain is measured elsewhere. The winner and the default are fitted anew on all training rows,
and both are judged in one reading of the holdout, which no trial has seen, with an interval on
their paired difference. When it holds 0 the gain is within noise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Unpack

import polars as pl

from mlwright.core.errors import ConfigError
from mlwright.core.settings import Tune
from mlwright.core.workspace import Workspace
from mlwright.stats.intervals import Interval
from mlwright.track import runs
from mlwright.train.fit import train
from mlwright.train.holdout import Rival
from mlwright.train.objective import Objective, make_objective
from mlwright.train.result import Trained
from mlwright.train.search_log import draw, log
from mlwright.train.search_plan import Plan, plan_search
from mlwright.train.study import Study, Tried
from mlwright.train.study_file import stored
from mlwright.train.trials import Search, run_trials
from mlwright.train.tuned import Tuned
from mlwright.train.work import Asking, settle

Say = Callable[[str], None]

PLAIN_SEARCH = Tune()


def tune(
    workspace: Workspace,
    table: pl.DataFrame,
    *,
    how: Tune = PLAIN_SEARCH,
    start_from: Mapping[str, Any] | None = None,
    **asked: Unpack[Asking],
) -> Tuned:
    """Search on the training rows, train with what is best, and register that as a version.

    The same table, space, folds and choices find the same study again, so that a search that was
    killed goes on, and two processes can share one.

    Args:
        workspace: where the search, the bundle, the runs and the version are kept.
        table: the rows; those without a target are left out.
        how: what is searched, and how long.
        start_from: parameters of the algorithm that did well elsewhere, tried after the default.
        **asked: what is to be learned, and how; `params` are set for every trial.

    Raises:
        ConfigError: a value that the algorithm cannot take, a metric or a way to divide that does
            not fit, or no trial came to its end in time.
        DataError: the table cannot be learned from, or is too small for the folds.
        MissingExtra: Optuna is not installed.
    """
    started = time.perf_counter()
    said = _once(asked.get("say", lambda _: None))
    asked |= {"say": said}
    work = settle(workspace, table, **asked)
    plan = plan_search(work, how, dict(asked.get("params", {})), start_from=start_from)

    def finish(won: dict[str, Any], parent: runs.Run) -> Trained:
        settled = plan.framework.params(won, problem=work.problem, rows=plan.rows)
        rival = None if settled == work.params else Rival(work.params, plan.metric)
        best: Asking = {**asked, "params": won}
        return train(workspace, table, rival=rival, parent=parent, **best)

    with (
        runs.start(
            workspace,
            experiment=work.name,
            name=f"tune {work.algorithm}",
            params=plan.facts(),
            tags={**work.tags, "study": plan.study},
        ) as parent,
        stored(workspace.folder),
    ):
        cpu = time.process_time()
        study = _search(plan, parent, started, said)
        tried = study.tried()
        best = _winner(study, tried)
        spent = time.process_time() - cpu + sum(t.cpu_seconds for t in tried if not t.here)
        importance = study.importance()
        draw(plan, parent, tried, importance)
        said(f"the best of {len(tried)}: {_listed(best.chosen)}")
        with study.sole() as mine:
            trained = None
            if mine and not study.won_elsewhere(best):
                said("training it and the default")
                trained = finish({**plan.base, **plan.space.params(best.chosen)}, parent)
                study.note_winner(best)
        if trained is None:
            said(f"another process, which shares {plan.study}, trains and registers it")
        held = work.data.rows["holdout"]
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
            gain=(trained.rival_gain or Interval(0.0, 0.0, 0.0, held)) if trained else None,
            importance=importance,
            cpu_seconds=spent,
            seconds=time.perf_counter() - started,
        )
        log(parent, tuned)
    return tuned


def _search(plan: Plan, parent: runs.Run, started: float, say: Say) -> Study:
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
    ends = [] if work.problem.deadline is None else [work.problem.deadline]
    if how.timeout is not None:
        ends.append(time.monotonic() + how.timeout - (time.perf_counter() - started))
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
            deadline=min(ends, default=None),
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
