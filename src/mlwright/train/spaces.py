"""Each algorithm's own search space, the settings to try first, and what its parameters take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mlwright.core.settings import SearchRange


@dataclass(frozen=True, slots=True)
class Limit:
    """What a number may be: from `low` (above it, when `open`) up to `high`.

    >>> Limit(0, 1, open=True).words()
    'numbers above 0 and up to 1'
    """

    low: float
    high: float = math.inf
    open: bool = False
    also: float | None = None

    def holds(self, value: float) -> bool:
        """Tell whether the number may be taken."""
        if value == self.also:
            return True
        return (
            math.isfinite(value)
            and (value > self.low if self.open else value >= self.low)
            and value <= self.high
        )

    def words(self) -> str:
        """Say it for a message."""
        start = f"numbers above {self.low:g}" if self.open else f"numbers from {self.low:g}"
        end = (
            "" if math.isinf(self.high) else (" and" if self.open else "") + f" up to {self.high:g}"
        )
        also = "" if self.also is None else f", or {self.also:g}"
        return start + end + also


_PART, _SOME, _COUNT = Limit(0, 1, open=True), Limit(0), Limit(1)
LIMITS: Final[Mapping[str, Limit]] = {
    "learning_rate": _PART,
    "rounds": _COUNT,
    "n_estimators": _COUNT,
    "max_depth": _COUNT,
    "num_leaves": Limit(2, 131_072),
    "max_leaves": _SOME,
    "max_leaf_nodes": Limit(2),
    "min_data_in_leaf": Limit(1),
    "min_samples_leaf": _COUNT,
    "min_samples_split": Limit(2),
    "min_child_weight": _SOME,
    "min_sum_hessian_in_leaf": _SOME,
    "min_gain_to_split": _SOME,
    "gamma": _SOME,
    "lambda_l1": _SOME,
    "lambda_l2": _SOME,
    "reg_alpha": _SOME,
    "reg_lambda": _SOME,
    "alpha": _SOME,
    "lambda": _SOME,
    "l2_regularization": _SOME,
    "path_smooth": _SOME,
    "scale_pos_weight": Limit(0, open=True),
    "subsample": _PART,
    "bagging_fraction": _PART,
    "feature_fraction": _PART,
    "feature_fraction_bynode": _PART,
    "colsample_bytree": _PART,
    "colsample_bynode": _PART,
    "colsample_bylevel": _PART,
    "max_features": _PART,
    "max_samples": _PART,
    "max_bin": Limit(2),
    "max_bins": Limit(2, 255),
    "penalty": Limit(0, open=True),
    "dropout": Limit(0, 0.95),
    "weight_decay": _SOME,
    "hidden": _COUNT,
    "layers": _COUNT,
    "batch": _COUNT,
    "warmup": Limit(0, 0.99),
}

_NO_LIMIT = {"lightgbm": -1, "random_forest": -1, "hist_gradient_boosting": -1, "xgboost": 0}
"""The depth by which an algorithm means any."""


def limit_of(name: str, algorithm: str) -> Limit | None:
    """Return what a number of this name may be, or None where nothing is known of it."""
    found = LIMITS.get(name)
    if name == "max_depth" and found and algorithm in _NO_LIMIT:
        return replace(found, also=_NO_LIMIT[algorithm])
    return found


def _range(low: float, high: float, *, log: bool = False) -> SearchRange:
    return SearchRange(low=low, high=high, log=log)


_DENSE: Final = {
    "learning_rate": _range(0.0003, 0.01, log=True),
    "hidden": _range(16, 256, log=True),
    "layers": _range(1, 4),
    "dropout": _range(0.0, 0.5),
    "weight_decay": _range(0.001, 1.0, log=True),
}

SPACES: Final[Mapping[str, Mapping[str, SearchRange]]] = {
    "lightgbm": {
        "learning_rate": _range(0.02, 0.2, log=True),
        "num_leaves": _range(3, 63, log=True),
        "min_data_in_leaf": _range(5, 100, log=True),
        "feature_fraction_bynode": _range(0.2, 1.0),
        "bagging_fraction": _range(0.5, 1.0),
        "lambda_l2": _range(0.001, 30.0, log=True),
    },
    "xgboost": {
        "learning_rate": _range(0.02, 0.2, log=True),
        "max_depth": _range(2, 8),
        "min_child_weight": _range(0.5, 30.0, log=True),
        "subsample": _range(0.5, 1.0),
        "colsample_bynode": _range(0.2, 1.0),
        "reg_lambda": _range(0.001, 30.0, log=True),
    },
    "hist_gradient_boosting": {
        "learning_rate": _range(0.02, 0.2, log=True),
        "max_leaf_nodes": _range(3, 63, log=True),
        "min_samples_leaf": _range(5, 100, log=True),
        "max_features": _range(0.2, 1.0),
        "l2_regularization": _range(0.001, 30.0, log=True),
    },
    "random_forest": {
        "min_samples_leaf": _range(1, 50, log=True),
        "max_features": _range(0.05, 1.0, log=True),
        "max_samples": _range(0.3, 1.0),
    },
    "linear": {"penalty": _range(0.001, 1000.0, log=True)},
    "keras": _DENSE,
    "neural_network": _DENSE,
    "transformer": {
        "learning_rate": _range(0.00001, 0.0002, log=True),
        "weight_decay": _range(0.001, 0.3, log=True),
        "warmup": _range(0.0, 0.3),
    },
}

IMPLIED: Final[Mapping[str, float]] = {
    "lambda_l1": 0.0,
    "lambda_l2": 0.0,
    "reg_alpha": 0.0,
    "reg_lambda": 1.0,
    "l2_regularization": 0.0,
    "gamma": 0.0,
    "min_gain_to_split": 0.0,
    "feature_fraction": 1.0,
    "feature_fraction_bynode": 1.0,
    "bagging_fraction": 1.0,
    "subsample": 1.0,
    "colsample_bytree": 1.0,
    "colsample_bynode": 1.0,
    "colsample_bylevel": 1.0,
    "max_samples": 1.0,
    "max_depth": 1000,
}
"""What a library takes where our defaults say nothing."""

_DENSE_PRIORS: Final = (
    {"hidden": 64, "layers": 1, "dropout": 0.0},
    {"hidden": 256, "layers": 3, "dropout": 0.4, "weight_decay": 0.1},
)

PRIORS: Final[Mapping[str, tuple[Mapping[str, Any], ...]]] = {
    "lightgbm": (
        {"learning_rate": 0.05, "num_leaves": 4, "max_depth": 2, "feature_fraction_bynode": 0.5},
        {"learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 50, "lambda_l2": 5.0},
    ),
    "xgboost": (
        {"learning_rate": 0.05, "max_depth": 2, "colsample_bynode": 0.5},
        {"learning_rate": 0.05, "max_depth": 5, "min_child_weight": 10.0, "reg_lambda": 5.0},
    ),
    "hist_gradient_boosting": (
        {"learning_rate": 0.05, "max_leaf_nodes": 4},
        {"learning_rate": 0.05, "max_leaf_nodes": 31, "min_samples_leaf": 50},
    ),
    "random_forest": ({"min_samples_leaf": 1}, {"min_samples_leaf": 20, "max_features": 0.3}),
    "linear": ({"penalty": 10.0}, {"penalty": 0.1}),
    "keras": _DENSE_PRIORS,
    "neural_network": _DENSE_PRIORS,
    "transformer": ({"learning_rate": 0.00002}, {"learning_rate": 0.0001}),
}
"""Settings that do well on many tables, tried after the defaults; the rest is the default's."""
