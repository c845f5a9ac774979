"""What a caller may have of a prediction: the label, its probability, or both."""

from __future__ import annotations

from typing import Any, Literal, get_args

from mlwright.bundle import schema
from mlwright.core.signature import Label, Signature

from ..application import Predicted
from .bodies import shape

Output = Literal["both", "prediction", "probability"]


def output_of(params: Any, signature: Signature, field: str) -> Output:
    """Return what an object of parameters asks for; without `output` it is both.

    Raises:
        Refused: 422 for another parameter, or a probability that the model does not have.
    """
    if params is None:
        return "both"
    if not isinstance(params, dict):
        raise shape(field, "must be an object")
    for name in params:
        if name != "output":
            raise shape(f"{field}.{name}", "is no parameter of this model; there is output")
    found = params.get("output", "both")
    if not isinstance(found, str) or found not in get_args(Output):
        raise shape(f"{field}.output", "must be both, prediction or probability")
    if found == "probability" and signature.task == "regression":
        raise shape(
            f"{field}.output", "must be both or prediction: a regression has no probability"
        )
    return found  # type: ignore[return-value]


def outputs(predicted: Predicted, wanted: Output, *, of_predicted: bool = False) -> list[Any]:
    """Return one value a row: the label, the probability, or an object of both.

    The probability is of the positive class; with more than two classes it is an object of all,
    or in "both" that of the predicted class alone where `of_predicted` says so.
    """
    if wanted == "prediction":
        return list(predicted.labels)
    if wanted == "probability":
        return probabilities(predicted)
    if predicted.signature.task == "regression":
        return [{"prediction": each} for each in predicted.labels]
    many = predicted.signature.task == "multiclass"
    shares = [max(each) for each in predicted.scores] if many and of_predicted else None
    return [
        {"prediction": label, "probability": share}
        for label, share in zip(predicted.labels, shares or probabilities(predicted), strict=True)
    ]


def probabilities(predicted: Predicted) -> list[Any]:
    """Return P(positive) of each row, or an object of class to probability."""
    if predicted.signature.task == "binary":
        return predicted.scores
    names = [schema.named(each) for each in predicted.signature.classes]
    return [dict(zip(names, each, strict=True)) for each in predicted.scores]


def output_schema(signature: Signature, *, of_predicted: bool = False) -> dict[str, Any]:
    """Return the schema of one value of `outputs`."""
    label = schema.label(signature)
    if signature.task == "regression":
        return {"anyOf": [{"type": "object", "properties": {"prediction": label}}, label]}
    every = schema.probability(signature)
    shown = {"type": "number"} if of_predicted and signature.task == "multiclass" else every
    both = {
        "type": "object",
        "properties": {"prediction": label, "probability": shown},
        "required": ["prediction", "probability"],
    }
    return {"anyOf": [both, label, every]}


def params_schema(signature: Signature) -> dict[str, Any]:
    """Return the schema of the parameters that `output_of` reads."""
    known = ["both", "prediction", "probability"]
    words = known[:2] if signature.task == "regression" else known
    return {
        "type": ["object", "null"],
        "properties": {"output": {"enum": words}},
        "additionalProperties": False,
    }


def csv_cell(value: Label) -> str:
    """Return a label as text: a boolean as JSON has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
