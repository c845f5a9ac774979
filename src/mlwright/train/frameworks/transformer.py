"""Fine-tune a transformer to classify texts, or to rate them.

PyTorch fits it and is then done with: the fitted model is exported as an ONNX graph, which a bundle
runs without PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mlwright.bundle.runtimes.transformer import tokens_of
from mlwright.bundle.sources import ExportedSource
from mlwright.core.errors import ConfigError
from mlwright.train.features import Style
from mlwright.train.frameworks import (
    FloatArray,
    Framework,
    Params,
    Problem,
    Rows,
    checked_params,
    cut_rounds,
)
from mlwright.train.frameworks.dense import ALIASES, Limits, check_limits, even, scaling
from mlwright.train.frameworks.encoder import Scorer, Tokens, base_of, quiet
from mlwright.train.frameworks.export import graph_of
from mlwright.train.frameworks.progress import Progress
from mlwright.train.frameworks.pytorch import device, reproducible
from mlwright.train.frameworks.shuffling import moved_together
from mlwright.train.pretrained import fingerprint

_KNOWN: dict[str, type] = {
    "learning_rate": float,
    "weight_decay": float,
    "warmup": float,
    "batch": int,
    "rounds": int,
    "early_stopping_rounds": int,
    "base_sha256": str,
}
_DEFAULTS: Params = {
    "learning_rate": 5e-5,
    "weight_decay": 0.01,
    "warmup": 0.1,
    "batch": 16,
    "rounds": 4,
    "early_stopping_rounds": 2,
}
_LIMITS: Limits = (
    ("learning_rate", lambda v: v > 0, "above 0"),
    ("weight_decay", lambda v: v >= 0, "0 or more"),
    ("warmup", lambda v: 0 <= v < 1, "at least 0 and below 1"),
    ("batch", lambda v: v >= 1, "1 or more"),
)
_STEEPEST = 1.0
_SCORED_AT_ONCE = 32
_TOLERANCE = 1e-4
_COMPARED_ROWS = 200


@dataclass(frozen=True, slots=True)
class Transformer:
    """An encoder with a classifier on top, all of it fitted; on a CPU equal input, equal model.

    `warmup` is the share of the steps in which the learning rate rises; then it falls to 0 over
    the most epochs there may be, `rounds`.
    """

    style: Style = "tokens"
    early_stops: bool = True
    monotone: bool = False

    def params(self, given: Mapping[str, Any], *, problem: Problem, rows: int) -> Params:
        """Return how it is fitted, and which base it is fitted from.

        Raises:
            ConfigError: also where `base_sha256` is given and the base is another one now.
        """
        found = checked_params(
            given, _DEFAULTS, known=_KNOWN, algorithm="transformer", aliases=ALIASES
        )
        check_limits(found, _LIMITS, algorithm="transformer", defaults=_DEFAULTS)
        now = fingerprint(base_of(problem))
        if found.setdefault("base_sha256", now) != now:
            raise ConfigError(
                f"the base model in {problem.base} is not the one that this model was made from",
                hint="put that one back, or train a new model with `mlwright train`",
            )
        return found

    def fit(
        self,
        problem: Problem,
        train: Rows,
        *,
        params: Params,
        valid: Rows | None = None,
        rounds: int | None = None,
    ) -> FittedTransformer:
        """Fit until `valid` no longer gains, or for exactly `rounds` epochs."""
        with reproducible(problem.seed), quiet():
            return _Fit(problem, train, params, device(problem.device)).run(valid, rounds)


@dataclass(frozen=True, slots=True, eq=False)
class FittedTransformer:
    """The fitted network as it scores, a few of its rows, and how many epochs it took."""

    network: Scorer
    few: Rows
    longest: int
    rounds: int
    cut: str = ""

    def scores(self, matrix: FloatArray) -> FloatArray:
        """Return P(positive) (n,), a probability a class (n, k), or the value (n,)."""
        texts = [tokens_of(row) for row in matrix]
        out = np.empty((len(texts), self.network.width))
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        self.network.eval()
        with torch.no_grad():
            for start in range(0, len(order), _SCORED_AT_ONCE):
                part = order[start : start + _SCORED_AT_ONCE]
                found = self.network(*self.network.padded([texts[place] for place in part]))
                out[part] = found.cpu().numpy()
        return np.asarray(out[:, 0] if self.network.width == 1 else out)

    def importance(self) -> FloatArray:
        """Return how far scores move when a text is exchanged for another row's."""
        features = self.few.matrix.shape[1]
        if len(self.few.groups) == 1:  # there is but one text
            return np.asarray(np.eye(1, features)[0])
        groups = self.few.groups or tuple((place, place + 1) for place in range(features))
        return moved_together(self.scores, self.few.matrix, groups)

    def source(self) -> ExportedSource:
        """Return the network as an ONNX graph, to be compared with this one."""
        with quiet():
            data = graph_of(self.network.to("cpu").eval(), self.longest)
        packages = ("numpy", "onnxruntime", "tokenizers")
        return ExportedSource(
            "transformer", "model.onnx", data, packages, self, _TOLERANCE, _COMPARED_ROWS
        )


