"""What is wrong with a source or a reference is said in full, with the next step."""

import io
import zipfile

import numpy as np
import onnx
import polars as pl
import pytest
import skops.io
from onnx import helper
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from mlwright.bundle.imports.asked import Reference
from mlwright.bundle.imports.kinds import kind_of
from mlwright.bundle.trust import Trust
from mlwright.core.errors import MlwrightError
from mlwright.track import models


def said(error):
    return f"{error.value}\n{error.value.hint}"


@pytest.fixture
def linear(numbers, tmp_path):
    path = tmp_path / "m.skops"
    skops.io.dump(LogisticRegression().fit(numbers.frame, numbers.target), path)
    return path


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        (
            "m.pkl",
            b"x",
            "{path} is of no kind that is known\na pickle runs whatever code its author put in: "
            "save it with skops.io.dump(model, 'model.skops'), or with the library's own format",
        ),
        (
            "m.onx",
            b"x",
            "{path} is of no kind that is known; did you mean '.onnx'?\nknown are .json, .lgb, "
            ".onnx, .pt, .skops, .ts, .txt, .ubj, a folder of MLflow's or a SavedModel, and "
            "path/to/model.py:Class",
        ),
        (
            "m.py",
            b"x",
            "{path} is of no kind that is known\nsay which class: path/to/model.py:Class",
        ),
        (
            "m.txt",
            b"tree\nversion=v4\n",
            "{path} is no LightGBM model, or is cut off\n"
            "save it again with booster.save_model('model.txt')",
        ),
        (
            "m.json",
            b'{"learner": {"obj',
            "{path} is no XGBoost model, or is cut off\n"
            "save it again with booster.save_model('model.json')",
        ),
        (
            "m.onnx",
            b"\x08\x08\x12",
            "{path} is no ONNX model, or is cut off: DecodeError\nexport it again",
        ),
        (
            "m.skops",
            b"PK",
            "the scikit-learn model cannot be read: File is not a zip file\n"
            "save it again with skops.io.dump(estimator, 'model.skops')",
        ),
        (
            "m.pt",
            b"PK",
            "{path} is no TorchScript archive, or is cut off\n"
            "save it with torch.jit.save(torch.jit.script(model), 'model.pt')",
        ),
    ],
)
def test_a_file_that_is_no_model(packaged, numbers, tmp_path, name, content, text):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MlwrightError) as caught:
        packaged(path, numbers.asked())
    assert said(caught) == text.format(path=path)


def test_weights_alone_are_no_torchscript(packaged, numbers, tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("m/data.pkl", b"")
    (tmp_path / "m.pt").write_bytes(file.getvalue())
    with pytest.raises(MlwrightError, match="holds weights alone"):
        packaged(tmp_path / "m.pt", numbers.asked())


def test_an_empty_folder_and_a_name_that_is_near(tmp_path):
    with pytest.raises(MlwrightError) as caught:
        kind_of(str(tmp_path))
    assert str(caught.value) == f"the folder {tmp_path} holds no model that is known"
    (tmp_path / "model.onnx").touch()
    with pytest.raises(MlwrightError) as caught:
        kind_of(str(tmp_path / "modle.onnx"))
    assert caught.value.hint == "did you mean 'model.onnx'?"


def test_a_reference_whose_columns_have_other_names(packaged, numbers, linear):
    table = numbers.asked().reference.table.rename({"a": "aa", "b": "age"})
    with pytest.raises(MlwrightError) as caught:
        packaged(linear, numbers.asked(reference=Reference(table, "r.csv")))
    assert said(caught) == (
        "the rows do not fit the model: a: is missing; did you mean 'aa'?; b: is missing\n"
        "the model takes the columns a, b, c, d"
    )


def test_a_reference_with_another_number_of_columns(packaged, numbers, tmp_path):
    model = LogisticRegression().fit(numbers.frame.to_numpy(), numbers.target)
    skops.io.dump(model, tmp_path / "m.skops")
    table = numbers.asked().reference.table.with_columns(e=1.0)
    asked = numbers.asked(reference=Reference(table, "r.csv"))
    with pytest.raises(MlwrightError) as caught:
        packaged(tmp_path / "m.skops", asked)
    assert said(caught) == (
        "the model takes 4 columns, and here are 5: a, b, c, d, e\n"
        "name those that it takes, in its order: --columns a,b,c"
    )
    named = numbers.asked(reference=Reference(table, "r.csv"), columns=tuple("abcd"))
    assert packaged(tmp_path / "m.skops", named).bundle.signature.names == tuple("abcd")


def test_a_reference_with_nulls_that_the_model_cannot_take(packaged, numbers, linear):
    table = numbers.asked().reference.table.with_columns(
        b=pl.when(pl.col("a") > 0).then(pl.col("b"))
    )
    with pytest.raises(MlwrightError) as caught:
        packaged(linear, numbers.asked(reference=Reference(table, "r.csv")))
    assert said(caught) == (
        "the reference has nulls in b, which the model does not take\n"
        "fill them, or leave those rows out; or package a Pipeline that fills them"
    )


def test_labels_that_stand_for_others(packaged, numbers, linear):
    words = pl.when(pl.col("y") == 1).then(pl.lit("Yes")).otherwise(pl.lit("No"))
    table = numbers.asked().reference.table.with_columns(y=words)
    with pytest.raises(MlwrightError) as caught:
        packaged(linear, numbers.asked(reference=Reference(table, "r.csv")))
    assert said(caught) == (
        "the model answers 0, 1, and 'y' holds No, Yes\n"
        "say which is which, in the order of its outputs: --classes No,Yes"
    )
    asked = numbers.asked(reference=Reference(table, "r.csv"), classes=("No", "Yes"))
    assert packaged(linear, asked).bundle.metrics["holdout"]["accuracy"]["value"] > 0.8


def test_what_the_model_answers_must_be_known(packaged, numbers, tmp_path):
    weights = onnx.numpy_helper.from_array(np.ones((4, 1), np.float32), "w")
    float32 = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["z"])],
        "g",
        [helper.make_tensor_value_info("x", float32, [None, 4])],
        [helper.make_tensor_value_info("z", float32, [None, 1])],
        [weights],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "m.onnx")
    with pytest.raises(MlwrightError) as caught:
        packaged(tmp_path / "m.onnx", numbers.asked(target=None, columns=tuple("abcd")))
    assert said(caught) == (
        "the model does not say what it answers\ngive --reference FILE with --target COLUMN, or "
        "--classes No,Yes, or --task regression"
    )
    with pytest.raises(MlwrightError) as caught:
        packaged(tmp_path / "m.onnx", numbers.asked())
    assert said(caught) == (
        "the model answers numbers outside 0 and 1, which are no probabilities\n"
        "say what makes probabilities of them: --link logistic, or --link softmax"
    )
    with pytest.raises(MlwrightError, match="does not say which columns it takes"):
        packaged(tmp_path / "m.onnx", numbers.asked(reference=None, target=None))


