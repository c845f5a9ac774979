"""The tutorial's blocks run as they stand, in order, in an empty folder."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "start.md"
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.timeout(300)
def test_every_block_runs(tmp_path, free_port):
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}"}
    shown = ""
    try:
        for language, code in BLOCK.findall(PAGE.read_text()):
            code = code.replace("8080", str(free_port))
            command = ["bash", "-euo", "pipefail", "-c"] if language == "bash" else ["python", "-c"]
            done = subprocess.run(
                [*command, code], cwd=tmp_path, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
            assert "Traceback" not in done.stderr
            shown += done.stdout
    finally:
        stop = [sys.executable, "-m", "mlwright", "stop", "--all", "--workspace", str(tmp_path)]
        subprocess.run(stop, check=False, capture_output=True)
    assert "churn:1" in shown
    assert '"model_version":' in shown
    assert "champion_stays" in shown
    assert "is missing" in shown
    assert (tmp_path / "scored.csv").read_text().count("\n") == 7044
