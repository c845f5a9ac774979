"""The contracts that the server speaks: one file each, all of them at once on one port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlwright.core.signature import Signature

from ..application import Contract
from .azure import Azure
from .described import Described, Subject
from .docs import Docs
from .invocations import Invocations
from .plain import Plain
from .v2 import V2
from .vertex import Vertex

CONTRACTS: Mapping[str, type[Described]] = {
    "vertex": Vertex,
    "plain": Plain,
    "invocations": Invocations,
    "v2": V2,
    "azure": Azure,
}
"""In order: where two have a path in common, the earlier one has it.

Vertex comes first: its paths are the ones that the platform's environment variables name.
"""


def contracts(
    model: str,
    version: int,
    signature: Signature,
    *,
    samples: Sequence[Mapping[str, Any]] = (),
    environment: Mapping[str, str] | None = None,
) -> list[Contract]:
    """Return every contract for a model, and the pages that describe them.

    Args:
        model: the name of the model.
        version: its version.
        signature: what it takes and gives.
        samples: `Bundle.samples`; the first one becomes the example of every request.
        environment: variables by which a platform names its paths, such as `AIP_PREDICT_ROUTE`.
    """
    rows = [dict(sample["features"]) for sample in samples]
    subject = Subject(model, version, signature, rows, environment or {})
    built = [kind(subject) for kind in CONTRACTS.values()]
    return [*built, Docs(subject, built)]
