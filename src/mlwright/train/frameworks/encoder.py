"""A transformer's network: the encoder as it was pretrained, and a classifier on top of it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch import nn

from mlwright.core.errors import ConfigError
from mlwright.train.frameworks import Problem

Tokens = NDArray[np.int64]


class Scorer(nn.Module):  # type: ignore[misc, unused-ignore]
    """The encoder and its classifier, and what turns their output into scores."""

    def __init__(self, problem: Problem, center: float, scale: float) -> None:
        super().__init__()
        self.task = problem.task
        self.outputs = max(problem.classes, 1)
        self.width = problem.classes if problem.task == "multiclass" else 1
        self.center, self.scale = center, scale
        self.body = _loaded(base_of(problem), self.outputs)
        self.pad = self.body.config.pad_token_id

    def forward(self, tokens: Any, mask: Any = None) -> Any:
        """Return the scores of texts (n, length), in double precision (n, width)."""
        if mask is None:
            mask = torch.ones_like(tokens)
        output = self.logits(tokens, mask).double()
        if self.task == "regression":
            return output * self.scale + self.center
        shares = torch.softmax(output, dim=-1)
        return shares[:, 1:] if self.task == "binary" else shares

    def logits(self, tokens: Any, mask: Any) -> Any:
        """Return what the classifier says, (n, outputs)."""
        return self.body(input_ids=tokens, attention_mask=mask).logits

    def padded(self, texts: Sequence[Tokens]) -> tuple[Any, Any]:
        """Return texts filled up to the longest, and where they are not filled."""
        shape = len(texts), max(len(text) for text in texts)
        tokens, mask = np.full(shape, self.pad), np.zeros(shape, np.int64)
        for place, text in enumerate(texts):
            tokens[place, : len(text)], mask[place, : len(text)] = text, 1
        there = next(self.body.parameters()).device
        return torch.from_numpy(tokens).to(there), torch.from_numpy(mask).to(there)


def base_of(problem: Problem) -> Path:
    """Return the folder of the model to start from.

    Raises:
        ConfigError: none is given.
    """
    if problem.base is None:
        raise ConfigError(
            "transformer needs a model to start from",
            hint="--base FOLDER_OR_ID, or model.base in mlwright.yaml",
        )
    return Path(problem.base)


def _loaded(folder: Path, outputs: int) -> Any:
    try:
        body = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder,
            num_labels=outputs,
            ignore_mismatched_sizes=True,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            attn_implementation="eager",
            dtype=torch.float32,
        )
    except Exception as exc:  # whatever a foreign file leads to
        raise ConfigError(
            f"the base model in {folder} cannot be read: {_first_line(exc)}",
            hint="give an encoder that the library transformers knows, such as BERT; code that "
            "comes with a model is never run",
        ) from exc
    if body.config.pad_token_id is None:
        raise ConfigError(
            f"the base model in {folder} has no token to fill texts up with",
            hint="give an encoder, such as BERT; a model that writes text is none",
        )
    return body


def _first_line(exc: Exception) -> str:
    return next(iter(str(exc).splitlines()), "") or type(exc).__name__


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' bars and warnings off the terminal, for they are not of our fit."""
    from transformers.utils import logging as talk

    level, bar = talk.get_verbosity(), talk.is_progress_bar_enabled()
    talk.set_verbosity_error()
    talk.disable_progress_bar()
    loud = logging.getLogger("torch.onnx")
    before = loud.level
    loud.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            loud.setLevel(before)
            talk.set_verbosity(level)
            if bar:
                talk.enable_progress_bar()
