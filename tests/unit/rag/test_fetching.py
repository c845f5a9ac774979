"""Pages are fetched from the list alone, within bounds; redirects do not lead off it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlwright.core.errors import DataError
from mlwright.rag.config import Documents, RagConfig
from mlwright.rag.fetching import check_allowed, fetched
from mlwright.rag.index import Index
from mlwright.rag.ingest import build
from mlwright.rag.sources import Skipped


class Pages(BaseHTTPRequestHandler):
    def do_GET(self):
        sent = {
            "/docs/a.md": ("text/markdown", b"# A page\n\nOf text.\n"),
            "/docs/plain": ("text/plain; charset=utf-8", b"Plain."),
            "/docs/big.txt": ("text/plain", b"x" * 5000),
            "/docs/image": ("image/png", b"x"),
        }
        if self.path in ("/docs/away", "/docs/stay"):
            self.send_response(302)
            self.send_header("location", "/secret" if self.path == "/docs/away" else "/docs/a.md")
            self.end_headers()
            return
        if self.path not in sent:
            self.send_error(404)
            return
        kind, body = sent[self.path]
        self.send_response(200)
        self.send_header("content-type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_fetched_and_what_is_not(site, tmp_path):
    names = ["a.md", "plain", "stay", "away", "big.txt", "image", "none.md"]
    documents = Documents(
        urls=(*(f"{site}/docs/{name}" for name in names), f"{site}/secret", "file:///etc/passwd"),
        allow=(f"{site}/docs",),
        max_bytes=1000,
    )
    found = dict(zip([*names, "secret", "file"], fetched(documents, tmp_path), strict=True))
    reasons = {name: s.reason for name, s in found.items() if isinstance(s, Skipped)}
    assert reasons == {
        "away": "is redirected to an address that is not on the list (documents.allow)",
        "big.txt": "has more than the 1,000 bytes that are allowed",
        "image": "no loader reads files without a suffix",
        "none.md": "answers 404",
        "secret": "is not on the list of allowed addresses (documents.allow)",
        "file": "is not on the list of allowed addresses (documents.allow)",
    }
    assert [found[n].loader for n in ("a.md", "plain", "stay")] == ["markdown", "text", "markdown"]


def test_a_page_becomes_a_document(site, workspace, making):
    documents = Documents(urls=(f"{site}/docs/a.md",), allow=(site,))
    build(workspace, RagConfig(name="kb", documents=documents), making=making)
    (chunk,) = Index.open(workspace, "kb").chunks()
    assert (chunk.source, chunk.title) == (f"{site}/docs/a.md", "A page")
    assert build(workspace, RagConfig(name="kb", documents=documents), making=making).unchanged == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://docs.example.org/a/x",
        "https://docs.example.org.evil.org/a/x",
        "https://docs.example.org:444/a/x",
        "https://docs.example.org/ab",
        "https://docs.example.org/a/../b",
        "https://docs.example.org/a/%2e%2E/b",
        "https://me@docs.example.org/a/x",
        "https://docs.example.org:port/a/x",
        "docs.example.org/a/x",
    ],
)
def test_what_only_looks_like_the_list_is_refused(url):
    with pytest.raises(DataError):
        check_allowed(url, ["https://docs.example.org/a/"])
