import lzma
import pickle
import subprocess
import sys

import polars as pl
import pytest

from mlwright.demo import telco, unpickle


def test_the_table_is_the_one_that_is_known(tmp_path):
    table = pl.read_parquet(telco.write_table(tmp_path))
    assert table.shape == (7043, 21)
    assert table["total_charges"].null_count() == 11
    assert table["churn"].value_counts().sort("churn")["count"].to_list() == [5174, 1869]
    assert [path.name for path in tmp_path.iterdir()] == ["customers.parquet"]


class _Harm:
    def __reduce__(self):
        return (print, ("harm",))


def test_a_pickle_that_calls_anything_else_is_refused(tmp_path, monkeypatch, capsys):
    path = tmp_path / "evil.pkl.compress"
    path.write_bytes(lzma.compress(pickle.dumps(_Harm())))
    monkeypatch.setattr(
        unpickle, "SHA256", __import__("hashlib").sha256(path.read_bytes()).hexdigest()
    )
    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.print is not on the list"):
        unpickle.read(path)
    assert capsys.readouterr().out == ""


def test_other_bytes_are_not_even_loaded(tmp_path):
    path = tmp_path / "other.pkl.compress"
    path.write_bytes(b"other")
    command = [sys.executable, "-m", "mlwright.demo.unpickle", str(path), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "other.pkl.compress is not the file that this version knows" in done.stderr
    assert not (tmp_path / "out").exists()
