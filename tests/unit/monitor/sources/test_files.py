import numpy as np
import polars as pl
import pytest

from mlwright.core.errors import DataError, NotFound
from mlwright.monitor.sources.column_map import ColumnMap, read_map
from mlwright.monitor.sources.files import Files, seconds


def table(rows=6):
    return pl.DataFrame(
        {
            "timestamp": [f"2024-01-01T{hour:02}:00:00Z" for hour in range(rows)],
            "age": np.arange(rows, dtype=float),
            "plan": ["a", "b"] * (rows // 2),
        }
    )


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_each_kind_gives_the_same_rows(tmp_path, ending):
    path = tmp_path / f"log.{ending}"
    write = {"csv": "write_csv", "parquet": "write_parquet", "jsonl": "write_ndjson"}[ending]
    getattr(table(), write)(path)
    said = []
    sample = Files(path, say=said.append).sample(since=1704070800, until=1704078000)
    assert (sample.rows, sample.features) == (2, ("age", "plan"))
    assert sample.column("age").to_list() == [1, 2]
    assert sample.facts["time"].to_list() == [1704070800, 1704074400]
    assert said == [f"{path}: taken by its name: time = timestamp"]


def test_a_map_names_columns_and_a_wrong_one_is_told(tmp_path):
    path = tmp_path / "log.csv"
    table().write_csv(path)
    (tmp_path / "map.yaml").write_text("features: {years: age}\nignore: [plan]\n")
    sample = Files(path, read_map(tmp_path / "map.yaml")).sample()
    assert sample.features == ("years",)
    with pytest.raises(DataError) as caught:
        Files(path, ColumnMap(label="agee")).sample()
    assert str(caught.value) == f"{path} has no column 'agee'; did you mean 'age'?"
    assert caught.value.hint == "its columns are: timestamp, age, plan"


def test_torn_lines_and_repeated_requests_are_counted(tmp_path):
    lines = [f'{{"request_id": "r{i % 5}", "features": {{"a": {i}}}}}' for i in range(7)]
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + '\n{"request_id": "r9", "fea')
    sample = Files(tmp_path / "log.jsonl").sample()
    assert sample.left_out == {"damaged lines": 1, "repeated request ids": 2}
    assert sample.column("a").to_list() == [0, 1, 2, 3, 4]


def test_values_of_other_types_in_mid_file_are_text(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"a": 1.5}\n{"a": "x"}\n{"a": true, "b": 2}\n')
    assert Files(tmp_path / "log.jsonl").sample().column("a").to_list() == ["1.5", "x", "true"]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1_700_000_000, 1_700_000_001], [1_700_000_000, 1_700_000_001]),
        ([1_700_000_000_000], [1_700_000_000]),
        (["1970-01-01 00:01:00", "1970-01-02"], [60, 86400]),
        (["1970-01-01T02:00:00+01:00"], [3600]),
        (["60", "61.5"], [60, 61.5]),
        ([None, None], [None, None]),
    ],
)
def test_times_in_any_form(values, found):
    assert seconds(pl.Series(values)).to_list() == found


def test_what_is_not_there(tmp_path):
    with pytest.raises(NotFound) as caught:
        Files(tmp_path / "no.parquet").sample()
    assert str(caught.value) == f"there is no file {tmp_path / 'no.parquet'}"
    (tmp_path / "half.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError) as refused:
        Files(tmp_path / "half.parquet").sample()
    assert str(refused.value) == f"{tmp_path / 'half.parquet'} cannot be read as Parquet"
