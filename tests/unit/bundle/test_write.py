import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlwright.bundle import write as writing
from mlwright.bundle.bundle import Bundle
from mlwright.bundle.plan import NumberStep, Plan
from mlwright.bundle.sources import LinearSource
from mlwright.bundle.write import place_files, write
from mlwright.core.errors import BundleError, ConfigError, SignatureError


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_bundle_knows_everything(example, tmp_path):
    draft = example.draft
    bundle = Bundle.open(write(draft, tmp_path).path)
    assert bundle.path == tmp_path / bundle.hash
    assert bundle.name == "churn"
    assert bundle.algorithm == "lightgbm"
    assert bundle.runtime == "onnx"
    assert bundle.signature == draft.signature
    assert bundle.plan == draft.plan
    assert bundle.profile == draft.profile
    assert bundle.threshold == 0.4
    assert bundle.params == {"num_leaves": 7}
    assert bundle.metrics["holdout"]["auc"]["value"] == 0.8
    assert bundle.importance == {"tenure": 0.6, "contract": 0.4}
    assert bundle.data == {"fingerprint": "f" * 64}
    assert bundle.card == "# churn\n"
    assert bundle.runs_code is False
    packages = [package.partition("==")[0] for package in bundle.requirements]
    assert packages == ["mlwright", "numpy", "onnxruntime"]


def test_the_compiled_model_is_the_original(example, tmp_path):
    bundle = write(example.draft, tmp_path)
    expected = example.booster.predict(example.draft.plan.encode(example.columns))
    assert bundle.model().scores(example.columns) == pytest.approx(expected, abs=1e-12)
    assert bundle.parity["compiled"] is True
    assert bundle.parity["rows"] == 400
    assert bundle.parity["edge_rows"] > 100
    assert bundle.parity["flipped"] == 0
    assert bundle.parity["difference"] < 1e-12
    assert bundle.parity["reason"] == ""


def test_rows_and_columns_are_predicted_alike(example, tmp_path):
    model = write(example.draft, tmp_path).model()
    model.check_rows(example.rows)
    by_row, by_column = model.predict_rows(example.rows), model.predict(example.columns)
    assert by_row.prediction == by_column.prediction
    assert np.array_equal(by_row.scores, by_column.scores)
    assert set(by_row.prediction) == {"No", "Yes"}


def test_samples_carry_what_the_model_says(example, tmp_path):
    bundle = write(example.draft, tmp_path)
    answers = bundle.model().predict_rows(example.rows[:3])
    assert [sample["features"] for sample in bundle.samples] == example.rows[:3]
    assert [sample["prediction"] for sample in bundle.samples] == answers.prediction
    assert [sample["score"] for sample in bundle.samples] == answers.scores.tolist()


def test_a_sample_that_does_not_fit_is_refused_and_nothing_is_left(example, tmp_path):
    with pytest.raises(SignatureError):
        write(replace(example.draft, samples=[{}]), tmp_path)
    assert listing(tmp_path) == []


def test_equal_drafts_make_one_bundle(example, tmp_path):
    first = write(example.draft, tmp_path)
    second = write(replace(example.draft, importance={"contract": 0.4, "tenure": 0.6}), tmp_path)
    assert first.hash == second.hash
    assert listing(tmp_path) == [first.hash]
    assert write(replace(example.draft, threshold=0.5), tmp_path).hash != first.hash


def test_a_linear_model_needs_numpy_alone(example, tmp_path):
    plan = Plan((NumberStep("tenure", fill=0.0),))
    source = LinearSource(np.array([0.1]), -1.0, "logistic")
    draft = replace(example.draft, plan=plan, source=source, algorithm="linear")
    bundle = write(draft, tmp_path)
    assert bundle.requirements[1:] == [f"numpy=={np.__version__}"]
    assert bundle.parity == {"compiled": False, "reason": "a linear model runs as it is"}
    expected = 1 / (1 + np.exp(1 - 0.1 * example.columns["tenure"]))
    assert bundle.model().scores(example.columns) == pytest.approx(expected)


def test_an_interrupted_write_leaves_nothing(example, tmp_path, monkeypatch):
    def interrupted(path, data):
        if path.name == "bundle.json":
            raise KeyboardInterrupt
        path.write_bytes(data)

    monkeypatch.setattr(writing, "_write_through", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(example.draft, tmp_path)
    assert listing(tmp_path) == []


def test_what_a_killed_writer_left_is_no_bundle_and_is_swept(example, tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead = tmp_path / f".writing-{child.pid}-x"
    alive = tmp_path / f".writing-{os.getpid()}-x"
    for folder in (dead, alive):
        folder.mkdir()
        (folder / "plan.json").write_text("{")
    with pytest.raises(BundleError):
        Bundle.open(dead)
    bundle = write(example.draft, tmp_path)
    assert listing(tmp_path) == sorted([bundle.hash, alive.name])


def test_a_damaged_bundle_is_replaced_by_the_same_one(example, tmp_path):
    bundle = write(example.draft, tmp_path)
    (bundle.path / "card.md").write_text("other")
    assert write(example.draft, tmp_path).hash == bundle.hash
    assert Bundle.open(bundle.path).card == "# churn\n"


def test_a_folder_that_cannot_be_written_is_named(example, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        write(example.draft, tmp_path / "file")
    assert str(caught.value) == f"{tmp_path / 'file'}: the bundle cannot be written: File exists"
    assert caught.value.hint == "make room, or make the folder writable"


def test_files_can_be_sealed_anew(example, tmp_path):
    bundle = write(example.draft, tmp_path)
    other = place_files(bundle.facts, {**bundle.files, "samples.json": []}, tmp_path)
    assert other.hash != bundle.hash
    assert other.samples == []
    assert other.model().scores(example.columns).shape == (400,)


SERVE = """
import json, sys
from pathlib import Path
from mlwright.bundle.bundle import Bundle
bundle = Bundle.open(Path(sys.argv[1]))
model = bundle.model()
rows = [sample["features"] for sample in bundle.samples]
model.check_rows(rows)
bundle.profile
heavy = {"lightgbm", "sklearn", "polars", "pandas", "scipy", "mlflow", "onnx", "sqlalchemy"}
print(json.dumps([sorted(heavy & set(sys.modules)), model.predict_rows(rows).prediction]))
"""


def test_serving_imports_only_the_base_install(example, tmp_path):
    bundle = write(example.draft, tmp_path)
    command = [sys.executable, "-c", SERVE, str(bundle.path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    predicted = [sample["prediction"] for sample in bundle.samples]
    assert json.loads(answer.stdout) == [[], predicted]


def test_bundles_are_flat(example, tmp_path):
    assert all(path.is_file() for path in Path(write(example.draft, tmp_path).path).iterdir())
