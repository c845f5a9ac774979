import functools
import http.server
import sys
import threading

import polars as pl
import pytest

from mlwright.core.errors import DataError, MissingExtra, NotFound, RemoteError
from mlwright.data import remote
from mlwright.data.read import read

pytest.importorskip("fsspec", reason="the extra `remote` is not installed")
pytest.importorskip("aiohttp", reason="the extra `remote` is not installed")


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.refuse() if "/secret/" in self.path else super().do_GET()

    def do_HEAD(self):
        self.refuse() if "/secret/" in self.path else super().do_HEAD()

    def refuse(self):
        self.send_error(403)

    def log_message(self, *args):
        pass


@pytest.fixture
def site(tmp_path):
    """A folder and the loopback address that serves it."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=tmp_path)
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield tmp_path, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_fetched_and_read(site):
    folder, address = site
    table = pl.DataFrame({"a": [1, 2], "b": ["x", "größe"]})
    (folder / "t.csv").write_bytes(table.write_csv().encode("cp1252"))
    table.write_parquet(folder / "t.parquet")
    said = []
    assert read(f"{address}/t.csv?signature=word", say=said.append).equals(table)
    assert said == [
        f"fetching {address}/t.csv, 0.0 MB",
        f"{address}/t.csv is not UTF-8: read as Windows-1252",
    ]
    assert read(f"{address}/t.parquet").equals(table)


def test_a_folder_is_fetched_and_read(site):
    folder, address = site
    (folder / "parts").mkdir()
    for name, value in (("b.csv", 2), ("a.csv", 1), (".hidden.csv", 9)):
        (folder / "parts" / name).write_text(f"n\n{value}\n")
    (folder / "other.csv").write_text("m\n3\n")
    assert read(f"{address}/parts").rows() == [(1,), (2,)]


@pytest.mark.parametrize(
    ("path", "error", "message", "hint"),
    [
        (
            "/none.csv",
            NotFound,
            "there is nothing at {address}/none.csv",
            "check the address given as the table",
        ),
        (
            "/secret/t.csv?key=word",
            RemoteError,
            "{address}/secret/t.csv cannot be read: 403 Forbidden",
            "check the address, the network, and that you may read it",
        ),
        (
            "/empty",
            DataError,
            "{address}/empty holds no tables",
            "give files that end in .csv, .jsonl, .ndjson, .parquet, .pq, .tsv, .txt",
        ),
    ],
)
def test_what_the_other_side_says(site, path, error, message, hint):
    folder, address = site
    (folder / "empty").mkdir()
    with pytest.raises(error) as caught:
        read(address + path)
    assert str(caught.value) == message.format(address=address)
    assert caught.value.hint == hint


def test_a_server_that_is_not_there():
    with pytest.raises(RemoteError) as caught:
        read("http://127.0.0.1:1/t.csv")
    assert str(caught.value).startswith("http://127.0.0.1:1/t.csv cannot be read: ")


def test_a_file_larger_than_memory_is_not_fetched(site, monkeypatch):
    folder, address = site
    (folder / "t.csv").write_text("a\n" + "1\n" * 100_000)
    monkeypatch.setattr(remote, "available_memory", lambda: 1000)
    with pytest.raises(DataError) as caught:
        read(f"{address}/t.csv")
    assert str(caught.value) == (
        f"{address}/t.csv needs about 0.2 MB of memory as a table, and 0.0 MB are free"
    )


def test_addresses_of_other_kinds_and_with_passwords():
    with pytest.raises(DataError) as caught:
        read("ftp://example.org/t.csv")
    assert str(caught.value) == "ftp://example.org/t.csv: tables at ftp:// are not read"
    assert caught.value.hint == "give one of http://, https://, s3://, or a path"
    with pytest.raises(DataError) as caught:
        read("https://me:word@example.org/t.csv")
    assert str(caught.value) == (
        "the address https://example.org/t.csv holds a user name or a password"
    )


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(MissingExtra) as caught:
        read("s3://bucket/t.csv")
    assert str(caught.value) == (
        "a table at s3:// needs the package 's3fs', which is not installed"
    )
    assert caught.value.hint == "pip install 'mlwright[remote]'"


def test_s3_is_read_by_its_file_system(monkeypatch):
    import fsspec
    from fsspec.implementations.memory import MemoryFileSystem

    class Bucket(MemoryFileSystem):
        protocol = ("s3", "memory")

        @classmethod
        def _strip_protocol(cls, path):
            return super()._strip_protocol(path.removeprefix("s3:/"))

    Bucket.store, Bucket.pseudo_dirs = {}, [""]
    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "s3", Bucket)
    monkeypatch.setitem(sys.modules, "s3fs", fsspec)
    for name, value in (("b.csv", 2), ("a.csv", 1)):
        Bucket().pipe_file(f"/bucket/parts/{name}", f"n\n{value}\n".encode())
    assert read("s3://bucket/parts/a.csv").rows() == [(1,)]
    assert read("s3://bucket/parts").rows() == [(1,), (2,)]
