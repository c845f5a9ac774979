"""`package`, `adopt` and `models` as a user calls them."""

import json
import random
from pathlib import Path

import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from mlwright.cli.main import main

RULE = """
import numpy as np
class Rule:
    def predict(self, columns):
        return 1 / (1 + np.exp(-columns["a"]))
"""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chance = random.Random(0)
    rows = [[chance.gauss(0, 1), chance.gauss(0, 1)] for _ in range(100)]
    truth = ["Yes" if a > b else "No" for a, b in rows]
    skops.io.dump(LogisticRegression().fit(rows, truth), "model.skops")
    lines = [f"{a},{b},{y}" for (a, b), y in zip(rows, truth, strict=True)]
    Path("rows.csv").write_text("\n".join(["a,b,left", *lines]) + "\n")
    Path("rule.py").write_text(RULE)


def package(*more):
    return main(["package", "model.skops", "--reference", "rows.csv", *more])


def test_a_file_becomes_a_version_that_predicts(capsys):
    assert package("--target", "left", "--name", "churn", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["model"], found["version"], found["runtime"]) == ("churn", 1, "linear")
    assert found["metrics"]["reference"]["accuracy"]["value"] > 0.9
    assert main(["predict", "churn", "--input", "rows.csv", "--output", "out.csv"]) == 0
    assert len(Path("out.csv").read_text().splitlines()) == 101


def test_the_file_is_what_the_model_is_called_by_default(capsys):
    assert package("--target", "left") == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("model     model:1\nfrom      model.skops\nruntime   linear\n")
    assert shown.err.endswith("next: mlwright serve model:1, or mlwright deploy model:1 staging\n")


def test_code_is_refused_then_trusted_then_used(capsys):
    arguments = ["--reference", "rows.csv", "--target", "left", "--classes", "No,Yes"]
    assert main(["package", "rule.py:Rule", *arguments]) == 2
    message = capsys.readouterr().err
    assert "error: rule.py:Rule runs code of its own when it is loaded, and is not trusted\n" in (
        message
    )
    Path("mlwright.yaml").write_text(message.split("mlwright.yaml:\n")[1])
    assert main(["package", "rule.py:Rule", *arguments]) == 0
    predict = ["predict", "rule", "--input", "rows.csv", "--output", "out.csv"]
    assert main(predict) == 0
    Path("mlwright.yaml").unlink()
    capsys.readouterr()
    for command in (predict, ["deploy", "rule", "staging"], ["validate", "rule"]):
        more = ["--test-data", "rows.csv"] if command[0] == "validate" else []
        assert main([*command, *more]) == 2
        assert "runs code of its own when it is loaded" in capsys.readouterr().err


def test_a_trusted_hash_is_checked(capsys):
    Path("mlwright.yaml").write_text("trust:\n  bundles: [abc]\n")
    assert package("--target", "left") == 2
    assert "trust.bundles" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["package", "http://127.0.0.1:1/x"],
            "error: an endpoint cannot be packaged, only adopted\nhint: mlwright adopt "
            "http://127.0.0.1:1/x --name NAME --reference FILE\n",
        ),
        (
            ["adopt", "model.skops", "--name", "x", "--reference", "rows.csv", "--token", "abc"],
            "error: a token is given as a reference\nhint: --token env:NAME\n",
        ),
        (
            ["models", "promote", "model"],
            "error: 'model' does not say which version\n"
            "hint: mlwright models promote NAME:N; mlwright models list shows them\n",
        ),
        (
            ["models", "promote", "model:9"],
            "error: model 'model' has no version '9'\nhint: it has: 1, 2\n",
        ),
    ],
)
def test_what_is_wrong(capsys, arguments, text):
    assert package("--target", "left") == 0
    assert package("--target", "left") == 0
    capsys.readouterr()
    assert main(arguments) == 2
    assert capsys.readouterr().err == text


def test_a_version_is_promoted_exported_and_has_a_card(capsys):
    assert package("--target", "left") == 0
    assert package("--target", "left") == 0
    capsys.readouterr()
    assert main(["models", "promote", "model:2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["aliases"], found["previous"]) == (2, ["champion"], 1)
    assert main(["models", "export", "model", "--format", "onnx"]) == 0
    assert capsys.readouterr().out == "model-2.onnx\n"
    assert main(["models", "export", "model", "--format", "onnx"]) == 2
    assert capsys.readouterr().err == (
        "error: model-2.onnx is there already\nhint: name another --output\n"
    )
    assert main(["models", "card", "model"]) == 0
    assert "It was made elsewhere and packaged from model\\.skops" in (
        capsys.readouterr().out.replace("model.skops", "model\\.skops")
    )
