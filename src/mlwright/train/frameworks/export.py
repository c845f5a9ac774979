"""Write a network of PyTorch as an ONNX graph, the same bytes for the same network."""

from __future__ import annotations

from typing import Any

import torch

from mlwright.core.backends import require

_TRACED_WITH = 4


def graph_of(network: Any, longest: int) -> bytes:
    """Return the graph of a network on one text: `tokens` (1, up to `longest`) to `scores`.

    Raises:
        MissingExtra: the library `onnxscript` is not installed.
    """
    require("onnxscript", extra="transformer", needed_by="algorithm 'transformer'")
    size = min(_TRACED_WITH, longest)
    program = torch.onnx.export(
        network,
        (torch.ones((1, size), dtype=torch.int64),),
        input_names=["tokens"],
        output_names=["scores"],
        dynamo=True,
        dynamic_shapes={"tokens": {1: torch.export.Dim("length", min=1, max=longest)}},
        verbose=False,
    )
    model = program.model_proto
    _strip(model)
    return bytes(model.SerializeToString(deterministic=True))


def _strip(model: Any) -> None:
    """Leave out what speaks of this machine: where code lay, and who wrote it."""
    model.ClearField("metadata_props")
    model.ClearField("doc_string")
    for part in (model.graph, *model.functions):
        for each in (part, *part.node, *part.value_info):
            each.ClearField("metadata_props")
            each.ClearField("doc_string")
    for each in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        each.ClearField("metadata_props")
        each.ClearField("doc_string")
