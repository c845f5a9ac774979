"""Each format as text, with its title, headings, pages and fields; what is broken says how."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from mlwright.core.errors import DataError
from mlwright.rag.loaders import LOADERS, loader_name
from mlwright.rag.loaders.language import language


def load(path: Path):
    return LOADERS.load(loader_name(path.name))().load(path)


def pdf(*pages: str, title: str = "") -> bytes:
    """A PDF with a line a page, and an outline entry for each."""
    n = len(pages)
    kids = " ".join(f"{10 + i} 0 R" for i in range(n))
    objects = {
        1: "<< /Type /Catalog /Pages 2 0 R /Outlines 5 0 R >>",
        2: f"<< /Type /Pages /Kids [{kids}] /Count {n} >>",
        3: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        4: f"<< /Title ({title}) /Author (Ann) /CreationDate (D:20240501120000Z) >>",
        5: f"<< /Type /Outlines /First 30 0 R /Last {29 + n} 0 R /Count {n} >>",
    }
    for i, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET" if text else ""
        around = f"/Prev {29 + i} 0 R " * (i > 0) + f"/Next {31 + i} 0 R " * (i < n - 1)
        objects[10 + i] = (
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {20 + i} 0 R >>"
        )
        objects[20 + i] = f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream"
        objects[30 + i] = (
            f"<< /Title (Part {i + 1}) /Parent 5 0 R {around}/Dest [{10 + i} 0 R /Fit] >>"
        )
    body = "".join(f"{number} 0 obj\n{text}\nendobj\n" for number, text in objects.items())
    return f"%PDF-1.4\n{body}trailer << /Root 1 0 R /Info 4 0 R >>\n%%EOF\n".encode()


def docx(path: Path, *paragraphs: tuple[str, str]) -> None:
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>'
        for style, text in paragraphs
    )
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    plain = "application/vnd.openxmlformats-package.relationships+xml"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{types}"><Default Extension="rels" ContentType="{plain}"/>'
            f'<Override PartName="/word/document.xml" ContentType="{main}"/></Types>',
        )
        file.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{relations}"><Relationship Id="r1" Type="{office}" '
            'Target="word/document.xml"/></Relationships>',
        )
        file.writestr("word/document.xml", f"<w:document {w}><w:body>{body}</w:body></w:document>")


def test_pdf_by_page_with_its_outline(tmp_path):
    pytest.importorskip("pypdfium2")
    path = tmp_path / "x.pdf"
    path.write_bytes(pdf("First page.", "", "Third page.", title="Manual"))
    found = load(path)
    assert found.text == "First page.\n\nThird page."
    assert found.title == "Manual"
    assert found.metadata == {"author": "Ann", "date": "2024-05-01"}
    assert [(s.headings, s.start, s.end, s.page) for s in found.sections] == [
        (("Part 1",), 0, 13, 1),
        (("Part 3",), 13, 24, 3),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not a pdf", "is not a PDF, or is damaged"),
        (b"", "is not a PDF, or is damaged"),
        (pdf("", ""), "has no text on its 2 pages: scanned pages are not read"),
    ],
)
def test_a_pdf_without_text_says_so(tmp_path, content, reason):
    pytest.importorskip("pypdfium2")
    path = tmp_path / "x.pdf"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(path)
    assert str(caught.value) == reason


def test_html_keeps_headings_tables_and_code_but_no_script(tmp_path):
    pytest.importorskip("kreuzberg")
    path = tmp_path / "x.html"
    path.write_text(
        "<html><head><title>My page</title><meta name='author' content='Ann'>"
        "<script>evil()</script></head><body><nav><a href='/'>Home</a></nav><h1>One</h1>"
        "<p>Some <b>bold</b> text.</p><h2>Two</h2><table><tr><th>k</th><th>v</th></tr>"
        "<tr><td>1</td><td>2</td></tr></table><pre><code># no heading</code></pre></body></html>"
    )
    found = load(path)
    assert (found.title, found.metadata) == ("My page", {"author": "Ann"})
    assert found.text.startswith("# One\n\nSome **bold** text.")
    assert "| 1 | 2 |" in found.text
    assert "evil" not in found.text
    assert [section.headings for section in found.sections] == [("One",), ("One", "Two")]


def test_word_keeps_headings(tmp_path):
    pytest.importorskip("kreuzberg")
    path = tmp_path / "x.docx"
    docx(path, ("Heading1", "Leave"), ("Normal", "Twenty five days."), ("Heading2", "Part time"))
    found = load(path)
    assert "Twenty five days." in found.text
    assert [s.headings for s in found.sections] == [("Leave",), ("Leave", "Part time")]
    path.write_bytes(b"PK no")
    with pytest.raises(DataError, match="cannot be read: "):
        load(path)


def test_markdown_front_matter_is_metadata(tmp_path):
    path = tmp_path / "x.md"
    path.write_text(
        "---\ntitle: The title\ntags: [a, b]\ndate: 2024-05-01\ndeep: {x: 1}\n---\n"
        "# Head\r\ntext\n```\n# no heading\n```\n"
    )
    found = load(path)
    assert found.title == "The title"
    assert found.metadata == {"tags": "a, b", "date": "2024-05-01"}
    assert found.text == "# Head\ntext\n```\n# no heading\n```\n"
    assert [section.headings for section in found.sections] == [("Head",)]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_is_a_paragraph_a_row(tmp_path, separator):
    rows = [["name", "price"], ["apple", "1"], ["pear", ""], ["plum", "3", "extra"]]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(separator.join(row) for row in rows))
    assert load(path).text == "name: apple\nprice: 1\n\nname: pear\n\nname: plum\nprice: 3\nextra"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_in_every_usual_encoding(tmp_path, encoding):
    path = tmp_path / "x.txt"
    path.write_bytes("Größe: 5 €\r\n\r\n\r\n\r\nEnd\x0c.".encode(encoding))
    assert load(path).text == "Größe: 5 €\n\nEnd."


def test_the_language_is_told_where_it_can_be():
    pytest.importorskip("kreuzberg")
    german = "Dies ist ein deutscher Satz über Flügel und die Luft, die darüber strömt. " * 3
    assert language(german) == "de"
    assert language("Short.") is None


def test_an_unknown_suffix_lists_the_known():
    with pytest.raises(DataError) as caught:
        loader_name("photo.jpeg")
    assert str(caught.value) == "no loader reads .jpeg"
    assert ".docx, .htm, .html" in caught.value.hint
