"""The page at `/` on which an index can be tried: one file that loads nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path
from string import Template

from mlwright.serve.answers import Answer

_PAGE = Path(__file__).with_name("chat.html")


def chat_page(title: str) -> Answer:
    """Return the page.

    Its policy lets the one script and the one style run that stand in it, by their hashes: what
    a document or a model says cannot run, even if it came to stand in the page as markup.
    """
    text = Template(_PAGE.read_text("utf-8")).substitute(title=html.escape(title))
    policy = (
        f"default-src 'none'; script-src {_hash(text, 'script')}; style-src {_hash(text, 'style')};"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = (
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    )
    return Answer(200, text.encode(), headers, b"text/html; charset=utf-8")


def _hash(text: str, tag: str) -> str:
    """Return how a policy names what stands between the two tags."""
    found = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    assert found  # noqa: S101  # it is our own file
    digest = hashlib.sha256(found.group(1).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
