"""Exports say what the model says, to whoever reads them with the form's own library."""

import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import onnxruntime
import pytest

from mlwright.bundle.calibration import Calibration, Line
from mlwright.bundle.export import EXPORTERS, export
from mlwright.bundle.export.onnx import tensors
from mlwright.bundle.export.schemas import proto_text
from mlwright.bundle.odd_rows import like, odd
from mlwright.bundle.plan import (
    BooleanStep,
    NumberStep,
    OneHotStep,
    OrdinalStep,
    Plan,
    TargetStep,
    TfidfStep,
)
from mlwright.bundle.sources import LinearSource, NetworkSource
from mlwright.bundle.write import write
from mlwright.core.errors import BundleError, ConfigError, UnknownBackend
from mlwright.core.signature import Column, Signature
from mlwright.profile.make import profile

PLAN = Plan(
    (
        NumberStep("tenure", fill=30.0, center=31.5, scale=12.25),
        NumberStep("charges"),
        OrdinalStep("contract", ("monthly", "yearly"), null=7.0),
        OneHotStep("contract", ("monthly", None)),
        OneHotStep("gender", ("f", "m")),
        TargetStep("gender", ("f", "m"), ((0.25,), (0.5,)), (0.33,)),
        BooleanStep("partner", fill=0.0),
        OneHotStep("tenure", (3.0, 5.0, None)),
    )
)


def bundle_of(example, folder, plan, source, **changed):
    draft = replace(example.draft, plan=plan, source=source, calibration=None, **changed)
    return write(draft, folder)


def linear(plan, outputs=1, link="logistic"):
    generator = np.random.default_rng(2)
    width = len(plan.features)
    if outputs > 1:
        return LinearSource(generator.normal(size=(outputs, width)), generator.normal(size=3), link)
    return LinearSource(generator.normal(size=width), 0.25, link)


def without_nan(plan):
    """A linear model gives NaN at NaN; the numbers here are all filled."""
    steps = [replace(s, fill=1.0) if isinstance(s, NumberStep) else s for s in plan.steps]
    return Plan(tuple(steps))


def run(path, bundle):
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    real = like(bundle.profile, bundle.plan, bundle.signature)
    parts = [real, *odd(bundle.plan, bundle.signature, real)]
    columns = {n: np.concatenate([p[n] for p in parts]) for n in bundle.signature.names}
    named = dict(
        zip(
            [each.name for each in session.get_outputs()],
            session.run(None, tensors(columns)),
            strict=True,
        )
    )
    return columns, named


def test_a_whole_linear_model_with_every_encoding(example, tmp_path):
    plan = without_nan(PLAN)
    bundle = bundle_of(example, tmp_path / "b", plan, linear(plan))
    done = export(bundle, "onnx", tmp_path / "m.onnx")
    assert done.paths == (tmp_path / "m.onnx",)
    columns, found = run(tmp_path / "m.onnx", bundle)
    expected = bundle.model().predict(columns)
    assert found["probabilities"][:, 1] == pytest.approx(expected.scores, abs=1e-12)
    assert found["probabilities"].sum(axis=1) == pytest.approx(1.0)
    assert found["label"].tolist() == expected.prediction


def test_whole_compiled_trees(example, tmp_path):
    bundle = write(example.draft, tmp_path / "b")
    export(bundle, "onnx", tmp_path / "m.onnx")
    columns, found = run(tmp_path / "m.onnx", bundle)
    expected = bundle.model().predict(columns)
    assert np.ptp(expected.scores) > 0.5
    assert found["probabilities"][:, 1] == pytest.approx(expected.scores, abs=1e-12)
    assert found["label"].tolist() == expected.prediction


def test_a_calibrated_model(example, tmp_path):
    line = Line(np.array([0.0, 0.2, 0.2, 0.7, 1.0]), np.array([0.01, 0.1, 0.3, 0.4, 0.99]))
    draft = replace(example.draft, calibration=Calibration("isotonic", (line,)))
    bundle = write(draft, tmp_path / "b")
    export(bundle, "onnx", tmp_path / "m.onnx")
    columns, found = run(tmp_path / "m.onnx", bundle)
    expected = bundle.model().scores(columns)
    assert found["probabilities"][:, 1] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("calibrated", [False, True])
