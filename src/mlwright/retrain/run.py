"""One retraining: gather rows, train a challenger, compare, and roll a winner out.

`decision` is what the paired test said; `outcome` is what came of it:

    challenger wins   → promoted | rolled_back | still_rolling | not_deployed
    champion stays    → champion_stays

What was asked for is written down first, so that a retraining whose process dies is taken up again:
the rows are those that were there when it began.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from mlwright.bundle.bundle import Bundle
from mlwright.core import clock
from mlwright.core.errors import ConfigError, DataError, MlwrightError, did_you_mean
from mlwright.core.signature import Signature
from mlwright.core.workspace import Workspace
from mlwright.data.schema import conform
from mlwright.data.target import as_labels
from mlwright.deploy import release
from mlwright.monitor.live import Live, live
from mlwright.predictions import labels as label_log
from mlwright.predictions import reader
from mlwright.track import models
from mlwright.train.fit import train

from .compare import Comparison, compare
from .history import Entry, begin, note, unfinished
from .origin import Origin, history_of, origin_of, shares
from .rows import Rows, divide, history_weight
from .window import look

Say = Callable[[str], None]

_OUTCOMES = {"live": "promoted", "rolled_back": "rolled_back", "failed": "rolled_back"}


@dataclass(frozen=True, slots=True)
class Retrained:
    """What a retraining decided and what came of it; `mix` is what the challenger learned from."""

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


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a retraining was asked for, as it is kept; moments in seconds since 1970."""

    since: float | None
    until: float
    told: float  # labels told later than this do not count
    features: tuple[str, ...]
    deploy: bool
    seed: int