def _graph_of(domain):
    float32 = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Magic", ["x"], ["z"], domain=domain)],
        "g",
        [helper.make_tensor_value_info("x", float32, [None, 4])],
        [helper.make_tensor_value_info("z", float32, [None, 1])],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(domain, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _graph_whose_function_uses(domain):
    model = _graph_of("own")
    inner = helper.make_node("Magic", ["x"], ["z"], domain=domain)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(domain, 1)]
    model.functions.append(helper.make_function("own", "Magic", ["x"], ["z"], [inner], opsets))
    model.opset_import.append(helper.make_opsetid(domain, 1))
    return model


@pytest.mark.parametrize("made", [_graph_of, _graph_whose_function_uses])
def test_operators_of_others(packaged, numbers, tmp_path, made):
    onnx.save(made("evil.example"), tmp_path / "m.onnx")
    with pytest.raises(MlwrightError) as caught:
        packaged(tmp_path / "m.onnx", numbers.asked())
    assert said(caught) == (
        f"{tmp_path / 'm.onnx'} uses operators of evil.example, which are code of others\n"
        "export it with standard operators alone"
    )


@pytest.mark.parametrize("place", ["../secret", "/etc/hostname", "absent"])
def test_weights_that_lie_elsewhere(packaged, numbers, tmp_path, place):
    model = _graph_of("ai.onnx.ml")
    tensor = model.graph.initializer.add(name="w", data_type=1, dims=[4])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(MlwrightError) as caught:
        packaged(tmp_path / "m.onnx", numbers.asked())
    assert caught.value.hint == "save it as one file: onnx.save(model, path)"


def test_types_that_skops_does_not_know_are_named(packaged, numbers, tmp_path):
    model = make_pipeline(FunctionTransformer(np.fliplr), Ridge())
    skops.io.dump(model.fit(numbers.frame, numbers.frame.a), tmp_path / "m.skops")
    unknown = skops.io.get_untrusted_types(file=tmp_path / "m.skops")
    foreign = [name for name in unknown if not name.startswith("sklearn.")]
    with pytest.raises(MlwrightError) as caught:
        packaged(tmp_path / "m.skops", numbers.asked(target=None))
    assert said(caught) == (
        f"the model holds what is not scikit-learn's own: {', '.join(foreign)}\n"
        "if you trust these types, add them to mlwright.yaml:\ntrust:\n  skops_types:\n    - "
        + "\n    - ".join(foreign)
    )
    trusted = numbers.asked(target=None, trust=Trust(skops_types=tuple(foreign)))
    assert packaged(tmp_path / "m.skops", trusted).bundle.runtime == "estimator"


def test_no_classifier_and_no_regressor(packaged, numbers, tmp_path):
    skops.io.dump(KMeans(2, n_init=1).fit(numbers.frame), tmp_path / "m.skops")
    with pytest.raises(MlwrightError, match="KMeans is no fitted classifier or regressor"):
        packaged(tmp_path / "m.skops", numbers.asked())


def test_a_name_that_is_another_models(packaged, numbers, linear, mixed, tmp_path, workspace):
    packaged(linear, numbers.asked(), name="churn")
    skops.io.dump(Ridge().fit(numbers.frame, numbers.frame.a), tmp_path / "r.skops")
    with pytest.raises(MlwrightError) as caught:
        packaged(tmp_path / "r.skops", numbers.asked(target=None), name="churn")
    assert said(caught) == (
        "churn:1 takes other columns or predicts something else than this model\n"
        "package it under a --name of its own"
    )
    assert len(models.versions(workspace, "churn")) == 1
