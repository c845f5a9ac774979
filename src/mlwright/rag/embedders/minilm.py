"""all-MiniLM-L6-v2 in ONNX Runtime: 384 numbers a text, of its first 256 tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mlwright.core.backends import require
from mlwright.core.errors import BundleError

from ..config_finding import Embedding
from ..records import Role
from ..vectors import Vectors
from .weights import find_tokenizer, find_weights

_PADDED_TOKENS = 2048
"""Most tokens of a batch, filler counted: more gains nothing and takes memory."""

_MOST_CHARACTERS = 20_000
_SAVES_FILLER = 1.15
_WORTH_A_CALL = 8


def open_embedder(settings: Embedding, kept: Path) -> MiniLM:
    """Open MiniLM with the weights that `find_weights` finds."""
    weights = find_weights(settings, kept)
    return MiniLM(weights.path, find_tokenizer(kept), f"minilm@{weights.sha256[:12]}")


class MiniLM:
    """A BERT in ONNX with mean pooling; `name` has the beginning of the weights' SHA-256."""

    dimension = 384
    max_tokens = 256

    def __init__(self, weights: Path, tokenizer: Path, name: str, *, threads: int = 0) -> None:
        self.name = name
        library = require("tokenizers", extra="rag", needed_by="the embedder 'onnx'")
        self._words = library.Tokenizer.from_file(str(tokenizer))
        self._words.no_truncation()
        self._words.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                str(weights), options, providers=["CPUExecutionProvider"]
            )
        except Exception as exc:  # onnxruntime raises a class a failure, all direct children
            raise BundleError(
                f"{weights} cannot be read as an ONNX model", hint="fetch the weights again"
            ) from exc
        self._inputs = [each.name for each in self._session.get_inputs()]
        self._given_back = onnxruntime.RunOptions()  # else memory grows with each shape of a batch
        self._given_back.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def embed(self, texts: Sequence[str], role: Role) -> Vectors:
        """Return float32 (n, 384), each row of length 1; both roles are read alike."""
        found = np.zeros((len(texts), self.dimension), dtype=np.float32)
        tokens = [each.ids for each in self._words.encode_batch_fast(list(map(_clean, texts)))]
        tokens = [
            ids if len(ids) <= self.max_tokens else _cut(ids, self.max_tokens) for ids in tokens
        ]
        for rows in _batches([len(ids) for ids in tokens]):
            found[rows] = self._run([tokens[row] for row in rows])
        return found

    def tokens(self, text: str) -> int:
        """Return how many tokens the text has, the two around every text not counted."""
        return len(self._words.encode(_whole(text), add_special_tokens=False).ids)

    def _run(self, tokens: list[list[int]]) -> Vectors:
        longest = max(map(len, tokens))
        ids = np.zeros((len(tokens), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, (numbers, known) in enumerate(zip(tokens, mask, strict=True)):
            ids[row, : len(numbers)] = numbers
            known[: len(numbers)] = 1
        feed: dict[str, NDArray[Any]] = {
            "input_ids": ids,
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(ids),
        }
        options = self._given_back if len(tokens) > 1 else None  # one text alone wants little
        states = self._session.run(None, {name: feed[name] for name in self._inputs}, options)[0]
        pooled = np.einsum("btd,bt->bd", states, mask.astype(np.float32))
        return np.asarray(pooled / np.linalg.norm(pooled, axis=1, keepdims=True), dtype=np.float32)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield rows of much the same length together, so that little filler is computed."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        full = lengths[row] * (len(batch) + 1) > _PADDED_TOKENS
        longer = len(batch) >= _WORTH_A_CALL and lengths[row] > lengths[batch[0]] * _SAVES_FILLER
        if batch and (full or longer):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _cut(ids: list[int], most: int) -> list[int]:
    return [*ids[: most - 1], ids[-1]]


def _clean(text: str) -> str:
    return _whole(text[:_MOST_CHARACTERS])


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # no half of a surrogate pair
