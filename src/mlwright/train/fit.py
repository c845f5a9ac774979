"""Train: from a table to a registered version, with baselines, tracked."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from mlwright.bundle.write import Draft, write
from mlwright.core.signature import Signature
from mlwright.core.workspace import Workspace, checked_name
from mlwright.data.fingerprint import fingerprint
from mlwright.data.schema import Schema, conform, infer
from mlwright.data.target import Asked
from mlwright.profile.make import profile
from mlwright.stats.intervals import Interval
from mlwright.track import models, runs
from mlwright.train.candidate import Candidate, learn
from mlwright.train.card import Facts, card
from mlwright.train.choices import PLAIN, Choices
from mlwright.train.folds import FOLDS
from mlwright.train.frameworks import FRAMEWORKS, Params, Problem
from mlwright.train.holdout import Judgement, judge
from mlwright.train.prepare import Prepared, prepare
from mlwright.train.provenance import git_tags
from mlwright.train.result import Trained, plain

__all__ = ["Trained", "train"]

Say = Callable[[str], None]

_BASELINES = ("dummy", "linear")
_CHECKED_ROWS = 2000
_SAMPLES = 5


def train(
    workspace: Workspace,
    table: pl.DataFrame,
    *,
    target: str,
    name: str,
    algorithm: str = "lightgbm",
    params: Mapping[str, Any] | None = None,
    seed: int = 0,
    holdout: pl.DataFrame | None = None,
    share: float = 0.2,
    weights: ArrayLike | None = None,
    reference: NDArray[np.bool_] | None = None,
    task: Asked = None,
    signature: Signature | None = None,
    choices: Choices = PLAIN,
    source: Path | None = None,
    baselines: bool = True,
    say: Say = lambda _: None,
) -> Trained:
    """Fit a model and its baselines, judge them once on the holdout, and register the model.

    Args:
        workspace: where the bundle, the runs and the version are kept.
        table: the rows; those without a target are left out.
        target: the column to predict.
        name: what the model is called; training again makes its next version.
        algorithm: one of `FRAMEWORKS`.
        params: the algorithm's parameters, over its defaults.
        seed: decides the split, the folds and the model; equal tables and seeds make equal
            bundles.
        holdout: rows to judge by; without them `share` of the table is kept apart.
        share: the holdout's share of the table.
        weights: one non-negative number a row of `table` (n,).
        reference: marks the rows of `table` that later checks compare production with (n,); by
            default all.
        task: what kind of target it is, when it should not be found out.
        signature: what the model takes and gives, where that is settled, as in a retraining;
            otherwise both are found out from the table.
        choices: how it is to be made, beyond these.
        source: the file that the table was read from.
        baselines: also fit a dummy and a linear model.
        say: takes a line a step.

    Raises:
        DataError: the table cannot be learned from.
        SignatureError: the holdout lacks columns of the table.
        ConfigError: a name, a parameter or the share is wrong.
        UnknownBackend: there is no such algorithm.
    """
    started = time.perf_counter()
    checked_name(name, "model")
    framework = FRAMEWORKS.load(algorithm)
    schema = Schema(signature, None, ()) if signature else infer(table, target, task=task)
    for finding in schema.findings:
        say(finding.notice())
    data = prepare(
        table,
        schema,
        holdout=holdout,
        share=share,
        seed=seed,
        weights=weights,
        reference=reference,
        choices=choices,
    )
    problem = Problem(schema.signature.task, len(schema.signature.classes), seed)
    settings = framework.params(params or {}, problem=problem, rows=data.rows["train"])
    work = _Work(workspace, name, algorithm, settings, problem, schema, data, choices, say)
    tags = {
        **_origin(table, source),
        "seed": str(seed),
        "share": str(share),
        "split": data.how,
        "choices": json.dumps(choices.to_json(), sort_keys=True),
        **git_tags(workspace.root),
    }
    others = tuple(other for other in _BASELINES if baselines and other != algorithm)
    return _run(work, others, tags, started)


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What one training is about, settled before anything is fitted."""

    workspace: Workspace
    name: str
    algorithm: str
    params: Params
    problem: Problem
    schema: Schema
    data: Prepared
    choices: Choices
    say: Say


