import gzip

import numpy as np
import polars as pl
import pytest

from mlwright.core.errors import DataError
from mlwright.data import memory, read
from mlwright.data.memory import available_memory, check_fits


def table(rows=20_000):
    rng = np.random.default_rng(0)
    return pl.DataFrame({"x": rng.normal(size=rows), "n": rng.integers(0, 9, rows)})


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.jsonl", "t.parquet"])
def test_the_estimate_lies_near_what_the_table_takes(tmp_path, name):
    rows, path = table(), tmp_path / name
    if name == "t.parquet":
        rows.write_parquet(path)
    else:
        text = rows.write_csv() if "csv" in name else rows.write_ndjson()
        path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    takes = rows.estimated_size() * 1.5
    check_fits([path], name="t", available=int(takes * 1.2))
    with pytest.raises(DataError):
        check_fits([path], name="t", available=int(takes * 0.8))


def test_a_table_that_does_not_fit_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    table().write_csv(path)
    monkeypatch.setattr(memory, "available_memory", lambda: 100_000)
    monkeypatch.setattr(read, "_read", None)
    with pytest.raises(DataError) as caught:
        read.read(path)
    assert str(caught.value) == (
        f"{path} needs about 0.5 MB of memory as a table, and 0.1 MB are free"
    )
    assert caught.value.hint == "give a part of its rows or columns, or more memory"


def test_the_parts_of_a_folder_count_together(tmp_path):
    for part in range(3):
        table().write_csv(tmp_path / f"{part}.csv")
    one = int(table().estimated_size() * 1.5 * 1.2)
    files = sorted(tmp_path.iterdir())
    check_fits(files[:1], name="t", available=one)
    with pytest.raises(DataError):
        check_fits(files, name="t", available=one)


def test_what_cannot_be_read_is_left_to_the_reader(tmp_path):
    for name in ("t.parquet", "t.csv.gz", "t.jsonl"):
        path = tmp_path / name
        path.write_bytes(b"nonsense")
        check_fits([path], name="t", available=1000)


def fake(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {"proc": tmp_path / "proc", "groups": tmp_path / "groups"}


SYSTEM = {"proc/meminfo": "MemTotal: 9000 kB\nMemAvailable:    8000 kB\n"}


def test_the_systems_memory(tmp_path):
    assert available_memory(**fake(tmp_path, SYSTEM)) == 8000 * 1024


def test_the_tightest_group_above_the_process_counts(tmp_path):
    files = SYSTEM | {
        "proc/self/cgroup": "0::/a/b\n",
        "groups/a/b/memory.max": "max\n",
        "groups/a/b/memory.current": "100\n",
        "groups/a/memory.max": "5000\n",
        "groups/a/memory.current": "3000\n",
        "groups/a/memory.stat": "anon 1\ninactive_file 500\n",
    }
    assert available_memory(**fake(tmp_path, files)) == 2500


def test_groups_of_the_first_version(tmp_path):
    files = SYSTEM | {
        "proc/self/cgroup": "5:cpu:/\n4:memory:/job\n0::/\n",
        "groups/memory/job/memory.limit_in_bytes": "4000\n",
        "groups/memory/job/memory.usage_in_bytes": "5000\n",
        "groups/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "groups/memory/memory.usage_in_bytes": "1\n",
    }
    assert available_memory(**fake(tmp_path, files)) == 0


def test_where_nobody_says_nothing_is_refused(tmp_path, monkeypatch):
    assert available_memory(**fake(tmp_path, {"x": ""})) is None
    monkeypatch.setattr(memory, "available_memory", lambda: None)
    check_fits([tmp_path / "x"], name="t")
