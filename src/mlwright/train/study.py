"""The search itself, by Optuna: what to try next, and what has been tried, also by others.

A study lives in a SQLite file beside the workspace's database. A process that is killed leaves its
trials under way; whoever opens the study next finds them, gives them up, and has their parameters
tried again. Several processes may work on one study: a trial's number is given out once.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlwright.track.runs import alive, this_process
from mlwright.train.objective import Score
from mlwright.train.sampling import Strategy, choose, importance, sampler
from mlwright.train.search import Space, Value, unvisited
from mlwright.train.study_file import FILE, open_file, quiet_optuna

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_LOST: Mapping[str, Any] = {"outcome": "lost"}
_BIRTH = 60.0
"""Seconds after which a trial that names no process has lost it."""


@dataclass(frozen=True, slots=True)
class Try:
    """A point of the space that is to be scored."""

    number: int
    chosen: dict[str, Value]
    id: int


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial that has ended: its mean metric over the folds that were run, or why it has none."""

    number: int
    chosen: dict[str, Value]
    outcome: Literal["scored", "dropped", "failed"]
    values: tuple[float, ...]
    reason: str
    cpu_seconds: float
    here: bool

    @property
    def mean(self) -> float | None:
        """Return the mean over the folds that were run."""
        return sum(self.values) / len(self.values) if self.values else None


