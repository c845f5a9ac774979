import gzip
import random

import polars as pl
import pytest

from mlwright.core.errors import DataError
from mlwright.data import cutting_parquet, cutting_text
from mlwright.data.cutting import Place
from mlwright.data.pieces import Pieces
from mlwright.data.read import read
from mlwright.data.sources import opened

TEXTS = ("x", "a, b", 'say "hi"', "two\nlines", "naïve", "")


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(cutting_text, "BLOCK", 200)
    monkeypatch.setattr(cutting_parquet, "ROWS", 7)
    monkeypatch.setattr(cutting_parquet, "_FEWEST_ROWS", 7)


def sample(rows: int = 100) -> pl.DataFrame:
    chance = random.Random(0)
    return pl.DataFrame(
        {
            "id": [f"{number:04}" for number in range(rows)],
            "amount": [chance.choice((None, chance.random(), 3.0)) for _ in range(rows)],
            "code": [float(chance.randrange(5)) for _ in range(rows)],
            "note": [chance.choice(TEXTS) or None for _ in range(rows)],
        }
    )


def pieces_of(path, names=("id", "amount", "code", "note"), labels=()):
    with opened(path, say=lambda _: None) as files:
        pieces = Pieces(files)
        pieces.find_types(names, labels=labels)
        return pieces


def whole(pieces):
    return pl.concat([pieces.typed(piece.table) for piece in pieces.read()])


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet"])
def test_pieces_put_together_are_the_table(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    if ending == "parquet":
        sample().write_parquet(path)
    else:
        text = sample().write_csv() if "csv" in ending else sample().write_ndjson()
        path.write_bytes(gzip.compress(text.encode()) if ending.endswith("gz") else text.encode())
    pieces = pieces_of(path)
    found = list(pieces.read())
    assert len(found) > 10
    assert found[-1].share == 1.0
    assert [piece.share for piece in found] == sorted(piece.share for piece in found)
    assert whole(pieces).equals(read(path).select(pieces.columns))
    for place in range(0, len(found), 5):  # taken up again anywhere, the same pieces come
        again = list(pieces.read(found[place].start))
        assert [(one.start, one.end) for one in again] == [
            (one.start, one.end) for one in found[place:]
        ]
        assert again[0].table.equals(found[place].table)


def test_text_of_csv_stays_as_it_stands(tmp_path):
    (tmp_path / "t.csv").write_text("id,x\n" + "".join(f"00{i},1.50\n" for i in range(60)))
    pieces = pieces_of(tmp_path / "t.csv", names=("x",))
    assert pl.concat([piece.table for piece in pieces.read()])["x"].unique().to_list() == ["1.50"]
    assert whole(pieces)["x"].unique().to_list() == [1.5]


def test_the_type_of_a_column_is_found_over_all_pieces(tmp_path):
    lines = [f"{i},1,1.0,true,1\n" for i in range(60)] + ["x,,2.0,FALSE,1.5\n"]
    (tmp_path / "t.csv").write_text("late,int,whole,bool,float\n" + "".join(lines))
    names = ("late", "int", "whole", "bool", "float")
    pieces = pieces_of(tmp_path / "t.csv", names, labels=("whole", "float"))
    kinds = [pl.String, pl.Int64, pl.Int64, pl.Boolean, pl.Float64]
    assert whole(pieces).dtypes == kinds
    assert whole(pieces)["bool"].to_list() == [True] * 60 + [False]


def test_a_decimal_comma_is_known_in_every_piece(tmp_path):
    (tmp_path / "t.csv").write_text("a;b\n" + "1,5;x\n" * 100)
    pieces = pieces_of(tmp_path / "t.csv", names=("a",))
    assert whole(pieces)["a"].unique().to_list() == [1.5]
    assert pieces.numbers(pl.Series(["1,5"])).to_list() == ["1.5"]


def test_a_key_that_comes_late_is_null_before(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n' * 60 + '{"a": 2.5, "b": "x"}\n')
    table = whole(pieces_of(tmp_path / "t.jsonl", names=("a", "b")))
    assert table.schema == {"a": pl.Float64, "b": pl.String}
    assert table["b"].to_list() == [None] * 60 + ["x"]


def test_a_stray_quote_does_not_swallow_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr(cutting_text, "_LONGEST_RECORD", 5)
    (tmp_path / "t.csv").write_text("a,b\n" + '1,5" pipe\n' + "2,x\n" * 200)
    pieces = pieces_of(tmp_path / "t.csv", names=())
    assert sum(piece.table.height for piece in pieces.read()) == 201


def test_a_record_longer_than_a_block_is_one_piece(tmp_path):
    text = "\n".join(["word " * 20] * 10)
    (tmp_path / "t.csv").write_text(f'a,b\n1,x\n2,"{text}"\n3,y\n')
    pieces = pieces_of(tmp_path / "t.csv", names=())
    rows = pl.concat([piece.table for piece in pieces.read()]).rows()
    assert rows == [("1", "x"), ("2", text), ("3", "y")]


def test_a_line_too_wide_is_named_by_its_place_in_the_file(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n" + "1,x\n" * 200 + "1,2,3\n")
    with pytest.raises(DataError) as raised:
        list(pieces_of(tmp_path / "t.csv", names=()).read())
    assert str(raised.value) == (f"{tmp_path / 't.csv'}: line 202 has 3 fields, the header has 2")


def test_the_files_of_a_folder_follow_one_another(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n" + "1,a\n" * 60)
    (tmp_path / "b.csv").write_text("y,x\nb,2.5\n")
    pieces = pieces_of(tmp_path, names=("x", "y"))
    assert whole(pieces)["x"].to_list() == [1.0] * 60 + [2.5]
    last = list(pieces.read())[-1]
    assert last.start == Place(file=1, rows=60)
    assert last.end.rows == 61
    (tmp_path / "c.csv").write_text("x,z\n1,2\n")
    with pytest.raises(DataError, match="has other columns than"):
        _ = pieces_of(tmp_path, names=()).columns
