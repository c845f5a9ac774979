"""The encoding of the columns beside a model that takes the encoded matrix alone."""

from __future__ import annotations

from pathlib import Path

from mlwright.bundle.bundle import Bundle
from mlwright.core.files import write_json


def beside(bundle: Bundle, path: Path) -> Path:
    """Write the plan, its features and the signature as JSON beside a model's file or folder."""
    file = path.with_name(f"{path.name.partition('.')[0]}.plan.json")
    write_json(
        file,
        {
            "signature": bundle.signature.to_json(),
            "features": list(bundle.plan.features),
            "threshold": bundle.threshold,
            "calibration": bundle.calibration.to_json() if bundle.calibration else None,
            **bundle.plan.to_json(),
        },
    )
    return file


def note(file: Path) -> str:
    """Say what the file is for."""
    return f"the model takes encoded features; {file.name} says how columns become them"
