"""Run the trials of a study: side by side, one thread each, every one a tracked run.

Trials go in batches that are asked for together and told in order, so that the same seed makes
the same search, however long each takes. What is dropped early is decided in `race`; the first
trial, the default, never is. At the deadline a fit under way ends; its trial waits to be tried
again, if the search goes on another day. The default is scored however long it takes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from statistics import median

from mlwright.core.errors import MlwrightError
from mlwright.core.workspace import Workspace
from mlwright.track import runs
from mlwright.train.frameworks import Params
from mlwright.train.objective import Objective, Score
from mlwright.train.race import Race, race_of
from mlwright.train.search import Space
from mlwright.train.study import Study, Try

Say = Callable[[str], None]

_BATCH = 2
_POLL = 0.2
_LEAST_PATIENCE = 10


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What trials are run with."""

    workspace: Workspace
    experiment: str
    parent: runs.Run
    study: Study
    space: Space
    objective: Objective
    base: Params
    """What the user sets for every trial."""
    rows: int
    trials: int
    deadline: float | None
    """On the monotonic clock."""
    say: Say


def run_trials(search: Search) -> None:
    """Run trials until all are given out and ended, or the deadline has passed.

    Raises:
        ConfigError: the library refuses the default parameters.
        DataError: the metric does not exist on a fold.
    """
    from joblib import parallel_config
    from threadpoolctl import threadpool_limits

    stop = threading.Event()
    size = max(_BATCH, os.cpu_count() or 1)
    progress = _Progress(search)

    def alone() -> None:
        threadpool_limits(1)  # OpenMP and joblib keep their limits for each thread
        parallel_config(backend="sequential")

    with (
        threadpool_limits(1),
        ThreadPoolExecutor(os.cpu_count(), "trial", initializer=alone) as pool,
    ):
        while search.deadline is None or time.monotonic() < search.deadline:
            batch = search.study.ask(size)
            if batch:
                _run_batch(search, batch, pool, stop, progress)
            elif search.study.others_at_work():
                time.sleep(_POLL)
            else:
                break


@dataclass(slots=True, eq=False)
class _Watch:
    """Decides after each fold whether a trial goes on."""

    search: Search
    number: int
    race: Race
    stop: threading.Event
    cut: bool = False

    def __call__(self, values: Sequence[float]) -> bool:
        late = self.search.deadline is not None and time.monotonic() >= self.search.deadline
        if self.stop.is_set() or (late and self.number > 0):
            self.cut = True
            return False
        return self.number == 0 or self.race.open(values)


@dataclass(slots=True, eq=False)
class _Open:
    """A trial under way: its run, and the score to come."""

    trial: Try
    run: runs.Run
    stack: ExitStack
    watch: _Watch
    future: Future[Score]


def _run_batch(
    search: Search,
    batch: list[Try],
    pool: ThreadPoolExecutor,
    stop: threading.Event,
    progress: _Progress,
) -> None:
    tried = search.study.tried()
    race = race_of(tried, search.study.best(tried), higher_is_better=progress.rises)
    under_way: list[_Open] = []
    try:
        for trial in batch:
            watch = _Watch(search, trial.number, race, stop)
            under_way.append(_begin(search, trial, pool, watch))
        while under_way:
            _end(search, under_way[0], progress)
            under_way.pop(0)
    except BaseException as exc:
        stop.set()
        for left in under_way:
            with suppress(Exception):  # as on a full disk; the first error is what is told
                search.study.give_back(left.trial)
            left.stack.__exit__(type(exc), exc, exc.__traceback__)
        raise


def _begin(search: Search, trial: Try, pool: ThreadPoolExecutor, watch: _Watch) -> _Open:
    given = {**search.base, **search.space.params(trial.chosen)}
    stack = ExitStack()
    run = stack.enter_context(
        runs.start(
            search.workspace,
            experiment=search.experiment,
            name=f"trial {trial.number}",
            params=given,
            parent=search.parent,
            tags={"trial": str(trial.number)},
        )
    )
    objective = search.objective

    def score() -> Score:
        settled = objective.framework.params(given, problem=objective.problem, rows=search.rows)
        deadline = search.deadline if trial.number > 0 else None
        params = {**settled, **_patience(settled, search.base)}
        return objective.score(params, go_on=watch, deadline=deadline)

    return _Open(trial, run, stack, watch, pool.submit(score))


def _patience(params: Params, base: Params) -> Params:
    """Return how many rounds without gain end a fit: large steps show sooner that none comes."""
    patience, step = params.get("early_stopping_rounds"), params.get("learning_rate")
    if patience is None or not step or "early_stopping_rounds" in base:
        return {}
    return {"early_stopping_rounds": min(patience, max(_LEAST_PATIENCE, round(1 / step)))}


def _end(search: Search, opened: _Open, progress: _Progress) -> None:
    number, failure = opened.trial.number, opened.future.exception()
    if isinstance(failure, MlwrightError) and number > 0:
        search.study.fail(opened.trial, str(failure))
        opened.stack.__exit__(type(failure), failure, failure.__traceback__)
        progress.ended(number, None, "failed")
        return
    score = opened.future.result()
    outcome = _keep(search, opened, score)
    with opened.stack:
        opened.run.log_metrics(_measures(search.objective.metric, score))
        opened.run.tag("outcome", outcome)
    progress.ended(number, score, outcome)


def _keep(search: Search, opened: _Open, score: Score) -> str:
    if (opened.watch.cut or score.late) and not score.whole:
        search.study.give_back(opened.trial)
        return "cut"
    search.study.tell(opened.trial, score)
    return "scored" if score.whole else "dropped"


def _measures(metric: str, score: Score) -> dict[str, float]:
    folds = {f"fold_{number}_{metric}": value for number, value in enumerate(score.values, 1)}
    if not score.values:
        return {"folds": 0, "cpu_seconds": score.cpu_seconds}
    rounds = {"rounds": float(median(score.rounds))} if score.rounds else {}
    # What is no mean of all folds is not called by the same name: nobody is to rank by it.
    mean = {f"cv_{metric}": score.mean} if score.whole else {f"partial_{metric}": score.mean}
    return {**mean, **folds, **rounds, "folds": len(score.values), "cpu_seconds": score.cpu_seconds}


class _Progress:
    """Says after each trial how it went, what is best, and how long the rest takes."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._started = time.monotonic()
        self._ended = 0
        self.rises = search.objective.higher_is_better

    def ended(self, number: int, score: Score | None, outcome: str) -> None:
        """Say a line."""
        self._ended += 1
        search = self._search
        tried = search.study.tried()
        best, count = search.study.best(tried), len(tried)
        spent = time.monotonic() - self._started
        left = spent / self._ended * max(search.trials - count, 0)
        if search.deadline is not None:
            left = min(left, max(search.deadline - time.monotonic(), 0))
        metric = search.objective.metric
        value = ""
        if score and score.values:
            value = f" {metric} {score.mean:.4f} on {len(score.values)} folds"
        leader = f", best {best.mean:.4f}" if best and best.mean is not None else ""
        search.say(
            f"trial {number}, {count} of {search.trials}: {outcome}{value}{leader}; "
            f"about {_words(left)} left"
        )


def _words(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"
