import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from mlwright.core.errors import BundleError, ConfigError
from mlwright.core.workspace import Workspace
from mlwright.train.choices import Choices
from mlwright.train.fit import train
from mlwright.train.frameworks import FRAMEWORKS, Problem, Rows
from mlwright.train.verify import verify

pytestmark = pytest.mark.heavy

FAST = {"learning_rate": 0.005, "batch": 32, "rounds": 3}


@pytest.fixture
def problem(tiny_transformer):
    return Problem("binary", 2, 0, device="cpu", base=str(tiny_transformer))


def table(rows=150, classes=2, seed=0):
    """Texts whose words say how they are rated, but for some noise, and a null among them."""
    rng = np.random.default_rng(seed)
    words = [rng.integers(0, 60, rng.integers(3, 9)) for _ in range(rows)]
    mood = [int(w.mean() + rng.normal() * 2) * classes // 60 for w in words]
    texts = [" ".join(f"w{n}" for n in each) for each in words]
    return pl.DataFrame({"text": [None, *texts[1:]], "mood": [f"class {m}" for m in mood]})


def trained(folder, base, *, classes=2, **wanted):
    data = table(classes=classes)
    data.write_csv(folder / "texts.csv")
    return train(
        Workspace.create(folder),
        data,
        target="mood",
        name="mood",
        algorithm="transformer",
        params=FAST,
        choices=Choices(base=str(base), device="cpu", **wanted),
        source=folder / "texts.csv",
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_from_texts_to_a_bundle_that_needs_no_torch(tmp_path, tiny_transformer, classes):
    found = trained(tmp_path, tiny_transformer, classes=classes)
    assert set(found.baselines) == {"dummy", "linear"}
    bundle = found.bundle
    assert bundle.runtime == "transformer"
    parity = json.loads(bundle.files["parity.json"])
    assert parity["compiled"] is True
    assert parity["passed"] is True
    assert parity["edge_rows"] >= 9
    assert [line.partition("==")[0] for line in bundle.requirements] == [
        "mlwright",
        "numpy",
        "onnxruntime",
        "tokenizers",
    ]
    assert bundle.importance == {"text": 1.0}
    script = f"""
import sys
for name in ("torch", "transformers", "sklearn", "polars", "huggingface_hub"):
    sys.modules[name] = None
from pathlib import Path
from mlwright.bundle.bundle import Bundle
model = Bundle.open(Path({str(bundle.path)!r})).model()
rows = [{{"text": t}} for t in ("w1 w2", None, "", "w50 " * 999, "\\ud800 \\U0001f600")]
model.check_rows(rows)
print(len(model.predict_rows(rows).prediction))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "5\n"


def test_a_run_is_verified_to_the_bit(tmp_path, tiny_transformer):
    found = trained(tmp_path, tiny_transformer, class_weight="balanced")
    assert verify(Workspace.find(tmp_path), found.run_id).reproduced


def tokens(rows=64, seed=0):
    rng = np.random.default_rng(seed)
    return Rows(rng.integers(5, 65, (rows, 6)).astype(float), rng.integers(0, 2, rows))


def test_weights_are_heeded(problem):
    framework, rows = FRAMEWORKS.load("transformer"), tokens()
    params = framework.params({**FAST, "warmup": 0.0}, problem=problem, rows=64)
    heavy = replace(rows, weights=np.where(rows.target == 1, 50.0, 1.0))
    plain, tilted = (
        framework.fit(problem, each, params=params, rounds=6).scores(rows.matrix).mean()
        for each in (rows, heavy)
    )
    assert tilted > plain + 0.1


def test_a_model_that_was_not_exported_as_it_is_makes_no_bundle(tmp_path, problem):
    from mlwright.bundle.compile import compiled
    from mlwright.bundle.plan import NumberStep, Plan
    from mlwright.core.signature import Column, Signature

    framework, rows = FRAMEWORKS.load("transformer"), tokens()
    params = framework.params(FAST, problem=problem, rows=64)
    fitted = framework.fit(problem, rows, params=params, rounds=1)
    source = fitted.source()
    other = framework.fit(problem, rows, params=params, rounds=2)
    wrong = replace(source, original=other)
    plan = Plan((NumberStep("a"),))
    signature = Signature((Column("a", "number"),), "binary", "t", ("n", "y"))
    columns = {"a": np.arange(5.0, 25.0)}
    # Numbers have extremes among their edge rows, which are no tokens.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlwright.bundle.parity._EXTREMES", (7.0,))
        assert compiled(source, plan, columns, signature, threshold=0.5).parity["passed"]
        with pytest.raises(BundleError, match="the exported model is not the one that was fitted"):
            compiled(wrong, plan, columns, signature, threshold=0.5)


def copied(folder, base, **config):
    folder.mkdir()
    for file in base.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    known = json.loads((base / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**known, **config}))
    return folder


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"model_type": "none-such"}, "cannot be read: "),
        (
            {"model_type": "none-such", "auto_map": {"AutoConfig": "evil.Config"}},
            "cannot be read: ",
        ),
        ({"pad_token_id": None}, "has no token to fill texts up with"),
    ],
)
def test_bases_that_are_refused(tmp_path, problem, tiny_transformer, config, says):
    folder = copied(tmp_path / "base", tiny_transformer, **config)
    (folder / "evil.py").write_text("import pathlib; pathlib.Path('ran').touch(); Config = 1")
    problem = replace(problem, base=str(folder))
    framework = FRAMEWORKS.load("transformer")
    params = framework.params(FAST, problem=problem, rows=64)
    with pytest.raises(ConfigError) as caught:
        framework.fit(problem, tokens(), params=params, rounds=1)
    assert str(caught.value).startswith(f"the base model in {folder} {says}")
    assert caught.value.hint


def test_weights_that_are_cut_short(tmp_path, problem, tiny_transformer):
    folder = copied(tmp_path / "base", tiny_transformer)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    problem = replace(problem, base=str(folder))
    framework = FRAMEWORKS.load("transformer")
    params = framework.params(FAST, problem=problem, rows=64)
    with pytest.raises(ConfigError, match="cannot be read"):
        framework.fit(problem, tokens(), params=params, rounds=1)


def test_a_base_that_has_changed_since(tmp_path, problem, tiny_transformer):
    folder = copied(tmp_path / "base", tiny_transformer)
    problem = replace(problem, base=str(folder))
    framework = FRAMEWORKS.load("transformer")
    params = framework.params({}, problem=problem, rows=64)
    copied(tmp_path / "other", tiny_transformer, hidden_act="relu")
    (folder / "config.json").write_bytes((tmp_path / "other" / "config.json").read_bytes())
    with pytest.raises(ConfigError) as caught:
        framework.params(params, problem=problem, rows=64)
    assert str(caught.value) == (
        f"the base model in {folder} is not the one that this model was made from"
    )


def test_no_base():
    with pytest.raises(ConfigError) as caught:
        FRAMEWORKS.load("transformer").params({}, problem=Problem("binary", 2, 0), rows=64)
    assert str(caught.value) == "transformer needs a model to start from"
    assert caught.value.hint == "--base FOLDER_OR_ID, or model.base in mlwright.yaml"
