import polars as pl
import pytest

from mlwright.core.errors import DataError
from mlwright.data.read import read


def folder(tmp_path, files):
    path = tmp_path / "parts"
    path.mkdir()
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def test_the_files_of_a_folder_are_one_table_in_the_order_of_their_names(tmp_path):
    path = folder(
        tmp_path,
        {
            "b.csv": "y,x\n2,1.5\n",
            "a.csv": "x,y\n1,7\n",
            "c.csv": "x,y\n",
            ".hidden.csv": "z\n1\n",
            "_SUCCESS": "",
            "README.md": "about",
        },
    )
    said = []
    assert read(path, say=said.append).rows() == [(1.0, 7), (1.5, 2)]
    assert said == [f"{path}: not read are README.md"]


def test_a_column_that_is_text_in_one_file_is_text_in_all_unchanged(tmp_path):
    path = folder(tmp_path, {"a.csv": "zip,n\n007,1\n", "b.csv": "zip,n\n12A,\n"})
    assert read(path).rows() == [("007", 1), ("12A", None)]


def test_parquet_parts(tmp_path):
    path = tmp_path / "parts"
    path.mkdir()
    pl.DataFrame({"a": [1], "b": [None]}).write_parquet(path / "1.parquet")
    pl.DataFrame({"a": [2.5], "b": ["x"]}).write_parquet(path / "2.parquet")
    assert read(path).rows() == [(1.0, None), (2.5, "x")]


@pytest.mark.parametrize(
    ("files", "message", "hint"),
    [
        (
            {"a.csv": "x,y\n1,2\n", "b.csv": "x,z\n1,2\n"},
            "{path}/b.csv has other columns than {path}/a.csv: it has no 'y', has 'z' besides",
            "give a folder whose files have the same columns",
        ),
        (
            {"a.csv": "x\n1\n", "b.jsonl": '{"x": 1}\n'},
            "{path} holds files of more than one kind: a.csv is CSV, b.jsonl is JSON lines",
            "give a folder of one kind, or one file",
        ),
        (
            {"a.jsonl": '{"x": 1}\n', "b.jsonl": '{"x": "one"}\n'},
            "the files from {path}/a.jsonl on hold different types in x",
            "write these columns as one type in all files",
        ),
        (
            {"notes.md": "hello"},
            "{path} holds no tables",
            "give files that end in .csv, .jsonl, .ndjson, .parquet, .pq, .tsv, .txt",
        ),
        ({"a.csv": "x\n", "b.csv": "x\n"}, "{path} has column names but no rows", None),
    ],
)
def test_files_that_do_not_agree(tmp_path, files, message, hint):
    path = folder(tmp_path, files)
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == message.format(path=path)
    assert hint is None or caught.value.hint == hint
