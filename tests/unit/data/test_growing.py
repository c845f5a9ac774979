import gzip
from contextlib import closing

import polars as pl
import pytest

from mlwright.core.errors import DataError
from mlwright.data.growing import ending_of, growing
from mlwright.data.read import read

ENDINGS = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")


def part(number):
    return pl.DataFrame({"n": [number, number], "t": ["a, b", None]})


def written(ending, folder, *, killed_after=None):
    """Write four pieces; with `killed_after`, two runs do it, the first of which left more."""
    folder.mkdir()
    state = {}
    if killed_after is not None:
        with closing(growing(ending, folder / "rows", {})) as table:
            for number in range(killed_after):
                table.add(part(number))
            state = table.state()
            table.add(part(99))
    path = folder / f"out{ending}"
    with closing(growing(ending, folder / "rows", state)) as table:
        for number in range(killed_after or 0, 4):
            table.add(part(number))
        table.finish(path)
    return path


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("killed_after", [0, 1, 3, 4])
def test_a_writing_that_was_killed_goes_on_to_the_same_bytes(tmp_path, ending, killed_after):
    once = written(ending, tmp_path / "once")
    again = written(ending, tmp_path / "again", killed_after=killed_after)
    assert once.read_bytes() == again.read_bytes()
    assert read(once).rows() == [row for number in range(4) for row in part(number).rows()]


def test_a_gzip_file_of_pieces_is_one_text(tmp_path):
    path = written(".csv.gz", tmp_path / "once")
    assert gzip.decompress(path.read_bytes()).startswith(b'n,t\n0,"a, b"\n0,\n1,')


def test_a_target_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(DataError) as raised:
        ending_of(tmp_path / "out.xlsx")
    assert str(raised.value) == f"{tmp_path}/out.xlsx: cannot write a table that ends in .xlsx"
    assert raised.value.hint == "end the name in .csv, .csv.gz, .jsonl, .jsonl.gz, .parquet"
    with pytest.raises(DataError, match="is not a folder"):
        ending_of(tmp_path / "no" / "out.csv")