def run(
    workspace: Workspace,
    environment: str,
    *,
    reason: str,
    features: Sequence[str] = (),
    since: float | None = None,
    until: float | None = None,
    deploy: bool = True,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Retrained:
    """Retrain the champion of an environment, and replace it only by a better one.

    One that was begun before and whose process died is brought to its end instead.

    Args:
        workspace: where all of it is kept.
        environment: whose prediction log and labels are used.
        reason: kept in the history.
        features: those that gave the reason; the challenger may harm no slice of them.
        since: the oldest labelled row that is used, in seconds since 1970.
        until: the newest.
        deploy: whether a winner goes out, as a canary.
        seed: of the training and of the bootstrap.
        say: called with a line about each step.

    Raises:
        NotFound: nothing answers in that environment.
        ConfigError: the model has no such feature.
        DataError: there are too few labelled rows, the window is broken, or the history changed.
        BundleError: the champion runs code of its own, and is not trusted.
        Busy: another retraining of this environment is under way.
    """
    with workspace.lock(f"retrain {environment}", f"retrain {environment}"):
        answering = live(workspace, environment)
        answering.bundle.check_trust()
        _check_features(answering, features)
        champion = models.resolve(workspace, f"{answering.model}:{answering.version}")
        before = unfinished(workspace, environment)
        one = partial(_Run, workspace, environment, answering, champion)
        if before and (before.model, before.champion) == (champion.model, champion.version):
            say(f"going on with the retraining of {clock.iso(before.started)} ({before.reason})")
            asked = _Asked(**(before.detail or {})["asked"])
            return one(before.reason, asked, say).go(before.id, before.challenger)
        if before:
            _settle(workspace, before, champion)
        now = clock.now()
        asked = _Asked(since, now if until is None else until, now, tuple(features), deploy, seed)
        return one(reason, asked, say).begun()


@dataclass(frozen=True, slots=True)
class _Run:
    """One retraining under way."""

    workspace: Workspace
    environment: str
    answering: Live
    champion: models.ModelVersion
    reason: str
    asked: _Asked
    say: Say

    def begun(self) -> Retrained:
        """Write down what was asked for, and do it."""
        record = begin(
            self.workspace,
            environment=self.environment,
            model=self.champion.model,
            reason=self.reason,
            started=clock.now(),
            champion=self.champion.version,
            detail={"asked": asdict(self.asked)},
        )
        return self.go(record, None)

    def go(self, record: int, challenger: int | None) -> Retrained:
        """Do what is left to do; an error ends it, and is kept, while a death is taken up again."""
        try:
            return self._go(record, challenger)
        except MlwrightError as exc:
            outcome = "refused" if isinstance(exc, DataError) else "failed"
            self._end(record, outcome, str(exc))
            raise

    def _go(self, record: int, challenger: int | None) -> Retrained:
        rows, data = self._rows()
        note(self.workspace, record, detail={"data": data})
        self.say(
            f"{rows.recent.height:,} recent labelled rows train, the newest "
            f"{rows.judging.height:,} judge"
        )
        origin = origin_of(self.workspace, self.champion)
        past = history_of(origin, self.champion, self.answering.bundle.signature)
        weight = history_weight(rows.recent.height, past.height)
        mix = _mix(rows, past.height, weight)
        if challenger is None:
            challenger = self._train(rows, origin, past, weight)
            note(self.workspace, record, challenger=challenger, detail={"mix": mix})
        models.set_alias(self.workspace, self.champion.model, "challenger", challenger)
        comparison = self._compare(challenger, rows)
        self.say(comparison.sentence())
        decision = "challenger_wins" if comparison.wins else "champion_stays"
        why = comparison.sentence()
        if not comparison.wins:
            why = f"{why}; {comparison.advice()}"
        note(
            self.workspace,
            record,
            comparison=json.loads(json.dumps(comparison.to_json())),
            decision=decision,
            detail={"why": why},
        )
        outcome = "champion_stays"
        if comparison.wins and self.asked.deploy:
            outcome, why = self._hand_over(challenger)
        elif comparison.wins:
            outcome = "not_deployed"
        self._end(record, outcome, why)
        return Retrained(
            environment=self.environment,
            model=self.champion.model,
            reason=self.reason,
            champion=self.champion.version,
            challenger=challenger,
            comparison=comparison,
            decision=decision,
            outcome=outcome,
            why=why,
            features=tuple(self.asked.features),
            mix=mix,
        )

    def _end(self, record: int, outcome: str, why: str) -> None:
        note(self.workspace, record, ended=clock.now(), outcome=outcome, detail={"why": why})

    def _rows(self) -> tuple[Rows, dict[str, Any]]:
        """Return the labelled rows of the window, divided, and what was seen of them before."""
        settings = self.workspace.settings.retrain
        window = reader.read(self.answering.log, since=self.asked.since, until=self.asked.until)
        labels = label_log.read_labels(self.answering.log)
        told = labels.filter(pl.col("time") <= self.asked.told)
        signature = self.answering.bundle.signature
        table = _features(label_log.labelled(window, told), signature)
        rows = divide(table, newest_share=settings.newest_share, minimum=settings.minimum_rows)
        seen = look(table, self.answering.bundle, settings, rows=window.table.height)
        return rows, seen.to_json()

    def _train(self, rows: Rows, origin: Origin, past: pl.DataFrame, weight: float) -> int:
        bundle = self.answering.bundle
        signature = bundle.signature
        history, recent = _typed(past, signature), _typed(rows.recent, signature)
        self.say(
            f"{history.height:,} rows of history weigh {weight:.2f} each, so that they count no "
            "more than the recent ones"
        )
        return train(
            self.workspace,
            pl.concat([history, recent]),
            target=signature.target,
            name=self.champion.model,
            algorithm=bundle.algorithm,
            params=origin.params,
            choices=origin.choices,
            signature=signature,
            seed=self.asked.seed,
            holdout=_typed(rows.judging, signature),
            weights=np.append(weight * shares(past, origin.choices), np.ones(recent.height)),
            # What production looks like now is what it is to look like.
            reference=np.repeat([False, True], [history.height, recent.height]),
            say=self.say,
        ).version

    def _compare(self, challenger: int, rows: Rows) -> Comparison:
        made = models.resolve(self.workspace, f"{self.champion.model}:{challenger}")
        return compare(
            self.answering.bundle,
            Bundle.open(made.bundle),
            rows.judging,
            level=self.workspace.settings.retrain.level,
            features=self.asked.features,
            seed=self.asked.seed,
        )

    def _hand_over(self, challenger: int) -> tuple[str, str]:
        """Roll the winner out as a canary; where the environment was not served, say so."""
        status = release.deploy(
            self.workspace,
            f"{self.champion.model}:{challenger}",
            self.environment,
            strategy="canary",
            who="retrain",
            say=self.say,
        )
        return _OUTCOMES.get(status.outcome, "still_rolling"), status.reason


def _settle(workspace: Workspace, before: Entry, champion: models.ModelVersion) -> None:
    """End a retraining that died, when the environment has moved on since."""
    live_now = (before.model, before.challenger) == (champion.model, champion.version)
    outcome = "promoted" if live_now else "failed"
    why = f"its process died; {champion.model}:{champion.version} answers now"
    note(workspace, before.id, ended=clock.now(), outcome=outcome, detail={"why": why})


def _check_features(answering: Live, features: Sequence[str]) -> None:
    names = answering.bundle.signature.names
    for name in features:
        if name not in names:
            raise ConfigError(
                f"{answering.model}:{answering.version} has no feature {name!r}"
                f"{did_you_mean(name, names)}",
                hint=f"its features are: {', '.join(names)}",
            )


def _features(labelled: pl.DataFrame, signature: Signature) -> pl.DataFrame:
    sent = {name: reader.PREFIX + name for name in signature.names}
    return labelled.select(
        "time",
        "request_id",
        "key",
        *(pl.col(column).alias(name) for name, column in sent.items() if column in labelled),
        pl.col("label").alias(signature.target),
    )


def _typed(table: pl.DataFrame, signature: Signature) -> pl.DataFrame:
    """Return the model's columns and target in the types that rows of log and table share."""
    fitted = conform(table, signature, target=True)
    target = fitted[signature.target]
    if signature.task == "regression":
        return fitted.with_columns(target.cast(pl.Float64, strict=False))
    return fitted.with_columns(as_labels(target).cast(pl.String))


def _mix(rows: Rows, history: int, weight: float) -> dict[str, float]:
    return {
        "recent_rows": rows.recent.height,
        "history_rows": history,
        "history_weight": weight,
        "judging_rows": rows.judging.height,
        "left_out": rows.left_out,
    }
