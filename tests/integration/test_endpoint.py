"""The commands that look at a server from outside, against a real one."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from mlwright.cli.main import main
from mlwright.core.workspace import Workspace
from mlwright.testing.target import sample_bundle
from mlwright.track import models

SCRIPT = Path(__file__).parents[2] / "skills/senior-ml-engineer/scripts/test_model_endpoint.py"


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A workspace with two models, the first of which is served; its folder and URL."""
    folder = tmp_path_factory.mktemp("workspace")
    workspace = Workspace.create(folder)
    for name, slope in (("churn", 0.3), ("other", 0.9)):
        models.register(workspace, name, sample_bundle(workspace.bundles, slope=slope))
    command = [sys.executable, "-m", "mlwright", "serve", "churn", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--workspace", str(folder)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    line = process.stderr.readline()
    while "http://" not in line:
        assert line, "the server did not start"
        line = process.stderr.readline()
    yield folder, re.search(r"http://[\d.:]+", line)[0]
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(20)
    process.stderr.close()


def asked(arguments, folder, capsys):
    code = main([*arguments, "--workspace", str(folder), "--json"])
    return code, json.loads(capsys.readouterr().out)


def checks(value):
    return {check["check"]: check["passed"] for check in value["checks"]}


def test_an_endpoint_that_answers_as_its_bundle(there, capsys, tmp_path):
    folder, url = there
    code, value = asked(["endpoint", "test", url], folder, capsys)
    assert code == 0, value
    assert checks(value) == dict.fromkeys(("health", "schema", "parity", "latency"), True)
    assert (value["model"], value["versions"], value["passed"]) == ("churn", [1], True)
    assert value["latency_ms"]["p50"] > 0
    pl.DataFrame({"x": [1.0, None, 3.5, 2.0], "y": "ignored"}).write_csv(tmp_path / "t.csv")
    arguments = ["endpoint", "test", url, "--test_data", str(tmp_path / "t.csv")]
    code, value = asked(arguments, folder, capsys)
    assert (code, value["rows"]) == (0, 3)
    assert value["checks"][2]["detail"] == "3 rows equal; 1 more do not fit the model"


def test_an_endpoint_with_another_model_behind_it_fails(there, capsys):
    folder, url = there
    code = main(["endpoint", "test", url, "--model", "other", "--workspace", str(folder), "--json"])
    said = capsys.readouterr()
    value = json.loads(said.out)
    assert code == 5
    assert checks(value)["parity"] is False
    assert value["passed"] is False
    assert said.err == f"error: {url} failed: parity\n"


def test_a_latency_that_is_not_kept_fails(there, capsys):
    folder, url = there
    code, value = asked(["endpoint", "test", url, "--slo", "p50=0.001ms"], folder, capsys)
    assert code == 5
    assert checks(value)["latency"] is False
    assert value["checks"][3]["detail"].startswith("p50 is above 0.001 ms; p50 ")


def test_nobody_there_fails(there, capsys):
    folder, _ = there
    code, value = asked(["endpoint", "test", "http://127.0.0.1:1"], folder, capsys)
    assert code == 5
    assert checks(value) == {"health": False}


def test_the_script_with_the_flags_that_users_know(there):
    folder, url = there
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--endpoint", url, "--workspace", str(folder)],
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    assert "parity" in done.stdout


def test_a_load(there, capsys, tmp_path):
    folder, url = there
    report = tmp_path / "load.html"
    arguments = ["loadtest", url, "--rate", "100", "--duration", "1s", "--slo", "p99=5s"]
    code, value = asked([*arguments, "--report", str(report)], folder, capsys)
    assert code == 0
    assert (value["requests"], value["failed"], value["met"]) == (100, 0, True)
    assert 50 < value["throughput"] <= 101
    assert set(value["latency_ms"]) >= {"p50", "p95", "p99"}
    assert "p99=5s is kept." in report.read_text()
    arguments = ["loadtest", url, "--rate", "50", "--duration", "1s", "--slo", "p50=0.001ms"]
    code, value = asked(arguments, folder, capsys)
    assert (code, value["met"]) == (5, False)


def test_what_a_load_test_refuses(there, capsys):
    folder, url = there
    where = ["--workspace", str(folder)]
    assert main(["loadtest", "http://192.0.2.1", *where]) == 2
    assert capsys.readouterr().err == (
        "error: 192.0.2.1 is not this machine, and a load test is an attack on a server of "
        "others\nhint: --yes, when that server is yours and it may be brought to its limits\n"
    )
    assert main(["loadtest", url, "--rate", "1000000", *where]) == 2
    assert main(["loadtest", url, "--api-key", "secret", *where]) == 2
    assert "write env:NAME, never a key itself" in capsys.readouterr().err
    assert main(["loadtest", "nowhere", *where]) == 2
    assert "no environment is named 'nowhere'" in capsys.readouterr().err
