"""A cross-encoder in ONNX Runtime: a folder with `model.onnx` and `tokenizer.json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tokenizers

from mlwright.core.errors import BundleError, ConfigError
from mlwright.core.files import sha256

from ..config_finding import Rerank
from ..vectors import Vectors

_TOKENS = 512
_BATCH = 16


def open_reranker(settings: Rerank) -> CrossEncoder:
    """Open the model in the folder `rerank.path`, whose SHA-256 is `rerank.sha256`.

    Raises:
        ConfigError: the path or the SHA-256 is missing, or the file is another one.
        BundleError: a file cannot be read.
    """
    if settings.path is None:
        raise ConfigError(
            "retrieval.rerank.path: is missing",
            hint="name a folder that holds model.onnx and tokenizer.json",
        )
    model = settings.path / "model.onnx"
    found = sha256(model) if model.is_file() else ""
    if not found:
        raise ConfigError(
            f"retrieval.rerank.path: {settings.path} holds no model.onnx",
            hint="name a folder that holds model.onnx and tokenizer.json",
        )
    if settings.sha256 is None or not found.startswith(settings.sha256):
        raise ConfigError(
            f"retrieval.rerank.sha256: {model} has the SHA-256 {found}, which is not the one that"
            " is configured",
            hint=f"if you trust the file, write rerank.sha256: {found}",
        )
    return CrossEncoder(settings.path)


class CrossEncoder:
    """A model that reads question and text as a pair, and gives one number."""

    def __init__(self, folder: Path) -> None:
        try:
            self._words = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._session = onnxruntime.InferenceSession(
                str(folder / "model.onnx"), providers=["CPUExecutionProvider"]
            )
        except Exception as exc:  # both libraries raise what has no narrower class
            raise BundleError(
                f"{folder} holds no cross-encoder that can be read",
                hint="it needs model.onnx and tokenizer.json",
            ) from exc
        self._words.enable_truncation(_TOKENS)  # of the longer one
        self._words.enable_padding()
        self._inputs = [each.name for each in self._session.get_inputs()]

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """Return a score a text, higher is better; the scale is the model's own."""
        parts = [self._batch(query, texts[i : i + _BATCH]) for i in range(0, len(texts), _BATCH)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)

    def _batch(self, query: str, texts: Sequence[str]) -> Vectors:
        read = self._words.encode_batch([(query, text) for text in texts])
        feed: dict[str, Any] = {
            "input_ids": np.array([each.ids for each in read], dtype=np.int64),
            "attention_mask": np.array([each.attention_mask for each in read], dtype=np.int64),
            "token_type_ids": np.array([each.type_ids for each in read], dtype=np.int64),
        }
        scores = self._session.run(None, {name: feed[name] for name in self._inputs})[0]
        return np.asarray(scores, dtype=np.float32).reshape(len(texts), -1)[:, -1]
