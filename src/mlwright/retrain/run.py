"""One retraining: gather rows, train a challenger, compare, and roll a winner out.

`decision` is what the paired test said; `outcome` is what came of it:

    challenger wins   → promoted | rolled_back | still_rolling | not_deployed
    champion stays    → champion_stays
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import polars as pl
from sqlalchemy import insert, select, update

from mlwright.bundle.bundle import Bundle
from mlwright.core import clock, state
from mlwright.core.errors import DataError
from mlwright.core.signature import Signature
from mlwright.core.workspace import Workspace
from mlwright.data.fingerprint import fingerprint
from mlwright.data.read import read
from mlwright.data.remote import shown
from mlwright.data.schema import conform
from mlwright.data.split import split
from mlwright.data.target import as_labels
from mlwright.deploy import release
from mlwright.monitor.live import Live, live
from mlwright.predictions import labels as label_log
from mlwright.predictions import reader
from mlwright.track import models
from mlwright.train.choices import Choices
from mlwright.train.fit import Trained, train
from mlwright.train.prepare import trainable

from .compare import Comparison, compare
from .rows import Rows, divide, history_weight

Say = Callable[[str], None]

_OUTCOMES = {"live": "promoted", "rolled_back": "rolled_back", "failed": "rolled_back"}


@dataclass(frozen=True, slots=True)
class Retrained:
    """What a retraining decided and what came of it."""

    environment: str
    model: str
    reason: str
    champion: int
    challenger: int
    comparison: Comparison
    decision: str
    outcome: str
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return the result as a JSON object."""
        return {
            "environment": self.environment,
            "model": self.model,
            "reason": self.reason,
            "champion": self.champion,
            "challenger": self.challenger,
            "comparison": self.comparison.to_json(),
            "decision": self.decision,
            "outcome": self.outcome,
            "why": self.why,
        }


