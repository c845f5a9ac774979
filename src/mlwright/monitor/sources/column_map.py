"""Which column of a table is what: told in YAML, or guessed by usual names and said."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from pydantic import Field

from mlwright.core.config import Section, load
from mlwright.core.errors import DataError, did_you_mean

_USUAL = {
    "time": ("time", "timestamp", "ts", "datetime", "date_time", "event_time", "created_at"),
    "request_id": ("request_id", "prediction_id", "inference_id", "event_id"),
    "key": ("key", "routing_key"),
    "prediction": ("prediction", "predicted", "y_pred", "predicted_label"),
    "score": ("score", "probability", "proba", "predicted_probability", "y_score"),
    "label": ("label", "target", "ground_truth", "truth", "actual", "y_true"),
    "latency_ms": ("latency_ms", "latency", "duration_ms", "response_time_ms"),
    "model": ("model", "model_name"),
    "version": ("version", "model_version"),
    "route": ("route",),
}
ROLES = tuple(_USUAL)


class ColumnMap(Section):
    """What each column is; `features` renames (ours: theirs), `ignore` leaves columns out."""

    time: str | None = None
    request_id: str | None = None
    key: str | None = None
    prediction: str | None = None
    score: str | None = None
    label: str | None = None
    latency_ms: str | None = None
    model: str | None = None
    version: str | None = None
    route: str | None = None
    features: dict[str, str] = Field(default_factory=dict)
    ignore: tuple[str, ...] = ()

    def roles(self) -> dict[str, str]:
        """Return the columns that were named, by their role."""
        given = {role: getattr(self, role) for role in ROLES}
        return {role: name for role, name in given.items() if name is not None}

    def among(self, names: Collection[str]) -> ColumnMap:
        """Return what it says of these columns: a reference need not have all of a log's."""
        return ColumnMap(
            **{role: name for role, name in self.roles().items() if name in names},
            features={ours: theirs for ours, theirs in self.features.items() if theirs in names},
            ignore=tuple(name for name in self.ignore if name in names),
        )


def read_map(path: Path) -> ColumnMap:
    """Read a map of columns from YAML.

    Raises:
        ConfigError: with every complaint at once.
    """
    return load(path, ColumnMap)


def settled(given: ColumnMap, names: Sequence[str], *, where: str) -> ColumnMap:
    """Return the map with roles that were not told guessed by usual names.

    Raises:
        DataError: a column that was told is not there.

    >>> settled(ColumnMap(), ["timestamp", "age"], where="log.csv").time
    'timestamp'
    """
    told = given.roles()
    for name in [*told.values(), *given.features.values(), *given.ignore]:
        if name not in names:
            raise DataError(
                f"{where} has no column {name!r}{did_you_mean(name, names)}",
                hint=f"its columns are: {', '.join(names)}",
            )
    spoken_for = {*told.values(), *given.features.values(), *given.ignore}
    lower = {name.lower(): name for name in reversed(names) if name not in spoken_for}
    guessed = {
        role: lower[usual]
        for role, known in _USUAL.items()
        if role not in told
        for usual in [next((word for word in known if word in lower), "")]
        if usual
    }
    return given.model_copy(update=guessed)
