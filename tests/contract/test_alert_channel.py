import pytest

from mlwright.alerts.file import FileChannel
from mlwright.testing.alert_channel import AlertChannelContract


class FileContract(AlertChannelContract):
    suffix = ""

    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "folder" / f"alerts{self.suffix}"

    @pytest.fixture
    def channel(self, path):
        return FileChannel(path)

    @pytest.fixture
    def broken(self, tmp_path):
        (tmp_path / f"taken{self.suffix}").mkdir()
        return FileChannel(tmp_path / f"taken{self.suffix}")


class TestTextFile(FileContract):
    suffix = ".txt"

    @pytest.fixture
    def delivered(self, path):
        def read():
            text = path.read_text() if path.exists() else ""
            return [f"🚨{block}" for block in text.split("🚨")[1:]]

        return read


class TestJsonLines(FileContract):
    suffix = ".jsonl"

    @pytest.fixture
    def delivered(self, path):
        return lambda: path.read_text().splitlines() if path.exists() else []
