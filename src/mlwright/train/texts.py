"""The columns that a transformer reads, and their tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from mlwright.bundle.tokens import NO_TOKEN, TokensStep
from mlwright.core.errors import ConfigError, DataError
from mlwright.core.signature import Column, Signature
from mlwright.data.schema import Finding, Schema
from mlwright.train.choices import Choices
from mlwright.train.pretrained import longest, pretrained, tokenizer_of

_FEWEST_TOKENS = 4


def only_texts(schema: Schema, choices: Choices) -> Schema:
    """Return the schema with the texts as its only inputs: columns of words, or chosen as tfidf.

    Raises:
        ConfigError: features are to be derived, which a transformer does not read.
        DataError: there is no text.
    """
    if choices.features:
        raise ConfigError(
            "model.features: a transformer reads texts, and no numbers made of other columns",
            hint="leave model.features out, or take another algorithm",
        )
    signature = schema.signature
    texts = tuple(
        replace(column, kind="text")
        for column in signature.inputs
        if column.kind == "text" or _named(column, choices)
    )
    if not texts:
        raise DataError(
            "a transformer reads texts, and the table has no column of them",
            hint="say which one it is: model.columns: {COLUMN: {encode: tfidf}}",
        )
    names = {column.name for column in texts}
    left = [column.name for column in signature.inputs if column.name not in names]
    findings = (*schema.findings, *(Finding("no_text", name, 1.0, "left out") for name in left))
    return replace(schema, signature=replace(signature, inputs=texts), findings=findings)


def tokens(
    columns: Mapping[str, NDArray[Any]], signature: Signature, choices: Choices
) -> tuple[TokensStep, ...]:
    """Return a step for each text, as long as its longest row, or as its share of the most.

    Raises:
        ConfigError: the base model cannot be read, or reads too few tokens for so many texts.
    """
    folder = pretrained(str(choices.base))
    most = min(choices.max_tokens, longest(folder)) // len(signature.inputs)
    if most < _FEWEST_TOKENS:
        raise ConfigError(
            f"{len(signature.inputs)} texts share {choices.max_tokens} tokens, which is too little "
            "for each",
            hint="give model.max_tokens a larger number, or train on fewer columns of text",
        )
    tokenizer = tokenizer_of(folder)
    return tuple(
        _fitted(TokensStep(column.name, tokenizer, most), columns[column.name])
        for column in signature.inputs
    )


def _fitted(step: TokensStep, values: NDArray[Any]) -> TokensStep:
    used = (step.encode(values) != NO_TOKEN).sum(axis=1)
    return replace(step, length=max(int(used.max(initial=0)), _FEWEST_TOKENS))


def _named(column: Column, choices: Choices) -> bool:
    choice = choices.columns.get(column.name)
    return column.kind == "category" and choice is not None and choice.encode == "tfidf"
