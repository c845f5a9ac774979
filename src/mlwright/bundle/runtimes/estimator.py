"""A scikit-learn estimator as its user saved it, on the columns it was fitted on.

Its file is skops's: types are looked at before any is built, and code is never run. Beside classes
of scikit-learn itself only what the user lists is built, in `trust.skops_types` of mlwright.yaml.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlwright.bundle.archive import check_growth
from mlwright.bundle.foreign import Columns, Foreign, as_scores, matrix
from mlwright.bundle.forests.sound_estimators import check_estimator
from mlwright.bundle.plan import Floats
from mlwright.bundle.runtimes.sklearn import is_class_of_sklearn
from mlwright.bundle.trust import Trust
from mlwright.core.backends import require
from mlwright.core.errors import BundleError

_HARMLESS = {"numpy.dtype"}  # the name of a type of numbers, which encoders keep


class Fitted:
    """An estimator that is given a data frame where it was fitted on one, else a matrix."""

    def __init__(self, foreign: Foreign) -> None:
        self._foreign = foreign
        self.model = read(foreign.data, foreign.trust)
        threads = require("threadpoolctl", extra="train", needed_by="this model")
        self._threads = threads.ThreadpoolController()
        self._by_name = hasattr(self.model, "feature_names_in_")
        self._frame: Any = None
        if self._by_name:
            self._frame = require("pandas", extra="pandas", needed_by="this model").DataFrame

    def scores(self, columns: Columns) -> Floats:
        """Return the scores of the rows."""
        signature = self._foreign.signature
        rows = len(next(iter(columns.values())))
        given = self._frame(dict(columns)) if self._by_name else matrix(columns, signature)
        try:
            with self._threads.limit(limits=1), np.errstate(all="ignore"):
                found = self._predicted(given)
        except Exception as exc:  # scikit-learn's words may quote a row
            raise BundleError(
                f"{type(self.model).__name__} fails on these columns: {type(exc).__name__}",
                hint="compare the kinds of the columns, and their nulls, with what it was "
                "fitted on",
            ) from exc
        return as_scores(found, signature, rows=rows)

    def _predicted(self, given: Any) -> Any:
        sure = self._foreign.signature.task != "regression"
        if sure and hasattr(self.model, "predict_proba"):
            return self.model.predict_proba(given)
        return self.model.predict(given)


def read(data: bytes, trust: Trust) -> Any:
    """Return the object in a skops file.

    Raises:
        BundleError: it is no such file, or holds types that are not trusted; all are named.
        MissingExtra: skops is not installed.
    """
    skops = require("skops.io", extra="train", needed_by="a scikit-learn model")
    check_growth(data)
    try:
        unknown = skops.get_untrusted_types(data=data)
        foreign = sorted(
            {n for n in unknown if not is_class_of_sklearn(n)} - {*_HARMLESS, *trust.skops_types}
        )
        found = None if foreign else skops.loads(data, trusted=unknown)
    except Exception as exc:  # skops has no common base class
        raise BundleError(
            f"the scikit-learn model cannot be read: {str(exc) or type(exc).__name__}",
            hint="save it again with skops.io.dump(estimator, 'model.skops')",
        ) from exc
    if foreign:
        listed = "".join(f"\n    - {name}" for name in foreign)
        raise BundleError(
            f"the model holds what is not scikit-learn's own: {', '.join(foreign)}",
            hint=f"if you trust these types, add them to mlwright.yaml:\ntrust:\n  skops_types:"
            f"{listed}",
        )
    check_estimator(found)
    return found


def load(foreign: Foreign) -> Fitted:
    """Read an estimator from skops's format.

    Raises:
        BundleError: the bytes are no estimator, or hold types that are not trusted.
        MissingExtra: skops, scikit-learn or pandas is not installed.
    """
    return Fitted(foreign)
