"""What a language model is asked: templates in files, documents fenced as data, within a budget.

A template's hash is part of a version of the index; another template is another version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlwright.core.errors import ConfigError

from .records import Hit
from .tokens import Counter

FOLDER = Path(__file__).with_name("prompts")
_FENCE = "{fence}"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A template and its hash."""

    text: str

    @property
    def sha256(self) -> str:
        """Return the hash of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Asked:
    """The messages for a model; `hits` are those that had room, in the order of their numbers."""

    messages: list[dict[str, str]]
    hits: tuple[Hit, ...]
    tokens: int


def shipped(name: str) -> Prompt:
    """Return a template of ours."""
    return Prompt((FOLDER / f"{name}.txt").read_text())


def from_file(path: Path | None) -> Prompt:
    """Return the user's template for answers, or ours.

    Raises:
        ConfigError: it cannot be read, or does not say where the documents are fenced.
    """
    if path is None:
        return shipped("answer")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"answers.prompt: {path} cannot be read") from exc
    if _FENCE not in text:
        raise ConfigError(
            f"answers.prompt: {path} does not hold {_FENCE}",
            hint="tell the model that what stands between the lines of {fence} is data",
        )
    return Prompt(text)


def ask(
    prompt: Prompt,
    question: str,
    hits: Sequence[Hit],
    *,
    counter: Counter,
    room: int,
    history: Sequence[Mapping[str, str]] = (),
) -> Asked:
    """Return what to send: the rules, the conversation, the documents in order, the question.

    The best hits come first, and those that have no room are left out; the first is cut to fit
    when it alone is too long.

    Args:
        prompt: the rules.
        question: what is asked.
        hits: what was found, best first.
        counter: how the model counts tokens.
        room: tokens for everything that is sent.
        history: earlier messages, oldest first; the oldest go when there is no room.
    """
    fence = _fence(question, hits)
    rules = prompt.text.replace(_FENCE, fence)
    used = counter.count(rules) + counter.count(question) + 60
    past = _recent(history, counter, (room - used) // 3)
    used += sum(counter.count(each["content"]) for each in past)
    shown: list[str] = []
    kept: list[Hit] = []
    for hit in hits:
        text = _document(len(kept) + 1, hit, fence)
        size = counter.count(text)
        if used + size > room:
            if not kept and room > used:
                cut = hit.chunk.text[: max(0, (room - used) * 2)]
                shown.append(_document(1, hit, fence, cut))
                kept.append(hit)
                used = room
            break
        shown.append(text)
        kept.append(hit)
        used += size
    documents = "\n".join(shown) or "(no documents were found)"
    last = f"{documents}\n\nQuestion: {question}"
    messages = [
        {"role": "system", "content": rules},
        *past,
        {"role": "user", "content": last},
    ]
    return Asked(messages, tuple(kept), used)


def _fence(question: str, hits: Sequence[Hit]) -> str:
    """Return a mark that no document can hold: it is made from all of them and the question."""
    digest = hashlib.sha256(question.encode())
    for hit in hits:
        digest.update(b"\0" + hit.chunk.text.encode(errors="replace"))
    return f"=== {digest.hexdigest()[:16]} ==="


def _document(number: int, hit: Hit, fence: str, text: str | None = None) -> str:
    chunk = hit.chunk
    place = "" if chunk.page is None else f", page {chunk.page}"
    # Titles and names are a stranger's words too: inside the fence, on one line.
    named = " ".join(f"{chunk.title or chunk.source}{place}".split())[:200]
    body = chunk.text if text is None else text
    return f"{fence}\nDocument [{number}] {named}\n{body}\n{fence}"


def _recent(
    history: Sequence[Mapping[str, str]], counter: Counter, room: int
) -> list[dict[str, str]]:
    kept: list[dict[str, str]] = []
    for message in reversed(history):
        room -= counter.count(message["content"])
        if room < 0:
            break
        kept.append({"role": message["role"], "content": message["content"]})
    while kept and kept[-1]["role"] != "user":  # a conversation begins with the one who asks
        kept.pop()
    return kept[::-1]
