"""A small network by PyTorch: embedded categories, dense layers, early stopping.

PyTorch fits it and is then done with: a category's embedding is a layer without bias on its one-hot
features, so that the fitted network folds into dense layers, which numpy runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from mlwright.bundle.sources import NetworkSource
from mlwright.train.features import Style
from mlwright.train.frameworks import FloatArray, Framework, Params, Problem, Rows
from mlwright.train.frameworks.dense import (
    LINKS,
    FittedDense,
    Scale,
    dense_params,
    fit_epochs,
    weighing,
)
from mlwright.train.frameworks.pytorch import device, reproducible

_WIDEST_EMBEDDING = 16


@dataclass(frozen=True, slots=True)
class NeuralNetwork:
    """Rectified layers of one width; on a CPU the same rows and seed give the same network."""

    style: Style = "linear"
    early_stops: bool = True
    monotone: bool = False

    def params(self, given: Mapping[str, Any], *, problem: Problem, rows: int) -> Params:
        """Return the network's shape and how it is fitted; `rounds` is the most epochs."""
        return dense_params(given, algorithm="neural_network", rows=rows)

    def fit(
        self,
        problem: Problem,
        train: Rows,
        *,
        params: Params,
        valid: Rows | None = None,
        rounds: int | None = None,
    ) -> FittedDense:
        """Fit until `valid` no longer gains, or for exactly `rounds` epochs."""
        # One thread adds up in one order.
        with reproducible(problem.seed, threads=1):
            return _Fit(problem, train, params, device(problem.device)).run(valid, rounds)


class _Net(nn.Module):  # type: ignore[misc, unused-ignore]
    """Embeddings of the groups beside the other features, then rectified layers."""

    def __init__(self, train: Rows, outputs: int, params: Params) -> None:
        super().__init__()
        self.groups = train.groups
        grouped = {i for start, end in train.groups for i in range(start, end)}
        self.plain = [i for i in range(train.matrix.shape[1]) if i not in grouped]
        sizes = [min(_WIDEST_EMBEDDING, (end - start + 1) // 2) for start, end in train.groups]
        self.embeddings = nn.ModuleList(
            nn.Linear(end - start, size, bias=False)
            for (start, end), size in zip(train.groups, sizes, strict=True)
        )
        widths = [len(self.plain) + sum(sizes), *[params["hidden"]] * params["layers"], outputs]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.dropout = nn.Dropout(params["dropout"])

    def forward(self, x: Any) -> Any:
        parts = [x[:, self.plain]]
        parts += [
            embed(x[:, start:end])
            for embed, (start, end) in zip(self.embeddings, self.groups, strict=True)
        ]
        values = torch.cat(parts, dim=1)
        for layer in self.layers[:-1]:
            values = self.dropout(torch.relu(layer(values)))
        return self.layers[-1](values)

    def folded(self, features: int) -> list[tuple[FloatArray, FloatArray]]:
        """Return weights (inputs, outputs) and biases, the embeddings within the first."""
        dense = [(_array(layer.weight).T.copy(), _array(layer.bias)) for layer in self.layers]
        first, bias = dense[0]
        whole = np.zeros((features, first.shape[1]))
        whole[self.plain] = first[: len(self.plain)]
        place = len(self.plain)
        for embed, (start, end) in zip(self.embeddings, self.groups, strict=True):
            table = _array(embed.weight).T
            whole[start:end] = table @ first[place : place + table.shape[1]]
            place += table.shape[1]
        return [(whole, bias), *dense[1:]]


def _array(tensor: Any) -> FloatArray:
    return np.asarray(tensor.detach().cpu().numpy(), np.float64)


class _Fit:
    """One fitting: the rows on their device, and the network as it comes along."""

    def __init__(self, problem: Problem, train: Rows, params: Params, place: Any) -> None:
        train = weighing(train)
        self.problem, self.params, self.device = problem, params, place
        self.features = train.matrix.shape[1]
        self.few = train.matrix[:1000]
        self.scale = Scale(problem, train)
        self.rows = self._tensors(train)
        self.net = _Net(train, max(problem.classes, 1) if self._many else 1, params).to(place)
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=params["learning_rate"], weight_decay=params["weight_decay"]
        )

    @property
    def _many(self) -> bool:
        return self.problem.task == "multiclass"

    def run(self, valid: Rows | None, rounds: int | None) -> FittedDense:
        """Run the epochs; keep the best by `valid`, else the last."""
        held = None if valid is None else self._tensors(valid)
        kept = fit_epochs(
            self.problem,
            self.params,
            rounds,
            algorithm="neural_network",
            epoch=self._epoch,
            loss=None if held is None else lambda: self._loss_of(held),
            weights=lambda: self.net.folded(self.features),
        )
        source = NetworkSource(self.scale.back(kept.weights), LINKS[self.problem.task])
        return FittedDense(source, self.few, kept.rounds, kept.cut)

    def _epoch(self) -> None:
        self.net.train()
        x, y, weights = self.rows
        order = torch.randperm(len(y))
        for start in range(0, len(y), self.params["batch"]):
            if self.problem.late():
                return
            part = order[start : start + self.params["batch"]].to(self.device)
            self.optimizer.zero_grad()
            loss = (self._losses(self.net(x[part]), y[part]) * weights[part]).mean()
            loss.backward()
            self.optimizer.step()

    def _loss_of(self, rows: tuple[Any, Any, Any]) -> float:
        self.net.eval()
        x, y, weights = rows
        with torch.no_grad():
            losses = self._losses(self.net(x), y) * weights
            return float(losses.sum() / weights.sum())

    def _losses(self, output: Any, y: Any) -> Any:
        if self._many:
            return nn.functional.cross_entropy(output, y, reduction="none")
        kind = (
            nn.functional.mse_loss
            if self.problem.task == "regression"
            else nn.functional.binary_cross_entropy_with_logits
        )
        return kind(output[:, 0], y, reduction="none")

    def _tensors(self, rows: Rows) -> tuple[Any, Any, Any]:
        x, y, weights = map(torch.from_numpy, self.scale.arrays(rows))
        return x.to(self.device), y.to(self.device), weights.to(self.device)


FRAMEWORK: Framework = NeuralNetwork()
