"""The tokenizer of BERT's uncased English models, from the word list that comes with us.

`minilm_vocabulary.txt` is the vocabulary of BERT uncased (Google, Apache-2.0), as MiniLM has it.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from mlwright.core.backends import require


@cache
def wordpieces() -> Any:
    """Return the tokenizer, which neither cuts nor fills up."""
    library = require("tokenizers", extra="rag", needed_by="the embedder 'onnx'")
    text = (files(__package__) / "minilm_vocabulary.txt").read_text("utf-8")
    words = {word: number for number, word in enumerate(text.rstrip("\n").split("\n"))}
    made = library.Tokenizer(
        library.models.WordPiece(words, unk_token="[UNK]", max_input_chars_per_word=100)  # noqa: S106
    )
    made.normalizer = library.normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
    made.post_processor = library.processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", words["[CLS]"]), ("[SEP]", words["[SEP]"])],
    )
    return made
