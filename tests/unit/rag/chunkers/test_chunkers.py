"""What every chunker keeps to: exact spans, no text lost, the size kept, stable names."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlwright.core.errors import ConfigError, UnknownBackend
from mlwright.rag.chunkers import CHUNKERS, open_chunker
from mlwright.rag.config import Chunking
from mlwright.rag.loaders.markdown import sections_of
from mlwright.rag.records import Document, Section

STRATEGIES = ["fixed", "recursive", "semantic", "structure"]


def words(text: str) -> int:
    """A token is three characters of a word."""
    return sum(-(-len(word) // 3) for word in text.split())


def embed(texts):
    """A vector by the letters of a text."""
    counts = np.array([[1 + text.count(letter) for letter in "aceinostwx"] for text in texts])
    return (counts / np.linalg.norm(counts, axis=1, keepdims=True)).astype(np.float32)


PIECES = st.sampled_from(
    [
        "word ",
        "Sentence ends. ",
        "\n",
        "\n\n",
        "# Heading\n",
        "## Below\n",
        "x" * 90,
        "。",
        "\t",
        "é́ ",
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=60).map("".join), st.text(max_size=300))


def document(text: str, sections: tuple[Section, ...] | None = None) -> Document:
    found = tuple(sections_of(text)) if sections is None else sections
    return Document("d", "d.md", "T", text, found, {"a": 1})


@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(max_examples=150, deadline=None)
@given(
    text=TEXTS,
    size=st.integers(16, 60),
    share=st.floats(0, 0.5),
    unit=st.sampled_from(["characters", "tokens"]),
)
def test_no_text_is_lost_and_every_span_is_exact(strategy, text, size, share, unit):
    config = Chunking(strategy=strategy, size=size, overlap=int(size * share), unit=unit)
    chunks = list(open_chunker(config, words, embed).chunks(document(text)))
    measure = len if unit == "characters" else words
    covered = bytearray(len(text))
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.text == chunk.text.strip() != ""
        assert measure(chunk.text) <= size
        covered[chunk.start : chunk.end] = b"\1" * (chunk.end - chunk.start)
    lost = [text[i] for i in range(len(text)) if not covered[i] and not text[i].isspace()]
    assert not lost
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    assert [c.start for c in chunks] == sorted(c.start for c in chunks)
    again = list(open_chunker(config, words, embed).chunks(document(text)))
    assert again == chunks


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_overlap_repeats_whole_words_and_no_more_than_asked(strategy):
    text = " ".join(f"word{i:03}" for i in range(200))
    config = Chunking(strategy=strategy, size=100, overlap=30)
    chunks = list(open_chunker(config, None, embed).chunks(document(text, ())))
    for one, two in itertools.pairwise(chunks):
        repeated = text[two.start : one.end]
        assert re.fullmatch(r"(word\d+ ?){2,3}", repeated)
        assert len(repeated) <= 30


def test_paragraphs_stay_whole_where_they_fit():
    text = "First paragraph, of two sentences. Here.\n\nSecond one is here.\n\nThird."
    config = Chunking(size=50, overlap=0)
    found = [chunk.text for chunk in open_chunker(config, None, embed).chunks(document(text, ()))]
    assert found == ["First paragraph, of two sentences. Here.", "Second one is here.\n\nThird."]


def test_structure_keeps_headings_apart_and_joins_what_is_small():
    text = f"# A\n{'a ' * 60}\n# B\nshort\n## B1\nshort too\n# C\nend\n"
    config = Chunking(strategy="structure", size=100, overlap=0)
    found = list(open_chunker(config, None, embed).chunks(document(text)))
    assert [chunk.headings for chunk in found] == [("A",), ("A",), ("B",), ("C",)]
    assert found[2].text == "# B\nshort\n## B1\nshort too"
    assert found[2].context == "T > B"


def test_structure_does_not_cross_a_page():
    sections = (Section((), 0, 10, 1), Section((), 10, 20, 2))
    config = Chunking(strategy="structure", size=100, overlap=20)
    found = list(
        open_chunker(config, None, embed).chunks(document("one page. two page..", sections))
    )
    assert [(chunk.text, chunk.page) for chunk in found] == [("one page.", 1), ("two page..", 2)]


def test_a_chunk_knows_its_document():
    (chunk,) = open_chunker(Chunking(context=False), None).chunks(document("text", ()))
    assert (chunk.document, chunk.source, chunk.title, chunk.metadata) == (
        "d",
        "d.md",
        "T",
        {"a": 1},
    )
    assert chunk.embedded == "text"


def test_one_long_line_takes_no_long_time():
    config = Chunking(size=100, overlap=20)
    for text in ("x" * 300_000, "a. " * 100_000, "\n" * 300_000):
        assert sum(1 for _ in open_chunker(config, None, embed).chunks(document(text, ()))) < 8_000


def test_an_unknown_strategy_is_named():
    with pytest.raises(UnknownBackend, match="no chunker named 'recursiv'; did you mean"):
        open_chunker(Chunking(strategy="recursiv"), None)
    assert CHUNKERS.names() == STRATEGIES


CATS = [f"Cats and kittens purr near sofa number {i}." for i in range(6)]
SHIPS = [f"Vessels cross wide oceans under flag {i}." for i in range(6)]


def by_subject(texts):
    rows = [[1.0, 0.1] if "Cats" in text else [0.1, 1.0] for text in texts]
    return (np.array(rows) / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_a_semantic_cut_is_where_the_subject_changes():
    text = " ".join(CATS + SHIPS)
    config = Chunking(strategy="semantic", size=400, overlap=0)
    chunks = list(open_chunker(config, None, by_subject).chunks(document(text, ())))
    assert [chunk.text for chunk in chunks] == [" ".join(CATS), " ".join(SHIPS)]


def test_what_fits_is_neither_cut_nor_embedded():
    def never(texts):
        raise AssertionError("embedded")

    config = Chunking(strategy="semantic", size=1000)
    (chunk,) = open_chunker(config, None, never).chunks(document(" ".join(CATS + SHIPS), ()))
    assert chunk.text.endswith("flag 5.")


def test_semantic_chunks_need_an_embedder():
    with pytest.raises(ConfigError, match="semantic needs an embedder, and there is none here"):
        open_chunker(Chunking(strategy="semantic"), None)
