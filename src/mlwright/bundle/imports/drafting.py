"""The draft of a bundle of a model that was made elsewhere, measured on its reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.foreign import FOREIGN, RUNS_CODE, Foreign, ForeignModel
from mlwright.bundle.imports.asked import THRESHOLD, Asked, Incoming
from mlwright.bundle.imports.card import Facts, card
from mlwright.bundle.model import Model, Predictions
from mlwright.bundle.odd_rows import made_up
from mlwright.bundle.runtimes import RUNTIMES
from mlwright.bundle.write import Draft
from mlwright.core.errors import BundleError
from mlwright.core.signature import Signature
from mlwright.data.fingerprint import fingerprint
from mlwright.data.schema import columns, conform, target_codes
from mlwright.data.target import labelled_rows
from mlwright.profile.make import profile
from mlwright.stats.bootstrap import bootstrap_metrics
from mlwright.stats.intervals import Interval

Columns = dict[str, NDArray[Any]]
Say = Callable[[str], None]

_SAMPLES = 5
_CHECKED = 2000
_MOST_SCORED = 100_000
_MOST_MEASURED = 20_000
_FEWEST_MEASURED = 20
_REPEATS = 200


def drafted(
    name: str, source: str, incoming: Incoming, asked: Asked, say: Say
) -> tuple[Draft, dict[str, Interval]]:
    """Return the draft, and the metrics on the reference where it has the true answers.

    Raises:
        BundleError: the model cannot be loaded, or not with the reference's nulls.
        SignatureError: the reference does not fit the model; every column that does not is named.
    """
    signature = incoming.signature
    model = _loaded(incoming, asked)
    rows = _rows(asked, incoming)
    say(f"scoring {len(next(iter(rows.values()))):,} rows" if rows else "no reference: no profile")
    scores = model.scores(rows) if rows else None
    metrics = _measured(model, asked, signature)
    digest = fingerprint(asked.reference.table) if asked.reference else None
    facts = Facts(
        name=name,
        source=source,
        algorithm=incoming.algorithm,
        signature=signature,
        metrics=metrics,
        rows=asked.reference.table.height if asked.reference else 0,
        fingerprint=digest,
        runs_code=incoming.source.runtime in RUNS_CODE,
        notes=incoming.notes,
    )
    bare = {n: np.zeros(0, v.dtype) for n, v in made_up(incoming.plan, signature).items()}
    plain = {metric: interval.to_json() for metric, interval in metrics.items()}
    made = Draft(
        name=name,
        signature=signature,
        plan=incoming.plan,
        source=incoming.source,
        algorithm=incoming.algorithm,
        profile=profile(rows or bare, signature, scores=scores),
        card=card(facts),
        check_columns=_checked_columns(rows, incoming),
        samples=_samples(asked, signature),
        threshold=model.threshold,
        params=dict(incoming.params),
        metrics={"holdout": plain} if plain else {},
        data={
            "fingerprint": digest,
            "rows": {"reference": facts.rows},
            "source": source,
            "measured_on": "reference" if plain else None,
        },
        trust=asked.trust,
    )
    return made, metrics


def _loaded(incoming: Incoming, asked: Asked) -> Model:
    source, signature = incoming.source, incoming.signature
    threshold = THRESHOLD if signature.task == "binary" else None
    if source.runtime in FOREIGN.names():
        given = Foreign(source.data, signature, incoming.params, asked.trust)
        loaded = FOREIGN.load(source.runtime)(given)
        return ForeignModel(signature, loaded, threshold=threshold)
    runtime = RUNTIMES.load(source.runtime)(source.data)
    return Model(signature, incoming.plan, runtime, threshold=threshold)


def _rows(asked: Asked, incoming: Incoming) -> Columns:
    """Return the reference's rows, thinned where they are very many.

    Raises:
        SignatureError: they do not fit the model; every column that does not is named.
    """
    if asked.reference is None:
        return {}
    table = asked.reference.table
    step = -(-table.height // _MOST_SCORED)
    found = columns(table.gather_every(step), incoming.signature)
    _check_nulls(found, incoming.signature)
    return found


def _check_nulls(found: Columns, signature: Signature) -> None:
    empty = [
        c.name
        for c in signature.inputs
        if not c.nullable and any(v is None or v != v for v in found[c.name].tolist())
    ]
    if empty:
        raise BundleError(
            f"the reference has nulls in {', '.join(empty)}, which the model does not take",
            hint="fill them, or leave those rows out; or package a Pipeline that fills them",
        )


def _checked_columns(rows: Columns, incoming: Incoming) -> Columns:
    found = rows or made_up(incoming.plan, incoming.signature)
    return {name: values[:_CHECKED] for name, values in found.items()}


def _samples(asked: Asked, signature: Signature) -> list[dict[str, Any]]:
    if asked.reference is None:
        return []
    return conform(asked.reference.table.head(_SAMPLES), signature, target=False).to_dicts()


def _measured(model: Model, asked: Asked, signature: Signature) -> dict[str, Interval]:
    """Return the metrics on the reference, where it has the true answers."""
    if asked.reference is None or asked.target is None:
        return {}
    table = asked.reference.table
    table = table[labelled_rows(table, asked.target).tolist()].tail(_MOST_MEASURED)
    if table.height < _FEWEST_MEASURED:
        return {}
    answers: Predictions = model.predict(columns(table, signature))
    if signature.task == "regression":
        decided: NDArray[Any] = answers.scores
    else:
        places = {label: i for i, label in enumerate(signature.classes)}
        decided = np.array([places[label] for label in answers.prediction])
    truth = target_codes(table, signature)
    scores = None if signature.task == "regression" else np.clip(answers.scores, 0.0, 1.0)
    return bootstrap_metrics(signature.task, truth, decided, scores, repeats=_REPEATS)
