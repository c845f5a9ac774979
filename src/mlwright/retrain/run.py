"""One retraining: gather rows, train a challenger, compare, and roll a winner out.

What was asked for is written down first, so that a retraining whose process dies is taken up again:
the rows are those that were there when it began.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import polars as pl

from mlwright.bundle.bundle import Bundle
from mlwright.core import clock
from mlwright.core.errors import ConfigError, DataError, MlwrightError, did_you_mean
from mlwright.core.workspace import Workspace
from mlwright.deploy import release
from mlwright.monitor.live import Live, live
from mlwright.track import models
from mlwright.train.fit import train
from mlwright.train.tune import tune as search

from .compare import Comparison, compare
from .gather import Lessons, gather, lessons, typed
from .history import Entry, begin, note, unfinished
from .origin import Origin, history_of, origin_of
from .result import Asked, Retrained
from .rows import Rows

Say = Callable[[str], None]

_OUTCOMES = {"live": "promoted", "rolled_back": "rolled_back", "failed": "rolled_back"}


def run(
    workspace: Workspace,
    environment: str,
    *,
    reason: str,
    features: Sequence[str] = (),
    since: float | None = None,
    until: float | None = None,
    deploy: bool = True,
    tune: bool = False,
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
        tune: whether parameters are searched for first, as `tune` in the settings says.
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
            asked = Asked(**(before.detail or {})["asked"])
            return one(before.reason, asked, say).go(before.id, before.challenger)
        if before:
            _settle(workspace, before, champion)
        now = clock.now()
        end = now if until is None else until
        asked = Asked(since, end, now, tuple(features), deploy, seed, tune)
        return one(reason, asked, say).begun()


@dataclass(frozen=True, slots=True)
class _Run:
    """One retraining under way."""

    workspace: Workspace
    environment: str
    answering: Live
    champion: models.ModelVersion
    reason: str
    asked: Asked
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
        rows, data = gather(self.answering, self.workspace.settings, self.asked)
        note(self.workspace, record, detail={"data": data})
        self.say(
            f"{rows.recent.height:,} recent labelled rows train, the newest "
            f"{rows.judging.height:,} judge"
        )
        origin = origin_of(self.workspace, self.champion)
        signature = self.answering.bundle.signature
        learned = lessons(rows, history_of(origin, self.champion, signature), origin, signature)
        if challenger is None:
            challenger = self._train(learned, typed(rows.judging, signature), origin)
            note(self.workspace, record, challenger=challenger, detail={"mix": learned.mix})
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
            mix=learned.mix,
        )

    def _end(self, record: int, outcome: str, why: str) -> None:
        note(self.workspace, record, ended=clock.now(), outcome=outcome, detail={"why": why})

    def _train(self, learned: Lessons, judging: pl.DataFrame, origin: Origin) -> int:
        bundle, mix = self.answering.bundle, learned.mix
        self.say(
            f"{mix['history_rows']:,} rows of history weigh {mix['history_weight']:.2f} each, so "
            "that they count no more than the recent ones"
        )
        fit = partial(
            train,
            self.workspace,
            learned.table,
            target=bundle.signature.target,
            name=self.champion.model,
            algorithm=bundle.algorithm,
            params=origin.params,
            choices=origin.choices,
            signature=bundle.signature,
            seed=self.asked.seed,
            holdout=judging,
            weights=learned.weights,
            # What production looks like now is what it is to look like.
            reference=learned.recent,
            say=self.say,
        )
        if not self.asked.tune:
            return fit().version
        found = search(*fit.args, **fit.keywords, how=self.workspace.settings.tune)
        if found.trained is None:  # the search had ended when this process died before
            return fit(params={**origin.params, **found.best_params}).version
        return found.trained.version

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
