"""A language model as the judge of answers; its prompts are files, and their hash is told.

Each prompt asks for a list of verdicts, true or false; the score is the share of true ones. What is
no such list is unmeasured: it is never taken for a zero.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlwright.core.errors import RemoteError

from .llms.chain import Chain
from .prompts import Prompt, shipped
from .records import Usage
from .signals import context_precision

MEASURES = (
    "faithfulness",
    "answer_relevancy",
    "context_precision",
    "context_recall",
    "correctness",
)
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Judged:
    """What is judged; `reference` is "" where there is none."""

    question: str
    answer: str
    contexts: tuple[str, ...]
    reference: str = ""


class Unmeasured(Exception):
    """The judge gave no verdict; the text is the reason."""


class Judge:
    """Scores answers by a language model; `usage` sums what it took."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._prompts = {name: shipped(f"judge_{name}") for name in MEASURES}
        self.usage = Usage()

    @property
    def version(self) -> str:
        """Return the hash of all prompts, eight digits of it."""
        texts = "".join(self._prompts[name].sha256 for name in MEASURES)
        return hashlib.sha256(texts.encode()).hexdigest()[:8]

    def score(self, measure: str, judged: Judged) -> float:
        """Return the score, from 0 to 1.

        Raises:
            Unmeasured: the judge failed, or gave no verdict.
        """
        messages = _messages(self._prompts[measure], measure, judged)
        try:
            found = self._chain.complete(messages, {"temperature": 0.0, "max_tokens": 1000})
        except RemoteError:
            raise Unmeasured("the judge did not answer") from None
        self.usage = Usage(
            self.usage.prompt_tokens + found.usage.prompt_tokens,
            self.usage.completion_tokens + found.usage.completion_tokens,
        )
        verdicts = read_verdicts(found.text)
        if measure != "context_precision":
            return sum(verdicts) / len(verdicts)
        if len(verdicts) != len(judged.contexts):
            raise Unmeasured("the judge's verdicts are not one a document")
        return context_precision(verdicts) or 0.0


def read_verdicts(text: str) -> list[bool]:
    """Read a judge's verdicts; a fence of Markdown around them is no matter.

    Raises:
        Unmeasured: there are none.

    >>> read_verdicts('Here: {"verdicts": [true, false]}')
    [True, False]
    """
    found = _OBJECT.search(text)
    try:
        verdicts = json.loads(found.group())["verdicts"] if found else []
    except (ValueError, KeyError, TypeError):
        verdicts = []
    if not isinstance(verdicts, list) or not verdicts:
        raise Unmeasured("the judge gave no verdict")
    if not all(isinstance(each, bool) for each in verdicts):
        raise Unmeasured("the judge's verdicts are neither true nor false")
    return verdicts


def _messages(prompt: Prompt, measure: str, judged: Judged) -> list[dict[str, str]]:
    parts: Sequence[tuple[str, str]] = [
        ("Question", judged.question),
        *((f"Document {n}", text) for n, text in enumerate(judged.contexts, 1)),
        ("Answer", judged.answer),
        *([("Reference answer", judged.reference)] if judged.reference else []),
    ]
    data = "\n\n".join(f"{name}:\n{text}" for name, text in parts)
    fence = f"=== {hashlib.sha256((measure + data).encode()).hexdigest()[:16]} ==="
    return [
        {"role": "system", "content": prompt.text.replace("{fence}", fence)},
        {"role": "user", "content": f"{fence}\n{data}\n{fence}"},
    ]
