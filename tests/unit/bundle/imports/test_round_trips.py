"""Each source, packaged, predicts what its own library predicts."""

import json

import lightgbm
import numpy as np
import onnx
import pytest
import skops.io
import xgboost
from onnx import TensorProto, helper
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from mlwright.bundle.bundle import Bundle


def test_xgboost(numbers, packaged, predict, tmp_path):
    model = xgboost.XGBClassifier(n_estimators=8, max_depth=3, n_jobs=1)
    model.fit(numbers.frame, numbers.target)
    model.save_model(tmp_path / "m.ubj")
    found = packaged(tmp_path / "m.ubj", numbers.asked())
    expected = model.predict_proba(numbers.frame)[:, 1]
    assert predict(found.bundle, numbers.frame).scores == pytest.approx(expected, abs=1e-6)
    assert found.bundle.runtime == "onnx"
    assert found.bundle.signature.names == tuple("abcd")
    assert found.bundle.metrics["holdout"]["accuracy"]["n"] == 300


def test_xgboost_that_answers_labels_alone(numbers, packaged, predict, tmp_path):
    target = np.digitize(numbers.frame.a, [-0.5, 0.5])
    data = xgboost.DMatrix(numbers.frame, target)
    params = {"objective": "multi:softmax", "num_class": 3, "nthread": 1}
    booster = xgboost.train(params, data, 6)
    booster.save_model(tmp_path / "m.json")
    found = packaged(tmp_path / "m.json", numbers.asked(target=None))
    labels = predict(found.bundle, numbers.frame).prediction
    assert labels == booster.predict(data).astype(int).tolist()


def test_lightgbm_with_the_categories_of_pandas(mixed, packaged, predict, tmp_path):
    frame = mixed.frame.astype({"plan": "category", "city": "category"})
    data = lightgbm.Dataset(frame, (mixed.target == "Yes").astype(int))
    params = {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_per_group": 5}
    booster = lightgbm.train(params, data, 15)
    booster.save_model(tmp_path / "m.txt")
    found = packaged(tmp_path / "m.txt", mixed.asked(classes=("No", "Yes")))
    assert predict(found.bundle, mixed.frame).scores == pytest.approx(
        booster.predict(frame), abs=1e-12
    )
    odd = mixed.frame.head(1).assign(plan="never seen")
    given = odd.assign(plan=frame.plan.head(1).cat.set_categories(["zz"]))
    given = given.assign(city=frame.city.head(1))
    assert predict(found.bundle, odd).scores == pytest.approx(booster.predict(given), abs=1e-12)


def _pipeline(model):
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    encode = OneHotEncoder(handle_unknown="ignore")
    texts = make_pipeline(SimpleImputer(strategy="most_frequent"), encode)
    columns = [("n", numbers, ["age", "pay"]), ("c", texts, ["plan", "city"])]
    return make_pipeline(ColumnTransformer(columns), model)


@pytest.mark.parametrize(
    ("model", "runtime"),
    [
        (LogisticRegression(), "linear"),
        (GradientBoostingClassifier(n_estimators=8), "onnx"),
        (RandomForestClassifier(8, random_state=0), "onnx"),
    ],
)
def test_a_pipeline_becomes_a_plan(mixed, packaged, predict, tmp_path, model, runtime):
    pipeline = _pipeline(model).fit(mixed.frame, mixed.target)
    skops.io.dump(pipeline, tmp_path / "m.skops")
    found = packaged(tmp_path / "m.skops", mixed.asked())
    assert found.notes == ()
    assert found.bundle.runtime == runtime
    assert found.bundle.signature.classes == ("No", "Yes")
    expected = pipeline.predict_proba(mixed.frame)[:, 1]
    answers = predict(found.bundle, mixed.frame)
    assert answers.scores == pytest.approx(expected, abs=1e-9)
    assert answers.prediction == pipeline.predict(mixed.frame).tolist()
    odd = mixed.frame.head(3).assign(plan="never seen")
    expected = pipeline.predict_proba(odd)[:, 1]
    assert predict(found.bundle, odd).scores == pytest.approx(expected, abs=1e-9)


def test_other_preprocessing_that_a_plan_can_say(mixed, packaged, predict, tmp_path):
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-7)
    columns = [
        ("n", make_pipeline(SimpleImputer(strategy="mean"), MinMaxScaler()), ["pay"]),
        ("c", encode, ["plan"]),
        ("d", OneHotEncoder(drop="first", handle_unknown="ignore"), ["city"]),
    ]
    pipeline = make_pipeline(
        ColumnTransformer(columns, remainder="passthrough"), LogisticRegression(max_iter=1000)
    ).fit(mixed.frame, mixed.target)
    skops.io.dump(pipeline, tmp_path / "m.skops")
    found = packaged(tmp_path / "m.skops", mixed.asked())
    assert found.notes == ()
    assert found.bundle.runtime == "linear"
    expected = pipeline.predict_proba(mixed.frame)[:, 1]
    assert predict(found.bundle, mixed.frame).scores == pytest.approx(expected, abs=1e-9)