def _run(work: _Work, others: tuple[str, ...], tags: dict[str, str], started: float) -> Trained:
    with contextlib.ExitStack() as stack:
        opened: dict[str, runs.Run] = {}
        for algorithm in (work.algorithm, *others):
            opened[algorithm] = stack.enter_context(_tracked(work, algorithm, opened, tags))
        run = opened[work.algorithm]
        candidates = [_learn(work, algorithm) for algorithm in opened]
        judged = _judge(work, candidates)
        for algorithm, tracked in opened.items():
            tracked.log_metrics(_flat(judged.metrics[algorithm]))
        work.say("packaging: compile, compare with the original, seal")
        draft = _draft(work, candidates[0], judged, tags["data_fingerprint"])
        bundle = write(draft, work.workspace.bundles)
        version = models.register(work.workspace, work.name, bundle, run=run.id)
        run.tag("model_version", str(version.version))
    return Trained(
        run_id=run.id,
        model=work.name,
        version=version.version,
        task=work.problem.task,
        algorithm=work.algorithm,
        metrics={"holdout": judged.metrics[work.algorithm]},
        baselines={other: judged.metrics[other] for other in others},
        gain=judged.gain,
        threshold=candidates[0].threshold,
        seconds=time.perf_counter() - started,
        bundle=bundle,
        findings=work.schema.findings,
        notices=tuple(finding.notice() for finding in work.schema.findings),
        rows=work.data.rows,
    )


def _tracked(
    work: _Work, algorithm: str, opened: Mapping[str, runs.Run], tags: dict[str, str]
) -> contextlib.AbstractContextManager[runs.Run]:
    """Start a run: the model's own, or a baseline's below it."""
    parent = opened.get(work.algorithm)
    return runs.start(
        work.workspace,
        experiment=work.name,
        name=algorithm,
        params={"algorithm": algorithm, **(work.params if parent is None else {})},
        parent=parent,
        tags=tags,
    )


def _learn(work: _Work, algorithm: str) -> Candidate:
    work.say(f"fitting {algorithm}: {FOLDS} folds, then all {work.data.rows['train']:,} rows")
    return learn(
        algorithm,
        work.problem,
        work.schema.signature,
        work.data.sample,
        params=work.params if algorithm == work.algorithm else {},
        choices=work.choices,
    )


def _judge(work: _Work, candidates: list[Candidate]) -> Judgement:
    data = work.data
    work.say(f"judging on {len(data.held_target):,} rows kept apart")
    return judge(
        candidates, data.held, data.held_target, task=work.problem.task, seed=work.problem.seed
    )


def _draft(work: _Work, model: Candidate, judged: Judgement, digest: str) -> Draft:
    signature, data = work.schema.signature, work.data
    kept = data.reference
    importance = model.importance()
    baselines = {name: found for name, found in judged.metrics.items() if name != model.algorithm}
    facts = Facts(
        name=work.name,
        signature=signature,
        algorithm=model.algorithm,
        params=model.params,
        rows=data.rows,
        fingerprint=digest,
        split=data.how,
        findings=work.schema.findings,
        metrics=judged.metrics[model.algorithm],
        baselines=baselines,
        gain=judged.gain,
        threshold=model.threshold,
        importance=importance,
    )
    return Draft(
        name=work.name,
        signature=signature,
        plan=model.plan,
        source=model.fitted.source(),
        algorithm=model.algorithm,
        profile=profile(
            {name: values[kept] for name, values in data.sample.columns.items()},
            signature,
            scores=model.unseen_scores[kept],
        ),
        card=card(facts),
        check_columns={n: values[:_CHECKED_ROWS] for n, values in data.sample.columns.items()},
        samples=conform(data.table.head(_SAMPLES), signature, target=False).to_dicts(),
        threshold=model.threshold,
        params=model.params,
        metrics={"holdout": plain(facts.metrics)},
        importance=importance,
        data={
            "fingerprint": digest,
            "rows": data.rows,
            "split": data.how,
            "seed": work.problem.seed,
            "findings": [finding.to_json() for finding in work.schema.findings],
            "choices": work.choices.to_json(),
            "baselines": {name: plain(found) for name, found in baselines.items()},
        },
    )


def _origin(table: pl.DataFrame, source: Path | None) -> dict[str, str]:
    path = {} if source is None else {"data_path": str(source)}
    return {**path, "data_fingerprint": fingerprint(table)}


def _flat(metrics: Mapping[str, Interval]) -> dict[str, float]:
    """Return `holdout_auc`, `holdout_auc_low` and `holdout_auc_high`, as trackers hold them."""
    found = {}
    for name, interval in metrics.items():
        found[f"holdout_{name}"] = interval.value
        found[f"holdout_{name}_low"] = interval.low
        found[f"holdout_{name}_high"] = interval.high
    return found
