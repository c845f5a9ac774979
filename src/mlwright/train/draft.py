"""All that a bundle is made of, gathered from a training."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from mlwright.bundle.calibration import Calibration
from mlwright.bundle.write import Draft
from mlwright.core.signature import Signature
from mlwright.data.schema import conform
from mlwright.profile.make import profile
from mlwright.stats.arrays import FloatArray
from mlwright.stats.bootstrap import bootstrap_metrics
from mlwright.stats.metrics import losses
from mlwright.stats.slices import worst_slices
from mlwright.train.calibrate import calibrate, cross_calibrated
from mlwright.train.candidate import Candidate
from mlwright.train.card import Facts, card
from mlwright.train.holdout import Judgement
from mlwright.train.result import plain
from mlwright.train.work import Work

_CHECKED_ROWS = 2000
_SAMPLES = 5
_LOOKED_AT = 10_000
_MEASURED_ROWS = 5_000
_REPEATS = 100
_REFERENCE_ROWS = 200


def draft(work: Work, model: Candidate, judged: Judgement) -> Draft:
    """Return the draft of the bundle, its card and its reference profile among it."""
    signature, data = work.schema.signature, work.data
    digest = work.tags["data_fingerprint"]
    kept = data.reference
    importance = model.importance()
    baselines = {name: found for name, found in judged.metrics.items() if name != model.algorithm}
    facts = Facts(
        name=work.name,
        signature=signature,
        algorithm=model.algorithm,
        params=model.params,
        rows=data.rows,
        fingerprint=digest,
        split=data.how,
        findings=work.schema.findings,
        metrics=judged.metrics[model.algorithm],
        baselines=baselines,
        gain=judged.gain,
        threshold=model.threshold,
        importance=importance,
        features=work.choices.features,
        rule=work.choices.threshold,
        calibration=work.choices.calibration,
        one_sided=model.one_sided,
        slices=worst_slices(
            data.sample.take(model.was_scored).columns,
            _losses(work, model),
            seed=work.problem.seed,
        ),
    )
    meaning, off = _meaning(work, model)
    return Draft(
        name=work.name,
        signature=signature,
        plan=model.plan,
        source=model.fitted.source(),
        algorithm=model.algorithm,
        profile=profile(
            {name: values[kept] for name, values in data.sample.columns.items()},
            signature,
            scores=_reference_scores(work, model, judged),
        ),
        card=card(facts),
        check_columns={n: values[:_CHECKED_ROWS] for n, values in data.sample.columns.items()},
        samples=_samples(data.table, signature),
        threshold=model.threshold,
        calibration=model.calibration,
        meaning=meaning,
        params=model.params,
        metrics={"holdout": plain(facts.metrics), **_on_training(work, model), **off},
        importance=importance,
        data={
            "fingerprint": digest,
            "rows": data.rows,
            "split": data.how,
            "seed": work.problem.seed,
            "findings": [finding.to_json() for finding in work.schema.findings],
            "choices": work.choices.to_json(),
            "gain": None if judged.gain is None else judged.gain.to_json(),
            "slices": facts.slices.to_json(),
            **({"one_sided": model.one_sided} if model.one_sided else {}),
            "baselines": {name: plain(found) for name, found in baselines.items()},
        },
    )


def _losses(work: Work, model: Candidate) -> FloatArray:
    """Return the loss of each training row that was scored by a model that had not seen it."""
    known = model.was_scored
    scores = _bounded(work, model.unseen_scores[known])
    return losses(work.problem.task, work.data.sample.target[known], scores)


def _samples(table: pl.DataFrame, signature: Signature) -> list[dict[str, Any]]:
    """Return the first rows that the model takes."""
    never_null = [column.name for column in signature.inputs if not column.nullable]
    fitted = conform(table.head(_LOOKED_AT), signature, target=False)
    return (fitted.drop_nulls(never_null) if never_null else fitted).head(_SAMPLES).to_dicts()


def _on_training(work: Work, model: Candidate) -> dict[str, dict[str, dict[str, float | int]]]:
    """Return the metrics of the rows that the model was fitted on, and of the same out of fold.

    How far the two lie apart is how far the model has memorised its rows.
    """
    target = work.data.sample.target
    known = np.flatnonzero(model.was_scored)
    some = np.linspace(0, len(known) - 1, min(len(known), _MEASURED_ROWS)).astype(int)
    few = known[np.unique(some)]
    seen = {name: values[few] for name, values in work.data.sample.columns.items()}
    parts = {"fit": model.scores(seen), "out_of_fold": model.unseen_scores[few]}
    found = {}
    for part, raw in parts.items():
        scores = _bounded(work, raw)
        task = work.problem.task
        given = None if task == "regression" else scores
        decided = model.decide(scores)
        found[part] = plain(bootstrap_metrics(task, target[few], decided, given, repeats=_REPEATS))
    return found


def _meaning(work: Work, model: Candidate) -> tuple[Calibration | None, dict[str, Any]]:
    """Return what scores that are not calibrated mean, and how far off that is on other rows."""
    task = work.problem.task
    known = np.flatnonzero(model.was_scored)
    if task == "regression" or model.calibration or len(known) < _REFERENCE_ROWS:
        return None, {}
    scores, target = _bounded(work, model.unseen_scores[known]), work.data.sample.target[known]
    meaning = calibrate("isotonic", target, scores, weights=None)
    parts = np.zeros(len(known), np.int64)
    crossed = cross_calibrated("isotonic", target, scores, fold=parts, weights=None)
    few = slice(_MEASURED_ROWS)
    decided = model.decide(scores[few])
    found = bootstrap_metrics(task, target[few], decided, crossed[few], repeats=_REPEATS)
    return meaning, {"meaning": plain({"ece": found["ece"]})}


def _bounded(work: Work, scores: FloatArray) -> FloatArray:
    return scores if work.problem.task == "regression" else np.clip(scores, 0.0, 1.0)


def _reference_scores(work: Work, model: Candidate, judged: Judgement) -> FloatArray:
    """Return the scores with which those in production will be compared.

    Those of the holdout, as this very model gave them. Models fitted on the folds score a little
    otherwise than the one fitted on all rows, so their scores stand in where the holdout is small.
    """
    if len(judged.scores) >= _REFERENCE_ROWS:
        return judged.scores
    both = work.data.reference & model.was_scored
    return model.unseen_scores[both if both.any() else model.was_scored]