def test_several_classes_and_a_number(example, tmp_path, calibrated):
    plan = without_nan(PLAN)
    signature = replace(example.draft.signature, task="multiclass", classes=(2, 5, 9))
    line = Line(np.array([0.0, 1.0]), np.array([0.1, 0.9]))
    calibration = Calibration("sigmoid", (line, line, line)) if calibrated else None
    many = replace(
        example.draft,
        plan=plan,
        source=linear(plan, 3, "softmax"),
        signature=signature,
        calibration=calibration,
        profile=profile(example.columns, signature),
        threshold=None,
    )
    bundle = write(many, tmp_path / "b")
    export(bundle, "onnx", tmp_path / "m.onnx")
    columns, found = run(tmp_path / "m.onnx", bundle)
    expected = bundle.model().predict(columns)
    assert found["probabilities"] == pytest.approx(expected.scores, abs=1e-12)
    assert found["label"].tolist() == expected.prediction

    one = replace(many, signature=replace(signature, task="regression", classes=()))
    one = replace(one, source=linear(plan, link="identity"), calibration=None)
    bundle = write(one, tmp_path / "c")
    export(bundle, "onnx", tmp_path / "n.onnx")
    columns, found = run(tmp_path / "n.onnx", bundle)
    assert found["prediction"] == pytest.approx(bundle.model().scores(columns))


def network(plan):
    generator = np.random.default_rng(3)
    widths = (len(plan.features), 5, 1)
    layers = [
        (generator.normal(size=(a, b)), generator.normal(size=b)) for a, b in pairwise(widths)
    ]
    return NetworkSource(layers, "logistic")


def test_a_network(example, tmp_path):
    plan = without_nan(PLAN)
    bundle = bundle_of(example, tmp_path / "b", plan, network(plan))
    export(bundle, "onnx", tmp_path / "m.onnx")
    columns, found = run(tmp_path / "m.onnx", bundle)
    assert found["probabilities"][:, 1] == pytest.approx(bundle.model().scores(columns), abs=1e-12)


def test_texts_leave_the_encoding_beside_the_graph(example, tmp_path):
    plan = Plan((NumberStep("tenure"), TfidfStep("gender", ("f", "m"), (1.0, 1.5))))
    bundle = bundle_of(example, tmp_path / "b", plan, linear(plan))
    done = export(bundle, "onnx", tmp_path / "m.onnx")
    assert done.paths == (tmp_path / "m.onnx", tmp_path / "m.plan.json")
    assert done.notes == (
        "not the whole model: ONNX has no exact word for the texts of 'gender'",
        "the model takes encoded features; m.plan.json says how columns become them",
    )
    beside = json.loads((tmp_path / "m.plan.json").read_text())
    assert Plan.from_json(beside) == plan
    session = onnxruntime.InferenceSession((tmp_path / "m.onnx").read_bytes())
    matrix = plan.encode(example.columns)
    found = session.run(["probabilities"], {"features": matrix})[0][:, 1]
    assert found == pytest.approx(bundle.model().scores(example.columns), abs=1e-12)


def test_an_empty_text_that_is_a_category_is_no_null(example, tmp_path):
    plan = Plan((OneHotStep("contract", ("", "monthly", None)),))
    bundle = bundle_of(example, tmp_path / "b", plan, linear(plan))
    done = export(bundle, "onnx", tmp_path / "m.onnx")
    assert done.notes[0] == (
        'not the whole model: "" is a category of its own, and would be a null in ONNX'
    )


