"""Files that are broken, hostile or no files: each is listed with its reason, the rest is read."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from mlwright.rag import reader, sources
from mlwright.rag.config import Documents, RagConfig
from mlwright.rag.index import Index
from mlwright.rag.ingest import build

pytest.importorskip("kreuzberg")
pytest.importorskip("pypdfium2")

LOCKED = b"""%%PDF-1.4
1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj
2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj
3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>> endobj
4 0 obj <</Filter/Standard/V 1/R 2/P -4/O<%b>/U<%b>>> endobj
trailer <</Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]/Size 5>>
%%%%EOF""" % (b"61" * 32, b"62" * 32)


def write_bomb(path: Path, megabytes: int) -> None:
    """Write a small Word document whose text is that large."""
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types">'
            f'<Override PartName="/word/document.xml" ContentType="{kind}"/></Types>',
        )
        file.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{office}" Target="word/document.xml"/></Relationships>',
        )
        with file.open("word/document.xml", "w") as out:
            out.write(f'<w:document xmlns:w="{space}"><w:body>'.encode())
            for _ in range(megabytes):
                out.write(b"<w:p><w:r><w:t>" + b"bomb " * 200_000 + b"</w:t></w:r></w:p>")
            out.write(b"</w:body></w:document>")


def reasons(workspace, docs, making) -> dict[str, str]:
    config = RagConfig(name="kb", documents=Documents(path=docs, timeout=30))
    built = build(workspace, config, making=making)
    assert built.documents == 3
    return {skipped.path: skipped.reason for skipped in built.skipped}


def test_what_is_no_file_is_listed(workspace, docs, making, tmp_path):
    (tmp_path / "secret.txt").write_text("Not for you.")
    (docs / "link.txt").symlink_to(tmp_path / "secret.txt")
    (docs / "loop").symlink_to(docs)
    os.mkfifo(docs / "pipe.txt")
    Path(os.fsdecode(os.fsencode(docs / "bad") + b"\xff.txt")).write_text("Odd name.")
    (docs / "line\nbreak.txt").write_text("Odd name.")
    assert reasons(workspace, docs, making) == {
        "bad\N{REPLACEMENT CHARACTER}.txt": "has a name that is no readable text",
        "line\N{REPLACEMENT CHARACTER}break.txt": "has a name that is no readable text",
        "link.txt": "is a link, and links are not followed",
        "loop": "is a link, and links are not followed",
        "pipe.txt": "is no file",
    }


def test_a_folder_that_may_not_be_read_is_listed(docs, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "hr":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(sources.os, "scandir", refuse)
    found = list(sources.find_sources(Documents(path=docs)))
    assert [each.id for each in found if isinstance(each, sources.Source)] == ["a.md", "b.txt"]
    assert found[-1] == sources.Skipped("hr", "cannot be read: Permission denied")


def test_files_that_cannot_be_read_are_listed(workspace, docs, making):
    (docs / "locked.pdf").write_bytes(LOCKED)
    (docs / "torn.pdf").write_bytes(LOCKED[:90])
    (docs / "noise.docx").write_bytes(os.urandom(2_000))
    (docs / "noise.txt").write_bytes(bytes(2_000))
    (docs / "wide.csv").write_text('a,b\n1,"' + "x" * 200_000 + '"\n')
    (docs / "blank.md").write_text(" \n")
    (docs / "empty.md").write_text("")
    (docs / "photo.png").write_bytes(b"\x89PNG")
    found = reasons(workspace, docs, making)
    assert found.pop("noise.docx").startswith("cannot be read: ")
    assert found == {
        "blank.md": "has no text",
        "empty.md": "is empty",
        "locked.pdf": "needs a password",
        "noise.txt": "noise.txt is not text: it holds zero bytes",
        "photo.png": "no loader reads .png",
        "torn.pdf": "is not a PDF, or is damaged",
        "wide.csv": "is not a table: field larger than field limit (131072)",
    }


def test_a_file_that_was_packed_to_burst_is_listed(workspace, docs, making):
    write_bomb(docs / "bomb.docx", 120)
    assert (docs / "bomb.docx").stat().st_size < 2_000_000
    assert "exceeds limit" in reasons(workspace, docs, making)["bomb.docx"]


def test_more_text_than_any_document_has_is_not_handed_on(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "MOST_CHARACTERS", 10)
    (tmp_path / "a.txt").write_text("Eleven char")
    answer = reader._answer({"loader": "text", "path": str(tmp_path / "a.txt")})
    assert answer == {"reason": "holds 11 characters of text, and 10 are allowed"}


def test_what_a_page_does_is_not_read(workspace, docs, making):
    (docs / "page.html").write_text(
        "<html><head><title>Offer</title><script>steal()</script></head><body><h1>Offer</h1>"
        "<script>run()</script><p onclick='run()'>Visible text.</p><style>p{}</style></body></html>"
    )
    build(workspace, RagConfig(name="kb", documents=Documents(path=docs)), making=making)
    texts = {chunk.source: chunk.text for chunk in Index.open(workspace, "kb").chunks()}
    assert "Visible text." in texts["page.html"]
    assert not {"steal", "run", "p{}"} & set(texts["page.html"].replace("(", " ").split())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_an_encoding_is_found_out(workspace, docs, making, encoding):
    (docs / "b.txt").write_bytes("Größe: 5 €".encode(encoding))
    build(workspace, RagConfig(name="kb", documents=Documents(path=docs)), making=making)
    texts = {chunk.source: chunk.text for chunk in Index.open(workspace, "kb").chunks()}
    assert texts["b.txt"] == "Größe: 5 €"
