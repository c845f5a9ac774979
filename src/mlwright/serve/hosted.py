"""Where a platform that hosts containers puts the model, and which port it wants answered.

SageMaker starts the image with the argument `serve`, the model under `/opt/ml/model`, and asks on
port 8080; Vertex AI sets `AIP_HTTP_PORT`, Azure ML `AZUREML_MODEL_DIR`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlwright.core.errors import ConfigError, NotFound

MODEL = Path("/opt/ml/model")
PORT = 8080
_MANIFEST = "bundle.json"
_DEEP = 3


def hosted_port(environment: Mapping[str, str]) -> int | None:
    """Return the port that the platform wants answered, or None where there is no platform.

    Raises:
        ConfigError: it is no port.
    """
    for name in ("AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT"):
        text = environment.get(name)
        if text is None:
            continue
        if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
            raise ConfigError(f"{name} is no port: {text!r}", hint="set it from 1 to 65535")
        return int(text)
    return None


def hosted_model(environment: Mapping[str, str], *, folder: Path = MODEL) -> Path:
    """Return the bundle that the platform put there, at most three folders deep.

    Raises:
        NotFound: there is no bundle, or more than one.
    """
    given = environment.get("AZUREML_MODEL_DIR")
    root = Path(given) if given else folder
    for depth in range(_DEEP + 1):
        found = sorted(path.parent for path in root.glob("*/" * depth + _MANIFEST))
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFound(
                f"{root} holds {len(found)} bundles",
                hint="put one there, or name one: mlwright serve FOLDER",
            )
    raise NotFound(
        f"no MODEL is named, and {root} holds no bundle",
        hint="name a model or a bundle's folder: mlwright serve churn",
    )
