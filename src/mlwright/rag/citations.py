"""Checks what a language model cites, while it writes: numbers, quotations, links, images.

A reference is `[2 "words of document 2"]` or `[2]`. It stays as `[n]`, with the span of the words,
when document 2 was shown to the model and says those words (or, where nothing is quoted, when a
sentence of it shares the statement's words); else it is removed and counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .records import Citation, Hit
from .sentences import spans, terms

SUPPORT = 0.5
"""Share of a statement's words that a sentence must hold, where the model quoted nothing."""

_MARK = re.compile(
    r"\[\s*(?P<numbers>\d{1,3}(?:\s*,\s*\d{1,3})*)\s*(?:[,:]?\s*[\"“”«](?P<quote>[^\]]*?)[\"“”»])?\s*\]"
)
_OPEN = re.compile(r"\[\s*\d[^\]]{0,1500}$|\[\s*$")
_IMAGE = re.compile(r"!\[([^\]\n]*)\]\(\s*<?([^)\s>]*)>?[^)\n]*\)")
_LINK = re.compile(r"\[([^\]\n]*)\]\(\s*<?([^)\s>]*)>?[^)\n]*\)")
_REFERENCE = re.compile(r"!?\[([^\]\n]*)\]\[[^\]\n]*\]")
_URL = re.compile(
    r"(?:[a-z][a-z0-9+.-]{1,20}:)?//[^\s<>\"')\]]+|\b(?:data|javascript|mailto):\S+|\bwww\.\S+",
    re.I,
)
_TAG = re.compile(r"</?[a-zA-Z!][^<>]*>")
_HELD = re.compile(r"(?:!?\[[^\]\n]*(?:\](?:[(\[][^)\]\n]*)?)?|<[^<>\n]{0,500}|\S*)$")
_MOST_HELD = 2000


class Checker:
    """Takes an answer piece by piece, and gives on what is checked.

    `citations` are those found so far; `removed` counts references, links and images that went.
    """

    def __init__(self, hits: Sequence[Hit]) -> None:
        self._hits = hits
        self._known = "\n".join([each.chunk.text for each in hits] + [e.chunk.source for e in hits])
        self._held = ""
        self._given = ""
        self._numbers: dict[tuple[str, int, int], int] = {}
        self.citations: list[Citation] = []
        self.removed = 0

    def feed(self, piece: str) -> str:
        """Take a piece; return what may be shown now, which may be nothing yet."""
        self._held += piece
        cut = self._safe()
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._checked(ready)

    def end(self) -> str:
        """Return what was held back."""
        ready, self._held = self._held, ""
        return self._checked(ready)

    def _safe(self) -> int:
        """Return up to where nothing can change any more: no open reference, link, tag or word."""
        text = self._held
        places = [found.start() for found in (_OPEN.search(text), _HELD.search(text)) if found]
        cut = min([len(text), *places])
        for pattern in (_MARK, _IMAGE, _LINK, _TAG):
            for found in pattern.finditer(text):
                if found.start() < cut < found.end():
                    cut = found.start()
        while cut and text[cut - 1].isspace():  # it goes with a reference that is removed
            cut -= 1
        return len(text) if len(text) - cut > _MOST_HELD else cut

    def _checked(self, text: str) -> str:
        if not text:
            return ""
        text = self._without_links(text)
        out: list[str] = []
        at = 0
        for found in _MARK.finditer(text):
            before = text[at : found.start()]
            numbers = self._cited(found, self._given + "".join(out) + before)
            out.append(before if numbers else before.rstrip(" "))
            out += [f"[{number}]" for number in numbers]
            at = found.end()
        out.append(text[at:])
        done = "".join(out)
        self._given += done
        return done

    def _without_links(self, text: str) -> str:
        text = _IMAGE.sub(lambda found: self._link(found, ""), text)
        text = _LINK.sub(lambda found: self._link(found, found.group(1)), text)
        text = _REFERENCE.sub(self._reference, text)
        text = _TAG.sub(self._tag, text)
        return _URL.sub(self._address, text)

    def _link(self, found: re.Match[str], instead: str) -> str:
        if self._is_known(found.group(2)):
            return found.group()
        self.removed += 1
        return instead

    def _reference(self, found: re.Match[str]) -> str:
        if _MARK.fullmatch(f"[{found.group(1)}]"):  # [1][2] are two citations
            return found.group()
        self.removed += 1
        return found.group(1)

    def _tag(self, found: re.Match[str]) -> str:
        if found.group() in self._known:
            return found.group()
        self.removed += 1
        return ""

    def _address(self, found: re.Match[str]) -> str:
        address = found.group().rstrip(".,;:!?")
        if self._is_known(address):
            return found.group()
        self.removed += 1
        return "(link removed)" + found.group()[len(address) :]

    def _is_known(self, address: str) -> bool:
        """Say whether the address stands in a source, whole: not as the beginning of another."""
        if not address or re.match(r"(?i)javascript:|data:", address):
            return False
        return bool(re.search(re.escape(address) + r"(?=$|[\s<>\"')\],.;:!?])", self._known))

    def _cited(self, found: re.Match[str], before: str) -> list[int]:
        quote = found.group("quote")
        numbers = []
        for text in found.group("numbers").split(","):
            place = int(text) - 1
            span = None
            if 0 <= place < len(self._hits):
                words = self._hits[place].chunk.text
                span = find_quote(words, quote) if quote else supporting(words, _statement(before))
            if span is None:
                self.removed += 1
            else:
                numbers.append(self._number(self._hits[place], span))
        return numbers

    def _number(self, hit: Hit, span: tuple[int, int]) -> int:
        key = (hit.chunk.id, *span)
        if key not in self._numbers:
            self._numbers[key] = len(self.citations) + 1
            self.citations.append(citation(len(self.citations) + 1, hit, span))
        return self._numbers[key]