def test_json_schema_takes_the_sample_rows(example, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    bundle = write(example.draft, tmp_path / "b")
    export(bundle, "jsonschema", tmp_path / "m.json")
    document = json.loads((tmp_path / "m.json").read_text())
    validator = jsonschema.Draft202012Validator(document)
    jsonschema.Draft202012Validator.check_schema(document)
    for sample in bundle.samples:
        answer = {"prediction": sample["prediction"], "probability": sample["score"]}
        validator.validate({"input": sample["features"], "output": answer})
        wrong = {**sample["features"], "tenure": "40"}
        assert not validator.is_valid({"input": wrong, "output": answer})


ODD_NAMES = ("a b", "A_B", "aB", "9 lives", "naïve", '"quoted"', "back\\slash", "a\nb", "Ünï")


def test_protoc_compiles_the_messages(example, tmp_path):
    pytest.importorskip("grpc_tools")
    from google.protobuf import descriptor_pb2

    bundle = write(example.draft, tmp_path / "b")
    export(bundle, "proto", tmp_path / "m.proto")
    odd_inputs = tuple(Column(name, "text") for name in ODD_NAMES)
    text = proto_text(Signature(odd_inputs, "multiclass", "y", ("x", "z", "w")), "9-lives")
    (tmp_path / "odd.proto").write_text(text)
    out = tmp_path / "out.pb"
    # In a process of its own: it does not bear TensorFlow's protobuf beside it.
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{tmp_path}", f"-o{out}"]
    subprocess.run([*command, tmp_path / "m.proto", tmp_path / "odd.proto"], check=True)
    found = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    names = [[f.json_name for f in file.message_type[0].field] for file in found.file]
    assert names == [list(bundle.signature.names), list(ODD_NAMES)]


def test_refusals(example, tmp_path):
    bundle = write(example.draft, tmp_path / "b")
    (tmp_path / "there").touch()
    with pytest.raises(ConfigError) as caught:
        export(bundle, "proto", tmp_path / "there")
    assert str(caught.value) == f"{tmp_path / 'there'} is there already"
    with pytest.raises(UnknownBackend) as unknown:
        export(bundle, "onix", tmp_path / "m")
    assert str(unknown.value) == "no export format named 'onix'; did you mean 'onnx'?"
    assert unknown.value.hint == f"available: {', '.join(EXPORTERS.names())}"
    for form in ("torchscript", "savedmodel"):
        with pytest.raises(BundleError, match="a model that runs on onnx is no network"):
            export(bundle, form, tmp_path / form)
        assert not (tmp_path / form).exists()


@pytest.mark.heavy
def test_mlflow_loads_the_folder(example, tmp_path):
    mlflow = pytest.importorskip("mlflow.pyfunc")
    import pandas as pd

    bundle = write(example.draft, tmp_path / "b")
    export(bundle, "mlflow", tmp_path / "m")
    found = mlflow.load_model(str(tmp_path / "m")).predict(pd.DataFrame(example.rows))
    assert found["probability"].tolist() == bundle.model().scores(example.columns).tolist()


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", [linear, network])
def test_torch_runs_the_script(example, tmp_path, kind):
    torch = pytest.importorskip("torch")
    plan = without_nan(PLAN)
    bundle = bundle_of(example, tmp_path / "b", plan, kind(plan))
    done = export(bundle, "torchscript", tmp_path / "m.pt")
    assert done.paths == (tmp_path / "m.pt", tmp_path / "m.plan.json")
    matrix = plan.encode(example.columns)
    found = torch.jit.load(tmp_path / "m.pt")(torch.from_numpy(matrix)).detach().numpy()
    assert found == pytest.approx(bundle.model().scores(example.columns), abs=1e-12)


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
def test_tensorflow_runs_the_saved_model(example, tmp_path):
    tf = pytest.importorskip("tensorflow")
    plan = without_nan(PLAN)
    bundle = bundle_of(example, tmp_path / "b", plan, network(plan))
    export(bundle, "savedmodel", tmp_path / "m")
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    found = loaded.serve(plan.encode(example.columns))
    expected = bundle.model().scores(example.columns)
    assert np.asarray(found).ravel() == pytest.approx(expected, abs=1e-9)