class Study:
    """One search: the same name finds the same trials again."""

    def __init__(
        self,
        folder: Path,
        name: str,
        space: Space,
        *,
        strategy: Strategy,
        trials: int,
        higher_is_better: bool,
        first: Sequence[Mapping[str, Value]],
        seed: int,
    ) -> None:
        self._optuna = quiet_optuna()
        self._space = space
        self._strategy = strategy
        self._trials = trials
        self._higher = higher_is_better
        self._seed = seed
        self._grid = space.grid() if strategy == "grid" else []
        self._me = this_process()
        self._began = time.time()
        self._folder = folder
        self.name = name
        with (folder / f"{FILE}.lock").open("a") as file, warnings.catch_warnings():
            fcntl.flock(file, fcntl.LOCK_EX)  # one process makes the tables, the others find them
            warnings.simplefilter("ignore")
            self._study = self._optuna.create_study(
                storage=open_file(self._optuna, folder / FILE),
                study_name=name,
                direction="maximize" if higher_is_better else "minimize",
                load_if_exists=True,
            )
            if strategy != "grid" and not self._all():
                for point in first:
                    self._study.enqueue_trial(dict(point), skip_if_exists=True)

    def ask(self, most: int) -> list[Try]:
        """Return up to `most` points to score now; none when the trials are all given out."""
        self._give_up_lost()
        self._study.sampler = sampler(
            self._optuna,
            self._strategy,
            self._space,
            trials=self._trials,
            seed=self._seed * 100_003 + len(self._all()),  # else one that goes on repeats itself
        )
        room = self._trials - sum(trial.state.name != "WAITING" for trial in self._claimed())
        found = []
        for _ in range(min(most, room)):
            if not self._next_of_grid():
                break
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trial = self._study.ask()
                choose(self._optuna, trial, self._space)
            trial.set_user_attr("process", json.dumps(self._me))
            found.append(Try(trial.number, dict(trial.params), trial._trial_id))
        return self._first_come(found)

    def _first_come(self, asked: list[Try]) -> list[Try]:
        """Give up what is too many, where other processes asked at the same time."""
        numbers = [trial.number for trial in self._claimed()]
        kept = []
        for trial in asked:
            if sum(number < trial.number for number in numbers) < self._trials:
                kept.append(trial)
            else:
                self._lose(trial.id)
        return kept

    def tell(self, trial: Try, score: Score) -> None:
        """Keep a score."""
        outcome = "scored" if score.whole else "dropped"
        self._note(trial.id, outcome, values=list(score.values), cpu_seconds=score.cpu_seconds)
        states = self._optuna.trial.TrialState
        if score.whole:
            self._storage.set_trial_state_values(trial.id, states.COMPLETE, [score.mean])
        else:  # the sampler ranks it by how far it came, and by its mean there
            step = len(score.values)
            self._storage.set_trial_intermediate_value(trial.id, step, score.mean)
            self._storage.set_trial_state_values(trial.id, states.PRUNED, [score.mean])

    def fail(self, trial: Try, reason: str) -> None:
        """Keep that a trial could not be scored."""
        self._note(trial.id, "failed", reason=reason)
        self._storage.set_trial_state_values(trial.id, self._optuna.trial.TrialState.FAIL)

    def give_back(self, trial: Try) -> None:
        """Give a trial up that was not brought to its end: it waits to be tried again."""
        if self._lose(trial.id):
            self._study.enqueue_trial(dict(trial.chosen))

    def tried(self) -> list[Tried]:
        """Return the trials that have ended and count, by number."""
        found = []
        for trial in self._all():
            result = trial.user_attrs.get("result", _LOST)
            if trial.state.is_finished() and result["outcome"] != "lost":
                here = json.loads(trial.user_attrs["process"]) == self._me
                found.append(
                    Tried(
                        trial.number,
                        dict(trial.params),
                        result["outcome"],
                        tuple(result.get("values", ())),
                        result.get("reason", ""),
                        result.get("cpu_seconds", 0.0),
                        here,
                    )
                )
        return found

    def best(self, tried: Sequence[Tried]) -> Tried | None:
        """Return the trial of the best mean over all folds; among equals the first."""
        scored = [trial for trial in tried if trial.outcome == "scored"]
        sign = -1 if self._higher else 1
        return min(scored, key=lambda t: (sign * (t.mean or 0.0), t.number), default=None)

    def others_at_work(self) -> bool:
        """Tell whether another process that lives has a trial under way."""
        self._give_up_lost()
        return any(trial.state.name == "RUNNING" for trial in self._all())

    def importance(self) -> dict[str, float]:
        """Return each parameter's share of the variance of scores.

        It is taken from the first fold, which every trial ran: those that were dropped say as much
        of what matters as those that were not. Empty when there are too few trials.
        """
        scored = [(t.chosen, t.values[0]) for t in self.tried() if t.values and t.chosen]
        return importance(self._optuna, self._space, scored, seed=self._seed)

    @contextlib.contextmanager
    def sole(self) -> Iterator[bool]:
        """Give True to one process at a time, and False to those that would come between."""
        with (self._folder / f"{FILE}.{self.name}.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def note_winner(self, trial: Tried) -> None:
        """Keep that this process has trained the winner."""
        fact = {"trial": trial.number, "process": self._me, "time": time.time()}
        self._study.set_user_attr("winner", fact)

    def won_elsewhere(self, trial: Tried) -> bool:
        """Tell whether another process has trained this winner since this one began."""
        fact = self._study.user_attrs.get("winner")
        return bool(
            fact
            and fact["trial"] == trial.number
            and fact["process"] != self._me
            and fact["time"] > self._began
        )

    @property
    def _storage(self) -> Any:
        return self._study._storage

    def _all(self) -> list[FrozenTrial]:
        return list(self._study.get_trials(deepcopy=False))

    def _claimed(self) -> list[FrozenTrial]:
        """Return the trials that count: ended with an outcome, under way, or waiting."""
        return [
            trial
            for trial in self._all()
            if not trial.state.is_finished()
            or trial.user_attrs.get("result", _LOST)["outcome"] != "lost"
        ]

    def _waiting(self) -> int:
        return sum(trial.state.name == "WAITING" for trial in self._all())

    def _give_up_lost(self) -> None:
        for trial in self._all():
            if trial.state.name == "RUNNING" and not _alive(trial) and self._lose(trial._trial_id):
                self._study.enqueue_trial(dict(trial.params))

    def _lose(self, trial: int) -> bool:
        """Give a trial up; False when another process was faster."""
        try:
            self._note(trial, "lost")
            return bool(
                self._storage.set_trial_state_values(trial, self._optuna.trial.TrialState.FAIL)
            )
        except self._optuna.exceptions.UpdateFinishedTrialError:
            return False

    def _note(self, trial: int, outcome: str, **facts: Any) -> None:
        self._storage.set_trial_user_attr(trial, "result", {"outcome": outcome, **facts})

    def _next_of_grid(self) -> bool:
        """Queue the grid's next point; False when it is used up."""
        if self._strategy != "grid" or self._waiting():
            return True
        points = unvisited(
            self._grid, [trial.params for trial in self._claimed()], seed=self._seed, count=1
        )
        for point in points:
            self._study.enqueue_trial(point)
        return bool(points)


def _alive(trial: FrozenTrial) -> bool:
    process = trial.user_attrs.get("process")
    if process is not None:
        return alive(json.loads(process))
    begun = trial.datetime_start
    return begun is not None and time.time() - begun.timestamp() < _BIRTH
