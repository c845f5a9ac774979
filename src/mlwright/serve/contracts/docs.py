"""`/openapi.json`, and `/docs`: a page that shows it, with a form to try each route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from ..answers import Answer, Refused, encode
from ..application import Call, Health, Route
from .described import Described, Subject
from .openapi import document
from .page import page

SAFE = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
)


class Docs:
    """Describes the other contracts."""

    def __init__(self, subject: Subject, contracts: Sequence[Described]) -> None:
        written = document(subject, contracts)
        self._document = Answer(200, encode(written))
        html = page(f"{subject.model}:{subject.version}", written)
        self._page = Answer(200, html.encode(), SAFE, b"text/html; charset=utf-8")

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return the two routes."""
        return {
            ("GET", "/openapi.json"): partial(_same, self._document),
            ("GET", "/docs"): partial(_same, self._page),
        }

    def health(self) -> Mapping[str, Health]:
        """Return nothing: these pages do not tell of health."""
        return {}

    def refusal(self, refused: Refused) -> Answer:
        """Return a refusal in our own shape."""
        return refused.answer()


def _same(answer: Answer, _: Call) -> Answer:
    return answer
