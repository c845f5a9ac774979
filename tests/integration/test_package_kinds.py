"""Each kind of model from elsewhere goes the whole way: packaged, served, deployed, watched."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlwright.core.workspace import Workspace

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]

NAMES = tuple("abcd")
SEEN = {"a": 1.5, "b": -1.0, "c": 0.0, "d": 0.0}
WEIGHTS = np.array([[2.0], [-2.0], [0.0], [0.0]], np.float32)
SENT = 600


@pytest.fixture(scope="module")
def table() -> tuple[Any, Any]:
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(1500, 4))
    noise = generator.normal(size=1500) / 2
    return matrix, np.where(matrix[:, 0] - matrix[:, 1] + noise > 0, "Yes", "No")


@pytest.fixture
def folder(tmp_path: Path, table: tuple[Any, Any]) -> Path:
    matrix, labels = table
    lines = [",".join((*NAMES, "y"))]
    lines += [
        ",".join((*map(repr, row.tolist()), label))
        for row, label in zip(matrix, labels, strict=True)
    ]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    Workspace.create(tmp_path)
    return tmp_path


def of_skops(folder: Path, matrix: Any, labels: Any) -> list[str]:
    skops = pytest.importorskip("skops.io")
    from sklearn.linear_model import LogisticRegression

    skops.dump(LogisticRegression().fit(matrix, labels), folder / "model.skops")
    return ["model.skops"]


def of_xgboost(folder: Path, matrix: Any, labels: Any) -> list[str]:
    xgboost = pytest.importorskip("xgboost")
    params = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1}
    data = xgboost.DMatrix(matrix, (labels == "Yes").astype(int))
    xgboost.train(params, data, 10).save_model(folder / "model.json")
    return ["model.json", "--classes", "No,Yes"]


def of_lightgbm(folder: Path, matrix: Any, labels: Any) -> list[str]:
    lightgbm = pytest.importorskip("lightgbm")
    params = {"objective": "binary", "verbose": -1, "num_threads": 1}
    data = lightgbm.Dataset(matrix, (labels == "Yes").astype(int))
    lightgbm.train(params, data, 10).save_model(folder / "model.txt")
    return ["model.txt", "--classes", "No,Yes"]


def of_onnx(folder: Path, _matrix: Any, _labels: Any) -> list[str]:
    onnx = pytest.importorskip("onnx")
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["p"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", float32, [None, 4])],
        [helper.make_tensor_value_info("p", float32, [None, 1])],
        [onnx.numpy_helper.from_array(WEIGHTS, "w")],
    )
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.save(model, folder / "model.onnx")
    return ["model.onnx", "--classes", "No,Yes"]


def of_mlflow(folder: Path, matrix: Any, labels: Any) -> list[str]:
    import yaml

    file = of_lightgbm(folder, matrix, labels)[0]
    home = folder / "logged"
    home.mkdir()
    (folder / file).rename(home / "model.lgb")
    inputs = [{"name": name, "type": "double", "required": True} for name in NAMES]
    facts = {
        "flavors": {"lightgbm": {"data": "model.lgb"}},
        "signature": {"inputs": json.dumps(inputs)},
    }
    (home / "MLmodel").write_text(yaml.safe_dump(facts))
    return ["logged", "--classes", "No,Yes"]


def of_torchscript(folder: Path, _matrix: Any, _labels: Any) -> list[str]:
    pytest.importorskip("torch", reason="torch is not installed")
    code = """
        import sys, torch
        class Net(torch.nn.Module):
            def forward(self, x):
                return torch.sigmoid(2 * x[:, 0] - 2 * x[:, 1])
        torch.jit.save(torch.jit.trace(Net(), torch.zeros(2, 4)), sys.argv[1])
    """
    written(code, folder / "model.pt")
    return ["model.pt", "--classes", "No,Yes"]


def of_savedmodel(folder: Path, _matrix: Any, _labels: Any) -> list[str]:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    code = """
        import sys, tensorflow as tf
        class Net(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
            def score(self, x):
                return {"p": tf.sigmoid(2 * x[:, 0] - 2 * x[:, 1])}
        net = Net()
        tf.saved_model.save(net, sys.argv[1], signatures={"serving_default": net.score})
    """
    written(code, folder / "saved")
    return ["saved", "--classes", "No,Yes"]


def of_python(folder: Path, _matrix: Any, _labels: Any) -> list[str]:
    (folder / "rule.py").write_text(
        "import numpy as np\n\nclass Rule:\n    def predict(self, columns):\n"
        "        return 1 / (1 + np.exp(2 * (columns['b'] - columns['a'])))\n"
    )
    return ["rule.py:Rule", "--classes", "No,Yes"]


def of_run(folder: Path, _matrix: Any, _labels: Any) -> list[str]:
    command = ["train", "--data", "rows.csv", "--target", "y", "--name", "trained", "--json"]
    return [json.loads(ran(folder, *command))["run_id"]]


def of_registered(folder: Path, _matrix: Any, _labels: Any) -> list[str]:
    of_run(folder, None, None)
    return ["trained:1"]


KINDS: dict[str, Callable[[Path, Any, Any], list[str]]] = {
    "skops": of_skops,
    "xgboost": of_xgboost,
    "lightgbm": of_lightgbm,
    "onnx": of_onnx,
    "mlflow": of_mlflow,
    "torchscript": of_torchscript,
    "savedmodel": of_savedmodel,
    "python": of_python,
    "run": of_run,
    "registered": of_registered,
}


def written(code: str, path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(code), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=200)


def done(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    whole = [sys.executable, "-m", "mlwright", *command]
    return subprocess.run(whole, cwd=folder, capture_output=True, text=True, timeout=300)


def ran(folder: Path, *command: str) -> str:
    found = done(folder, *command)
    assert found.returncode == 0, found.stderr
    return found.stdout


def packaged(folder: Path, verb: str, source: list[str]) -> None:
    """Package a source; one that runs code is refused at first, and then trusted."""
    command = (verb, *source, "--name", "model", "--reference", "rows.csv", "--target", "y")
    first = done(folder, *command)
    if first.returncode:
        trust = first.stderr.partition("trust:")[2]
        assert trust, first.stderr
        (folder / "mlwright.yaml").write_text(f"trust:{trust}")
        ran(folder, *command)


def asked(url: str, rows: list[dict[str, float]]) -> list[dict[str, Any]]:
    body = json.dumps({"records": rows}).encode()
    request = urllib.request.Request(f"{url}/predict", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return list(json.load(answer)["predictions"])


@contextmanager
def served(folder: Path, model: str) -> Iterator[str]:
    command = [sys.executable, "-m", "mlwright", "serve", model, "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines: list[str] = []
        try:
            while not (found := re.search(r"http://[\d.:]+", lines[-1] if lines else "")):
                lines.append(process.stderr.readline())
                assert lines[-1], "".join(lines)
            yield found[0]
        finally:
            process.terminate()
            process.wait(40)


def whole_way(folder: Path, verb: str, source: list[str], table: tuple[Any, Any]) -> None:
    packaged(folder, verb, source)
    with served(folder, "model") as url:
        (answer,) = asked(url, [SEEN])
    assert (answer["prediction"], answer["model_version"]) == ("Yes", 1)
    assert answer["probability"] > 0.8
    try:
        told = json.loads(
            ran(folder, "deploy", "model", "testing", "--port", "0", "--yes", "--json")
        )
        rows = [dict(zip(NAMES, row, strict=True)) for row in table[0][:SENT].tolist()]
        sent = [
            each["prediction"]
            for start in range(0, SENT, 20)
            for each in asked(told["url"], rows[start : start + 20])
        ]
        assert np.mean(np.array(sent) == table[1][:SENT]) > 0.8
        checked = json.loads(ran(folder, "monitor", "check", "testing", "--json"))
        assert (checked["verdict"], checked["rows"]) == ("ok", SENT)
    finally:
        done(folder, "stop", "testing", "--yes")


@pytest.mark.parametrize("kind", KINDS)
def test_from_a_file_to_a_watched_environment(kind, folder, table):
    whole_way(folder, "package", KINDS[kind](folder, *table), table)


def test_from_an_address_to_a_watched_environment(folder, table, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    Workspace.create(elsewhere)
    (elsewhere / "rows.csv").write_text((folder / "rows.csv").read_text())
    packaged(elsewhere, "package", of_skops(elsewhere, *table))
    with served(elsewhere, "model") as url:
        whole_way(folder, "adopt", [f"{url}/predict", "--timeout", "20"], table)