def citation(number: int, hit: Hit, span: tuple[int, int]) -> Citation:
    """Return the citation of a span of a hit's text; its offsets are those of the document."""
    chunk = hit.chunk
    start, end = span
    return Citation(
        number,
        chunk.id,
        chunk.source,
        chunk.title,
        chunk.page,
        chunk.start + start,
        chunk.start + end,
        chunk.text[start:end],
    )


_SAME: Mapping[str, str] = {
    "\u201c": '"',
    "\u201d": '"',
    "\u2018": "'",
    "\u2019": "'",
    "\u2013": "-",
    "\u2014": "-",
    "\u00ad": "",
}


def find_quote(text: str, quote: str) -> tuple[int, int] | None:
    """Return the span where a text says these words, or None.

    White space, the case of letters and the shape of quotation marks and dashes may differ; an
    ellipsis at either end is left out. A quotation has at least two words, or ten characters.

    >>> find_quote("Refunds take  14 days.", "refunds take 14 days")
    (0, 21)
    """
    wanted = quote.strip().strip(".…").strip()
    if len(wanted) < 10 and len(wanted.split()) < 2:
        return None
    parts = [re.escape(_plain(word)) for word in wanted.split()]
    plain, places = _plain_with_places(text)
    found = re.search(r"\s+".join(parts), plain)
    if found is None:
        return None
    return places[found.start()], places[found.end() - 1] + 1


def supporting(text: str, statement: str, *, least: float = SUPPORT) -> tuple[int, int] | None:
    """Return the sentence of a text that shares most of a statement's words, or None.

    >>> supporting("We sell books. Refunds take 14 days.", "A refund takes 14 days")
    (15, 36)
    """
    wanted = set(terms(statement))
    if not wanted:
        return None
    best, span = 0.0, None
    for start, end in spans(text):
        share = len(wanted & set(terms(text[start:end]))) / len(wanted)
        if share > best:
            best, span = share, (start, end)
    return span if best >= least else None


def _statement(before: str) -> str:
    """Return the statement that a reference ends: the last sentence, without its other marks."""
    bare = _MARK.sub("", before).rstrip()
    found = list(spans(bare))
    return bare[found[-1][0] :] if found else ""


def _plain(text: str) -> str:
    return "".join(
        _SAME.get(each, each.lower() if len(each.lower()) == 1 else each) for each in text
    )


def _plain_with_places(text: str) -> tuple[str, list[int]]:
    plain: list[str] = []
    places: list[int] = []
    for place, each in enumerate(text):
        made = _plain(each)
        if made:
            plain.append(made)
            places.append(place)
    return "".join(plain), places
