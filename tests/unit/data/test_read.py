import gzip

import polars as pl
import pytest

from mlwright.core.errors import DataError, NotFound
from mlwright.data.read import read


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(tmp_path, delimiter):
    path = tmp_path / "t.csv"
    path.write_text(f'a{delimiter}"b,;c"\n1{delimiter}x\n')
    assert read(path).to_dicts() == [{"a": 1, "b,;c": "x"}]


def test_late_surprises_in_a_column_are_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a\n" + "1\n" * 5000 + " \n")
    assert read(path)["a"].dtype == pl.String


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.jsonl", "t.jsonl.gz", "t.parquet"])
def test_every_format_gives_the_same_table(tmp_path, name):
    table = pl.DataFrame({"a": [1, 2, None], "b": ["x", None, "größe"]})
    path = tmp_path / name
    if name == "t.parquet":
        table.write_parquet(path)
    else:
        text = table.write_csv() if ".csv" in name else table.write_ndjson()
        path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    assert read(path).equals(table)


def test_a_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "customers.csv").write_text("a\n1\n")
    with pytest.raises(NotFound) as caught:
        read(tmp_path / "costumers.csv")
    assert str(caught.value) == (
        f"there is no file {tmp_path}/costumers.csv; did you mean 'customers.csv'?"
    )
    assert caught.value.hint == "check the path given as the table"


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        ("t.csv", b"", "{path} is empty", "give a file with a header line and rows"),
        ("t.csv", b"a,b\n", "{path} has column names but no rows", "give a file with rows"),
        (
            "t.csv",
            b"a,b,a\n1,2,3\n",
            "{path} has more than one column named 'a'",
            "give every column a name of its own",
        ),
        (
            "t.jsonl",
            b'{"a": 1}\n{"a": sec',
            "{path} cannot be read as JSON lines",
            "check that every line is one JSON object",
        ),
        (
            "t.parquet",
            b"PAR1nonsense",
            "{path} cannot be read as Parquet",
            "check that the file was written to its end",
        ),
        (
            "t.csv.gz",
            b"not gzip",
            "{path} cannot be read as CSV",
            "check that it is text and that every line has as many fields as the header",
        ),
        (
            "t.xlsx",
            b"x",
            "{path}: tables with the suffix '.xlsx' are not read",
            "give one of .csv, .jsonl, .ndjson, .parquet, .pq, .tsv, .txt",
        ),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, name, content, message, hint):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == message.format(path=path)
    assert caught.value.hint == hint
