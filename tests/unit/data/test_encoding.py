import gzip

import pytest

from mlwright.core.errors import DataError
from mlwright.data.read import read

TEXT = "name,price\ngröße,1 €\n"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("cp1252", "Windows-1252"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_the_encoding_is_found_out_and_said(tmp_path, encoding, said, packed):
    path, heard = tmp_path / ("t.csv.gz" if packed else "t.csv"), []
    content = TEXT.encode(encoding)
    path.write_bytes(gzip.compress(content) if packed else content)
    assert read(path, say=heard.append).to_dicts() == [{"name": "größe", "price": "1 €"}]
    assert heard == ([f"{path} is not UTF-8: read as {said}"] if said else [])


def test_bytes_that_windows_does_not_know_are_latin(tmp_path):
    path, heard = tmp_path / "t.csv", []
    path.write_bytes(b"a,b\n\x81\xe4,1\n")
    assert read(path, say=heard.append).rows() == [("\x81ä", 1)]
    assert heard == [f"{path} is not UTF-8: read as Latin-1"]


def test_json_lines_too(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes('{"a": "größe"}\n'.encode("utf-8-sig"))
    assert read(path).rows() == [("größe",)]
    path.write_bytes('{"a": "größe"}\n'.encode("utf-16"))
    assert read(path).rows() == [("größe",)]


def test_utf8_with_a_broken_place_is_not_guessed_at(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("a,b\ngröße,füße\n".encode() + b"gr\xf6\xdfe,1\n")
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == f"{path} is UTF-8 but for 2 places, the first in line 3"
    assert caught.value.hint == "save it anew as UTF-8"


def test_what_is_no_text_is_said(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(bytes(range(256)) * 10)
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == f"{path} is not text: it holds zero bytes"
    assert caught.value.hint == "give a text file, or name it by its kind"
