"""`mlwright monitor rules`, `exporter` and `dashboard`, and the example that uses them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mlwright.cli.main import main
from mlwright.core.workspace import Workspace

EXAMPLE = Path(__file__).parents[2] / "examples" / "monitoring"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Workspace.create(tmp_path)
    return tmp_path


def test_the_three_files_are_written(folder, capsys):
    assert main(["monitor", "rules", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sorted(told["files"]) == ["alertmanager.yml", "mlwright.rules.yml", "prometheus.yml"]
    assert told["channels_left_out"] == ["file alerts.txt"]
    for path in told["files"].values():
        assert yaml.safe_load((folder / path).read_text())


def test_the_exporters_page_can_be_read_once(capsys):
    assert main(["monitor", "exporter", "--once"]) == 0
    assert "# TYPE mlwright_check_verdict gauge\n" in capsys.readouterr().out


def test_the_dashboard_of_the_workflow(folder, capsys):
    pytest.importorskip("grafana_foundation_sdk", reason="grafana-foundation-sdk is not installed")
    metrics = "accuracy,precision,recall,latency,drift_score"
    command = ["monitor", "dashboard", "--model_name", "churn", "--metrics", metrics]
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": "churn-dashboard.json", "panels": 6}
    made = json.loads((folder / "churn-dashboard.json").read_text())
    assert made["title"] == "mlwright: churn"
    assert main([*command[:-1], "acuracy"]) == 2
    assert "no panel for 'acuracy'; did you mean 'accuracy'?" in capsys.readouterr().err


def test_a_token_in_clear_is_refused(capsys):
    command = ["monitor", "dashboard", "--model-name", "churn", "--grafana-token", "S3CR3T"]
    assert main(command) == 2
    shown = capsys.readouterr().err
    assert "write env:NAME after --grafana-token" in shown
    assert "S3CR3T" not in shown


def test_a_model_name_that_is_none_is_refused(capsys):
    assert main(["monitor", "dashboard", "--model-name", "../x"]) == 2
    assert "'../x' cannot be the name of a model" in capsys.readouterr().err


def test_the_example_writes_what_its_containers_read(folder):
    pytest.importorskip("grafana_foundation_sdk", reason="grafana-foundation-sdk is not installed")
    place = folder / "monitoring"
    subprocess.run(["cp", "-r", str(EXAMPLE), str(place)], check=True)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        ["sh", str(place / "setup.sh"), "churn", str(folder)],
        check=True,
        capture_output=True,
        env={**os.environ, "PATH": path},
    )
    for name in ("prometheus.yml", "alertmanager.yml", "mlwright.rules.yml"):
        assert (place / "generated" / name).exists()
    assert (place / "generated" / "dashboards" / "churn.json").exists()
    services = yaml.safe_load((place / "compose.yaml").read_text())["services"]
    assert sorted(services) == ["alertmanager", "grafana", "prometheus"]