def test_what_a_plan_has_no_word_for_is_run_by_scikit_learn(numbers, packaged, predict, tmp_path):
    model = make_pipeline(PolynomialFeatures(2), GaussianNB()).fit(numbers.frame, numbers.target)
    skops.io.dump(model, tmp_path / "m.skops")
    found = packaged(tmp_path / "m.skops", numbers.asked())
    assert found.bundle.runtime == "estimator"
    assert found.notes == (
        "scikit-learn runs the model as it is: a plan has no word for PolynomialFeatures",
    )
    expected = model.predict_proba(numbers.frame)[:, 1]
    assert predict(found.bundle, numbers.frame).scores == pytest.approx(expected, abs=1e-12)
    assert not found.bundle.runs_code


def test_a_regression_without_a_reference(numbers, packaged, predict, tmp_path):
    model = LinearRegression().fit(numbers.frame, numbers.frame.a * 2 + 1)
    skops.io.dump(model, tmp_path / "m.skops")
    found = packaged(tmp_path / "m.skops", numbers.asked(reference=None, target=None))
    assert found.bundle.profile.rows == 0
    expected = model.predict(numbers.frame)
    assert predict(found.bundle, numbers.frame).prediction == pytest.approx(expected)


def _matrix_graph(weights, *, link=True):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["sums"])]
    if link:
        nodes.append(helper.make_node("Sigmoid", ["sums"], ["p"]))
    single = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", single, [None, 4])],
        [helper.make_tensor_value_info("p" if link else "sums", single, [None, 1])],
        [helper.make_tensor("w", single, [4, 1], weights)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


@pytest.mark.parametrize("link", [True, False])
def test_an_onnx_matrix_is_framed(numbers, packaged, predict, tmp_path, link):
    onnx.save(_matrix_graph([1.0, -1.0, 0.0, 0.5], link=link), tmp_path / "m.onnx")
    asked = numbers.asked(link="identity" if link else "logistic")
    found = packaged(tmp_path / "m.onnx", asked)
    assert found.bundle.runtime == "onnx"
    expected = 1 / (1 + np.exp(-(numbers.frame.to_numpy() @ [1.0, -1.0, 0.0, 0.5])))
    assert predict(found.bundle, numbers.frame).scores == pytest.approx(expected, abs=1e-6)


def test_external_weights_beside_the_graph_are_taken_in(numbers, packaged, predict, tmp_path):
    model = _matrix_graph([1.0, -1.0, 0.0, 0.5])
    array = onnx.numpy_helper.to_array(model.graph.initializer[0])
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(array, "w"))
    onnx.save(
        model,
        tmp_path / "m.onnx",
        save_as_external_data=True,
        location="m.data",
        size_threshold=0,
    )
    assert (tmp_path / "m.data").exists()
    found = packaged(tmp_path / "m.onnx", numbers.asked())
    (tmp_path / "m.data").unlink()
    assert len(predict(Bundle.open(found.bundle.path), numbers.frame).scores) == 300


def test_a_run_and_a_model_are_packaged_again(numbers, packaged, workspace, tmp_path):
    model = LogisticRegression().fit(numbers.frame, numbers.target)
    skops.io.dump(model, tmp_path / "m.skops")
    first = packaged(tmp_path / "m.skops", numbers.asked(), name="first")
    again = packaged("first", numbers.asked(), name="second")
    assert (str(first.version), str(again.version)) == ("first:1", "second:1")
    assert again.bundle.name == "second"
    assert again.bundle.hash != first.bundle.hash
    assert again.bundle.files == first.bundle.files
    folder = packaged(first.bundle.path, numbers.asked(), name="third")
    assert folder.bundle.name == "third"


def test_what_is_printed_is_json(numbers, packaged, tmp_path):
    skops.io.dump(LogisticRegression().fit(numbers.frame, numbers.target), tmp_path / "m.skops")
    value = json.loads(json.dumps(packaged(tmp_path / "m.skops", numbers.asked()).to_json()))
    assert value["signature"]["target"] == "y"
    assert value["metrics"]["reference"]["auc"]["n"] == 300
    assert value["runs_code"] is False
