"""A bundle needs what its requirements name, and nothing else of the laptop that made it."""

import json
import subprocess
import sys

import lightgbm
import numpy as np
import pytest

from mlwright.bundle.plan import NumberStep, OneHotStep, OrdinalStep, Plan
from mlwright.bundle.sources import LightGBMSource, LinearSource
from mlwright.bundle.write import Draft, write
from mlwright.core.signature import Column, Signature
from mlwright.profile.make import profile

SIGNATURE = Signature(
    (Column("age", "number", True), Column("plan", "category", True)), "binary", "left", (0, 1)
)
ROWS = [{"age": 31, "plan": "b"}, {"age": None, "plan": None}, {"age": 60.5, "plan": "new"}]

PREDICT = """
import json, sys

REFUSED = json.loads(sys.argv[2])

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ImportError(f"{name} is not in an inference image")

sys.meta_path.insert(0, Refuse())
from pathlib import Path
import numpy as np
from mlwright.bundle.bundle import Bundle

model = Bundle.open(Path(sys.argv[1])).model()
rows = json.loads(sys.argv[3])
model.check_rows(rows)
columns = {
    "age": np.array([np.nan if row["age"] is None else row["age"] for row in rows]),
    "plan": np.array([row["plan"] for row in rows], object),
}
found = [model.predict_rows(rows).scores.tolist(), model.scores(columns).tolist()]
print(json.dumps([found, sorted(set(sys.modules) & set(REFUSED))]))
"""


def bundle_of(kind, folder):
    generator = np.random.default_rng(0)
    columns = {
        "age": generator.normal(40, 10, 300),
        "plan": generator.choice(np.array(["a", "b", None], object), 300),
    }
    if kind == "linear":
        plan = Plan((NumberStep("age", fill=40.0, scale=10.0), OneHotStep("plan", ("a", "b"))))
        source = LinearSource(np.array([0.3, -1.0, 1.0]), 0.1, "logistic")
    else:
        plan = Plan((NumberStep("age"), OrdinalStep("plan", ("a", "b"))))
        params = {"objective": "binary", "verbose": -1, "num_threads": 1}
        data = lightgbm.Dataset(plan.encode(columns), columns["age"] > 40)
        source = LightGBMSource(lightgbm.train(params, data, 10).model_to_string())
    draft = Draft(
        name="left",
        signature=SIGNATURE,
        plan=plan,
        source=source,
        algorithm=kind,
        profile=profile(columns, SIGNATURE),
        card="# left\n",
        check_columns=columns,
        threshold=0.5,
    )
    return write(draft, folder)


@pytest.mark.parametrize(
    ("kind", "needs"),
    [("linear", {"mlwright", "numpy"}), ("lightgbm", {"mlwright", "numpy", "onnxruntime"})],
)
def test_a_bundle_predicts_with_its_requirements_alone(tmp_path, kind, needs):
    bundle = bundle_of(kind, tmp_path)
    assert {each.partition("==")[0] for each in bundle.requirements} == needs
    refused = [
        *("sklearn", "skops", "pandas", "lightgbm", "xgboost", "polars", "pyarrow", "scipy"),
        *("mlflow", "onnx", "matplotlib", "optuna", "torch"),
    ]
    if "onnxruntime" not in needs:
        refused.append("onnxruntime")
    command = [sys.executable, "-c", PREDICT]
    command += [str(bundle.path), json.dumps(refused), json.dumps(ROWS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    (by_row, by_column), imported = json.loads(done.stdout)
    assert by_row == bundle.model().predict_rows(ROWS).scores.tolist()
    assert by_column == pytest.approx(by_row, abs=1e-12)
    assert imported == []
