"""The seed's `test_rag_retrieval.py`: its flags, and what it says of a file that is not there."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "skills/senior-ml-engineer/scripts/test_rag_retrieval.py"


def test_the_seeds_flags_are_taken_and_a_missing_file_is_named(tmp_path):
    (tmp_path / ".mlwright").mkdir()
    found = subprocess.run(
        [sys.executable, SCRIPT, "--test_queries", "none.json", "--k", "5"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 2
    assert found.stderr == "error: none.json: there is no such file\n"
