"""The scripts around what is deployed: thin, and to be run from any folder."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "skills" / "senior-ml-engineer" / "scripts"
NAMES = (
    "create_grafana_dashboard",
    "setup_alerts",
    "test_alerts",
    "test_model_endpoint",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_script_is_a_command_from_any_folder(name, tmp_path):
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / f"{name}.py"), "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: mlwright ")
    assert "Example" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_script_has_no_logic_of_its_own(name):
    lines = (SCRIPTS / f"{name}.py").read_text().splitlines()
    assert len(lines) == 8
    assert lines[-1].startswith("    sys.exit(main([")