def run(
    workspace: Workspace,
    environment: str,
    *,
    reason: str,
    since: float | None = None,
    until: float | None = None,
    deploy: bool = True,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Retrained:
    """Retrain the champion of an environment, and replace it only by a better one.

    Args:
        workspace: where all of it is kept.
        environment: whose prediction log and labels are used.
        reason: kept in the history.
        since: the oldest labelled row that is used, in seconds since 1970.
        until: the newest.
        deploy: whether a winner goes out, as a canary.
        seed: of the training and of the bootstrap.
        say: called with a line about each step.

    Raises:
        NotFound: nothing answers in that environment.
        DataError: there are too few labelled rows, or the history has changed.
    """
    answering = live(workspace, environment)
    champion = models.resolve(workspace, f"{answering.model}:{answering.version}")
    rows = _labelled_rows(workspace, answering, since=since, until=until)
    say(
        f"{rows.recent.height:,} recent labelled rows train, the newest "
        f"{rows.judging.height:,} judge"
    )
    record = _begin(workspace, environment, champion, reason)
    challenger = _challenge(workspace, champion, answering.bundle, rows, seed=seed, say=say)
    models.set_alias(workspace, champion.model, "challenger", challenger.version)
    level = workspace.settings.retrain.level
    comparison = compare(answering.bundle, challenger.bundle, rows.judging, level=level, seed=seed)
    say(comparison.sentence())
    decision = "challenger_wins" if comparison.better else "champion_stays"
    _note(workspace, record, challenger.version, comparison, decision)
    outcome, why = "champion_stays", comparison.sentence()
    if comparison.better and deploy:
        outcome, why = _hand_over(workspace, environment, challenger, say)
    elif comparison.better:
        outcome = "not_deployed"
    _end(workspace, record, outcome)
    return Retrained(
        environment,
        champion.model,
        reason,
        champion.version,
        challenger.version,
        comparison,
        decision,
        outcome,
        why,
    )


def _labelled_rows(
    workspace: Workspace, answering: Live, *, since: float | None, until: float | None
) -> Rows:
    window = reader.read(answering.log, since=since, until=until)
    joined = label_log.labelled(window, label_log.read_labels(answering.log))
    signature = answering.bundle.signature
    prefix = "features."
    table = joined.select(
        "time",
        "request_id",
        "key",
        *(
            pl.col(prefix + name).alias(name)
            for name in signature.names
            if prefix + name in joined.columns
        ),
        pl.col("label").alias(signature.target),
    )
    settings = workspace.settings.retrain
    return divide(table, newest_share=settings.newest_share, minimum=settings.minimum_rows)


def _challenge(
    workspace: Workspace,
    champion: models.ModelVersion,
    bundle: Bundle,
    rows: Rows,
    *,
    seed: int,
    say: Say,
) -> Trained:
    signature = bundle.signature
    origin = _origin(workspace, champion)
    history = _typed(_history(origin, champion, signature), signature)
    recent = _typed(rows.recent, signature)
    weight = history_weight(recent.height, history.height)
    say(
        f"{history.height:,} rows of history weigh {weight:.2f} each, so that they count no more "
        "than the recent ones"
    )
    is_recent = np.repeat([False, True], [history.height, recent.height])
    return train(
        workspace,
        pl.concat([history, recent]),
        target=signature.target,
        name=champion.model,
        algorithm=bundle.algorithm,
        params=origin.params,
        choices=origin.choices,
        signature=signature,
        seed=seed,
        holdout=_typed(rows.judging, signature),
        weights=np.where(is_recent, 1.0, weight),
        reference=is_recent,  # what production looks like now is what it is to look like
        say=say,
    )


def _typed(table: pl.DataFrame, signature: Signature) -> pl.DataFrame:
    """Return the model's columns and target in the types that rows of log and table share."""
    fitted = conform(table, signature, target=True)
    target = fitted[signature.target]
    if signature.task == "regression":
        return fitted.with_columns(target.cast(pl.Float64, strict=False))
    return fitted.with_columns(as_labels(target).cast(pl.String))


@dataclass(frozen=True, slots=True)
class _Origin:
    """The run that began a model's line: from which file it was trained, and how."""

    tags: dict[str, str]
    params: dict[str, Any]

    @property
    def choices(self) -> Choices:
        """Return how the model was made."""
        return Choices.from_json(json.loads(self.tags["choices"]))


def _origin(workspace: Workspace, champion: models.ModelVersion) -> _Origin:
    """Return the newest run from a file among those of this version and the ones before it."""
    runs, versions = state.runs.c, state.versions.c
    query = (
        select(runs.tags, runs.params)
        .join(state.versions, versions.run == runs.id)
        .where(versions.model == champion.model, versions.version <= champion.version)
        .order_by(versions.version.desc())
    )
    with workspace.state.read() as connection:
        found = connection.execute(query).all()
    for tags, params in found:
        if "data_path" in tags:
            return _Origin(tags, {k: v for k, v in params.items() if k != "algorithm"})
    raise DataError(
        f"the table that {champion.model} was trained on is not known",
        hint="train it from a file, with mlwright train --data FILE",
    )


def _history(origin: _Origin, champion: models.ModelVersion, signature: Signature) -> pl.DataFrame:
    """Return the rows that the champion's line was first trained on, without their holdout."""
    path = origin.tags["data_path"]
    table = read(path)
    if fingerprint(table) != origin.tags["data_fingerprint"]:
        raise DataError(
            f"{shown(path)} has changed since {champion.model} was trained on it",
            hint="bring the old file back, or train anew with mlwright train",
        )
    schema = trainable(table, signature.target, task=signature.task, choices=origin.choices)
    share, seed = float(origin.tags["share"]), int(origin.tags["seed"])
    return split(table, schema, share=share, seed=seed, group=origin.choices.group).train


def _hand_over(
    workspace: Workspace, environment: str, challenger: Trained, say: Say
) -> tuple[str, str]:
    status = release.deploy(
        workspace,
        f"{challenger.model}:{challenger.version}",
        environment,
        strategy="canary",
        who="retrain",
        say=say,
    )
    return _OUTCOMES.get(status.outcome, "still_rolling"), status.reason


def _begin(
    workspace: Workspace, environment: str, champion: models.ModelVersion, reason: str
) -> int:
    with workspace.state.write() as connection:
        done = connection.execute(
            insert(state.retrains).values(
                environment=environment,
                model=champion.model,
                reason=reason,
                started=clock.now(),
                champion=champion.version,
                comparison={},
            )
        )
    return cast("tuple[int]", done.inserted_primary_key)[0]


def _note(
    workspace: Workspace, record: int, challenger: int, comparison: Comparison, decision: str
) -> None:
    with workspace.state.write() as connection:
        connection.execute(
            update(state.retrains)
            .where(state.retrains.c.id == record)
            .values(
                challenger=challenger,
                comparison=json.loads(json.dumps(comparison.to_json())),
                decision=decision,
            )
        )


def _end(workspace: Workspace, record: int, outcome: str) -> None:
    with workspace.state.write() as connection:
        connection.execute(
            update(state.retrains)
            .where(state.retrains.c.id == record)
            .values(ended=clock.now(), outcome=outcome)
        )
