"""The `MLmodel` file, by which MLflow loads a bundle as a `pyfunc` model."""

from __future__ import annotations

import json
import platform
from typing import Any

import yaml

from mlwright.core.signature import Kind, Signature

# MLflow refuses integers where a double is asked for, and nulls where a boolean is; so it is told
# to pass those on, and `bundle.pyfunc` checks them.
_TYPES: dict[Kind, str] = {
    "number": "any",
    "category": "string",
    "boolean": "any",
    "text": "string",
}


def mlmodel(signature: Signature) -> str:
    """Return the text of the file. It holds no time, so that equal bundles are equal bytes."""
    inputs = [_column(column.name, _TYPES[column.kind]) for column in signature.inputs]
    flavor = {
        "loader_module": "mlwright.bundle.pyfunc",
        "python_version": platform.python_version(),
    }
    return yaml.safe_dump(
        {
            "flavors": {"python_function": flavor},
            "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(_outputs(signature))},
        },
        sort_keys=False,
    )


def _outputs(signature: Signature) -> list[dict[str, Any]]:
    kinds = {str: "string", bool: "boolean", int: "long", float: "double"}
    label = kinds[type(signature.classes[0])] if signature.classes else "double"
    outputs = [_column("prediction", label)]
    if signature.task != "regression":
        outputs.append(_column("probability", "double"))
    return outputs


def _column(name: str, kind: str) -> dict[str, Any]:
    return {"type": kind, "name": name, "required": True}
