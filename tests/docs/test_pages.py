"""The blocks of the documentation run as they stand, in order, in an empty folder."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def run_page(tmp_path, free_port):
    """Run every block of a page, and return what was printed."""

    def run(name: str) -> str:
        scripts = Path(sys.executable).parent
        environment = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}"}
        shown = ""
        for language, code in BLOCK.findall((DOCS / name).read_text()):
            code = code.replace("8080", str(free_port))
            command = ["bash", "-euo", "pipefail", "-c"] if language == "bash" else ["python", "-c"]
            done = subprocess.run(
                [*command, code], cwd=tmp_path, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
            assert "Traceback" not in done.stderr
            shown += done.stdout
        return shown

    yield run
    stop = [sys.executable, "-m", "mlwright", "stop", "--all", "--workspace", str(tmp_path)]
    subprocess.run(stop, check=False, capture_output=True)


@pytest.mark.timeout(300)
def test_the_tutorial_runs(run_page, tmp_path):
    shown = run_page("start.md")
    for words in ("churn:1", '"model_version":', "champion_stays", "is missing"):
        assert words in shown
    assert (tmp_path / "scored.csv").read_text().count("\n") == 7044


@pytest.mark.timeout(300)
def test_the_page_on_training_runs(run_page):
    shown = run_page("train.md")
    for words in ("customer_id", "churn:1", "churn:2", "beyond chance", "the same to the bit"):
        assert words in shown


@pytest.mark.timeout(300)
def test_the_page_on_models_made_elsewhere_runs(run_page):
    shown = run_page("package.md")
    for words in ("churn:1", "runtime   linear", "rule:1", "trust:", "churn-1.onnx"):
        assert words in shown


@pytest.mark.timeout(300)
def test_the_page_on_watching_runs(run_page):
    shown = run_page("monitor.md")
    for words in (
        "contract",
        "labels added",
        "test alert",
        "page",
        "new customers",
        "not_deployed",
    ):
        assert words in shown


@pytest.mark.timeout(300)
def test_the_page_on_documents_runs(run_page):
    shown = run_page("rag.md")
    for words in ("kb:2", "25 days of paid leave", "leave.md", "recall@3", "30 days"):
        assert words in shown


@pytest.mark.heavy
@pytest.mark.timeout(500)
def test_the_guide_to_rollouts_runs(run_page):
    shown = run_page("guides/rollouts.md")
    for words in (
        "live: no worse than the champion on every guard",
        "rolled_back: error_rate=1%: ",
        " requests, 0 failed",
        "# Incident: churn:3 rolled back in production",
        "the supervisor",
    ):
        assert words in shown