class _Fit:
    """One fitting: the rows, and the network as it comes along."""

    def __init__(self, problem: Problem, train: Rows, params: Params, place: Any) -> None:
        if train.weights is not None:
            train = train.take(train.weights > 0)
        self.problem, self.params, self.train = problem, params, train
        self.network = Scorer(problem, *scaling(problem, train)).to(place)
        self.rows = self._tensors(train)
        self.batches = -(-len(train.target) // params["batch"])

    def run(self, valid: Rows | None, rounds: int | None) -> FittedTransformer:
        """Run the epochs; keep the best by `valid`, else the last."""
        most = rounds or int(self.params["rounds"])
        planned = max(most, int(self.params["rounds"])) * self.batches
        optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=self.params["learning_rate"],
            weight_decay=self.params["weight_decay"],
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate(planned))
        progress = Progress(self.problem.say, "transformer", most * self.batches)
        held = None if valid is None else self._tensors(valid)
        best, lowest, done = 0, np.inf, 0
        kept: Any = None
        for done in range(1, most + 1):
            self._epoch(optimizer, schedule, progress, done - 1)
            if held is not None:
                loss = self._loss_of(held)
                progress.words = f"loss {loss:.4f} on rows kept apart after epoch {done}"
                if loss < lowest:
                    best, lowest, kept = done, loss, _copied(self.network)
            else:
                best = done
            if self.problem.late() or done - best >= self.params["early_stopping_rounds"]:
                break
        if kept is not None:
            self.network.load_state_dict(kept)
        few = self.train.take(np.arange(min(len(self.train.target), 1000)))
        cut = cut_rounds(self.problem, done, most)
        longest = max(self.train.matrix.shape[1], 2)
        return FittedTransformer(self.network, few, longest, max(best, 1), cut)

    def _rate(self, planned: int) -> Callable[[int], float]:
        rising = max(round(self.params["warmup"] * planned), 1)
        return lambda step: min((step + 1) / rising, max(planned - step, 1) / planned)

    def _epoch(self, optimizer: Any, schedule: Any, progress: Progress, before: int) -> None:
        self.network.train()
        texts, y, weights = self.rows
        order = torch.randperm(len(texts)).tolist()
        for batch, start in enumerate(range(0, len(texts), self.params["batch"])):
            if self.problem.late():
                return
            part = order[start : start + self.params["batch"]]
            optimizer.zero_grad()
            output = self.network.logits(*self.network.padded([texts[i] for i in part]))
            (self._losses(output, y[part]) * weights[part]).mean().backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), _STEEPEST)
            optimizer.step()
            schedule.step()
            progress.step(before * self.batches + batch + 1)

    def _loss_of(self, rows: tuple[list[Tokens], Any, Any]) -> float:
        self.network.eval()
        texts, y, weights = rows
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        total = 0.0
        with torch.no_grad():
            for start in range(0, len(order), _SCORED_AT_ONCE):
                part = order[start : start + _SCORED_AT_ONCE]
                output = self.network.logits(*self.network.padded([texts[i] for i in part]))
                total += float((self._losses(output, y[part]) * weights[part]).sum())
        return total / float(weights.sum())

    def _losses(self, output: Any, y: Any) -> Any:
        if self.problem.task == "regression":
            return nn.functional.mse_loss(output[:, 0], y, reduction="none")
        return nn.functional.cross_entropy(output, y, reduction="none")

    def _tensors(self, rows: Rows) -> tuple[list[Tokens], Any, Any]:
        target: NDArray[Any] = rows.target
        if self.problem.task == "regression":
            target = ((target - self.network.center) / self.network.scale).astype(np.float32)
        there = next(self.network.parameters()).device
        return (
            [tokens_of(row) for row in rows.matrix],
            torch.from_numpy(np.ascontiguousarray(target)).to(there),
            torch.from_numpy(even(rows)).to(there),
        )


def _copied(network: nn.Module) -> dict[str, Any]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


FRAMEWORK: Framework = Transformer()
