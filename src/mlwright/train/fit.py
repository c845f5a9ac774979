"""Train: from a table to a registered version, with baselines, tracked."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Unpack

import polars as pl

from mlwright.bundle.write import write
from mlwright.core.workspace import Workspace
from mlwright.stats.intervals import Interval
from mlwright.track import models, runs
from mlwright.train.candidate import Candidate, learn
from mlwright.train.draft import draft
from mlwright.train.folds import FOLDS
from mlwright.train.holdout import RIVAL, Judgement, Rival, judge
from mlwright.train.result import Baselines, Trained
from mlwright.train.threads import blas_threads
from mlwright.train.work import Asking, Work, settle

__all__ = ["Trained", "baselines", "train"]

_BASELINES = ("dummy", "linear")
_BASELINES_SHARE = 0.2
"""Of a time budget, what the model leaves to the baselines."""


def train(
    workspace: Workspace,
    table: pl.DataFrame,
    *,
    baselines: bool = True,
    rival: Rival | None = None,
    parent: runs.Run | None = None,
    **asked: Unpack[Asking],
) -> Trained:
    """Fit a model and its baselines, judge them once on the holdout, and register the model.

    Args:
        workspace: where the bundle, the runs and the version are kept.
        table: the rows; those without a target are left out.
        baselines: also fit a dummy and a linear model.
        rival: other parameters of the algorithm, fitted and judged beside the model.
        parent: the run that this one is a part of.
        **asked: what is to be learned, and how.

    Raises:
        DataError: the table cannot be learned from.
        SignatureError: the holdout lacks columns of the table.
        ConfigError: a name, a parameter or the share is wrong.
        UnknownBackend: there is no such algorithm.
    """
    started = time.perf_counter()
    work = settle(workspace, table, **asked)
    fitted = (other for other in _BASELINES if baselines and other != work.algorithm)
    return _run(work, tuple(fitted), started, rival=rival, parent=parent)


def baselines(workspace: Workspace, table: pl.DataFrame, **asked: Unpack[Asking]) -> Baselines:
    """Fit a dummy and a linear model, judge and log them as runs, and register nothing.

    Arguments and errors as `train`; the algorithm and its parameters are these two's.
    """
    started = time.perf_counter()
    asked |= {"algorithm": _BASELINES[0], "params": {}}
    work = settle(workspace, table, **asked)
    with contextlib.ExitStack() as stack:
        stack.enter_context(blas_threads(work.data.cells))
        opened = {a: stack.enter_context(_tracked(work, a, None)) for a in _BASELINES}
        judged = _judge(work, [_learn(work, algorithm) for algorithm in opened])
        _log(opened, judged)
    return Baselines(
        work.name,
        work.problem.task,
        {algorithm: run.id for algorithm, run in opened.items()},
        judged.metrics,
        work.data.rows,
        tuple(finding.notice() for finding in work.schema.findings),
        time.perf_counter() - started,
    )


def _run(
    work: Work,
    others: tuple[str, ...],
    started: float,
    *,
    rival: Rival | None,
    parent: runs.Run | None,
) -> Trained:
    with _tracked(work, work.algorithm, parent) as run, blas_threads(work.data.cells):
        candidates, judged = _compete(work, others, run, rival)
        run.log_metrics(_flat(judged.metrics[work.algorithm]))
        work.say("packaging: compile, compare with the original, seal")
        bundle = write(draft(work, candidates[0], judged), work.workspace.bundles)
        version = models.register(work.workspace, work.name, bundle, run=run.id)
        run.tag("model_version", str(version.version))
        if candidates[0].one_sided:
            run.tag("notice", candidates[0].one_sided)
    return Trained(
        run_id=run.id,
        model=work.name,
        version=version.version,
        task=work.problem.task,
        algorithm=work.algorithm,
        metrics={"holdout": judged.metrics[work.algorithm]},
        baselines={
            other: found for other, found in judged.metrics.items() if other != work.algorithm
        },
        gain=judged.gain,
        threshold=candidates[0].threshold,
        seconds=time.perf_counter() - started,
        bundle=bundle,
        findings=work.schema.findings,
        notices=(
            *(finding.notice() for finding in work.schema.findings),
            *(_cut(candidate) for candidate in candidates if candidate.cut),
            *([candidates[0].one_sided] if candidates[0].one_sided else []),
        ),
        rows=work.data.rows,
        rival_gain=judged.rival_gain,
    )


def _compete(
    work: Work, others: tuple[str, ...], run: runs.Run, rival: Rival | None
) -> tuple[list[Candidate], Judgement]:
    """Fit the model and those it is compared with, and judge them all at once.

    The others' runs, below the model's, end here: they are told to the trackers meanwhile.
    """
    with contextlib.ExitStack() as stack:
        opened = {a: stack.enter_context(_tracked(work, a, run)) for a in others}
        candidates = [_learn(work, algorithm) for algorithm in (work.algorithm, *others)]
        if rival:
            opened[RIVAL] = stack.enter_context(_tracked(work, RIVAL, run))
            beaten = _learn(replace(work, params=rival.params), work.algorithm)
            candidates.append(replace(beaten, algorithm=RIVAL))
        judged = _judge(work, candidates, rival)
        _log(opened, judged)
    return candidates, judged


def _tracked(
    work: Work, algorithm: str, parent: runs.Run | None
) -> contextlib.AbstractContextManager[runs.Run]:
    """Start a run: the model's own, or a baseline's below it."""
    return runs.start(
        work.workspace,
        experiment=work.name,
        name=algorithm,
        params={"algorithm": algorithm, **(work.params if algorithm == work.algorithm else {})},
        parent=parent,
        tags=work.tags,
    )


def _learn(work: Work, algorithm: str) -> Candidate:
    work.say(f"fitting {algorithm}: {FOLDS} folds, then all {work.data.rows['train']:,} rows")
    problem, budget = work.problem, work.choices.time_budget
    if problem.deadline is not None and budget is not None and algorithm == work.algorithm:
        problem = replace(problem, deadline=problem.deadline - _BASELINES_SHARE * budget)
    found = learn(
        algorithm,
        problem,
        work.schema.signature,
        work.data.sample,
        params=work.params if algorithm == work.algorithm else {},
        choices=work.choices,
    )
    if found.cut:
        work.say(f"notice: {_cut(found)}")
    if found.one_sided and algorithm == work.algorithm:
        work.say(f"notice: {found.one_sided}")
    return found


def _cut(candidate: Candidate) -> str:
    return f"time budget: {candidate.algorithm}: {'; '.join(candidate.cut)}"


def _judge(work: Work, candidates: list[Candidate], rival: Rival | None = None) -> Judgement:
    data = work.data
    work.say(f"judging on {len(data.held_target):,} rows kept apart")
    return judge(
        candidates,
        data.held,
        data.held_target,
        task=work.problem.task,
        seed=work.problem.seed,
        rival_metric=rival.metric if rival else None,
    )


def _log(opened: Mapping[str, runs.Run], judged: Judgement) -> None:
    for algorithm, run in opened.items():
        run.log_metrics(_flat(judged.metrics[algorithm]))


def _flat(metrics: Mapping[str, Interval]) -> dict[str, float]:
    """Return `holdout_auc`, `holdout_auc_low` and `holdout_auc_high`, as trackers hold them."""
    found = {}
    for name, interval in metrics.items():
        found[f"holdout_{name}"] = interval.value
        found[f"holdout_{name}_low"] = interval.low
        found[f"holdout_{name}_high"] = interval.high
    return found
