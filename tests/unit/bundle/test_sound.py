"""What a library has saved is taken, and what none would save is refused before it is followed."""

import json
import re

import lightgbm
import numpy as np
import pytest
import skops.io
from sklearn import calibration, ensemble, pipeline, preprocessing, tree

from mlwright.bundle.forests.sound_estimators import check_estimator
from mlwright.bundle.runtimes import RUNTIMES
from mlwright.bundle.runtimes.estimator import read
from mlwright.bundle.trust import NOTHING
from mlwright.core.errors import BundleError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
X[:, 3] = RNG.integers(0, 40, 300)
X[::7, 1] = np.nan
Y = (X[:, 0] + (X[:, 3] > 20) > 0.5).astype(int)
THREE = RNG.integers(0, 3, 300)


def lightgbm_text(labels=Y, categories=(), **params):
    params = {"objective": "binary", "verbose": -1, "num_leaves": 6, "num_threads": 1, **params}
    table = lightgbm.Dataset(X, labels, categorical_feature=list(categories))
    return lightgbm.train(params, table, 3).model_to_string()


def xgboost_json(labels=Y, *, categories=False, **params):
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed")
    params = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1, **params}
    kinds = ["q", "q", "q", "c"] if categories else None
    table = xgboost.DMatrix(
        X, labels, nthread=1, feature_types=kinds, enable_categorical=categories
    )
    return json.loads(xgboost.train(params, table, 3).save_raw("json"))


def loaded(runtime, model):
    data = json.dumps(model) if isinstance(model, dict) else model
    return RUNTIMES.load(runtime)(data.encode())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"boosting": "dart"},
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
        {"categories": [3], "min_data_per_group": 1, "max_cat_to_onehot": 2},
        {"linear_tree": True},
        {"num_leaves": 2, "min_gain_to_split": 1e9},
        {"labels": THREE, "objective": "multiclass", "num_class": 3},
        {"labels": X[:, 0], "objective": "regression"},
    ],
)
def test_lightgbms_own_files_are_sound(options):
    text = lightgbm_text(**options)
    here = loaded("lightgbm", text).scores(X)
    there = lightgbm.Booster(model_str=text).predict(X, num_threads=1)
    assert np.array_equal(here, there)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"booster": "dart", "rate_drop": 0.5},
        {"booster": "gblinear"},
        {"gamma": 3.0, "max_depth": 6, "tree_method": "exact"},
        {"num_parallel_tree": 3, "subsample": 0.5},
        {"categories": True, "max_cat_to_onehot": 2},
        {"labels": THREE, "objective": "multi:softprob", "num_class": 3},
        {"labels": X[:, [0, 2]], "objective": "reg:squarederror"},
        {
            "labels": X[:, [0, 2]],
            "objective": "reg:squarederror",
            "multi_strategy": "multi_output_tree",
        },
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_xgboosts_own_files_are_sound(options):
    assert np.isfinite(loaded("xgboost", xgboost_json(**options)).scores(X)).all()


def everywhere(name, value):
    return lambda text: re.sub(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (everywhere("left_child", "9999999 1 2 -1 -2"), "its trees lead outside"),
        (everywhere("left_child", "1 2 3 4 -9999999"), "its trees lead outside"),
        (everywhere("right_child", "0 0 0 0 0"), "its trees run in circles"),
        (everywhere("split_feature", "1 2 3 4 0"), "its trees lead outside"),
        (everywhere("split_feature", "0"), "its lists are not equally long"),
        (
            everywhere("num_leaves", "1000000000"),
            "a tree has another number of leaves than it says",
        ),
        (everywhere("num_class", "1000000000"), "its trees lead outside"),
        (everywhere("threshold", ""), "its lists are not equally long"),
        (everywhere("max_feature_idx", "x"), "it lacks a part"),
        (everywhere("decision_type", "1 1 1 1 1"), "it lacks a part"),
        (
            lambda text: text.replace("\nleft", "\nleft_child=0\nleft"),
            "a part of it stands there twice",
        ),
        (lambda text: text.replace("\nleft", "\x0bleft"), "it holds control characters"),
    ],
)
def test_lightgbm_files_that_nobody_saved(change, why):
    with pytest.raises(BundleError) as caught:
        loaded("lightgbm", change(lightgbm_text()))
    assert str(caught.value) == f"the model's file is not sound: {why}"
    assert caught.value.hint == "nothing that a library has saved looks so; do not use it"


def test_where_lightgbm_is_told_to_jump_is_not_believed():
    text = everywhere("tree_sizes", "99999999 99999999 99999999")(lightgbm_text())
    assert np.array_equal(
        loaded("lightgbm", text).scores(X), loaded("lightgbm", lightgbm_text()).scores(X)
    )


def in_trees(name, value):
    def change(model):
        for each in model["learner"]["gradient_booster"]["model"]["trees"]:
            each[name] = value(each[name])

    return change


def in_model(**values):
    return lambda model: model["learner"]["gradient_booster"]["model"].update(values)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (in_trees("left_children", lambda old: [9999999, *old[1:]]), "its trees lead outside"),
        (in_trees("right_children", lambda old: [0, *old[1:]]), "its trees run in circles"),
        (in_trees("right_children", lambda old: [-7, *old[1:]]), "its trees lead outside"),
        (in_trees("split_indices", lambda old: [4, *old[1:]]), "its trees lead outside"),
        (in_trees("split_conditions", lambda old: old[1:]), "its lists are not equally long"),
        (
            in_trees("base_weights", lambda old: old[1:]),
            "a tree has another number of nodes than it says",
        ),
        (in_trees("categories_nodes", lambda _: [99]), "its lists are not equally long"),
        (in_trees("left_children", lambda _: "x"), "it lacks a part"),
        (in_model(tree_info=[0, 0, 5]), "its trees lead outside"),
        (in_model(iteration_indptr=[0, 3, 2, 3]), "its rounds hold other trees than it has"),
        (in_model(iteration_indptr=[0, 99]), "its trees lead outside"),
        (
            lambda model: model["learner"]["learner_model_param"].update(num_class="1000000000"),
            "its trees lead outside",
        ),
    ],
)
def test_xgboost_files_that_nobody_saved(change, why):
    model = xgboost_json()
    change(model)
    with pytest.raises(BundleError) as caught:
        loaded("xgboost", model)
    assert str(caught.value) == f"the model's file is not sound: {why}"


def test_a_key_of_xgboost_that_stands_twice():
    text = json.dumps(xgboost_json()).replace(
        '"left_children"', '"left_children": [9], "left_children"'
    )
    with pytest.raises(BundleError, match="a key stands twice"):
        loaded("xgboost", text)


@pytest.mark.parametrize("op", ["Gather", "Constant"])
def test_a_graph_reads_no_file(op, tmp_path, monkeypatch):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    helper, proto = onnx.helper, onnx.TensorProto
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_bytes(np.arange(4, dtype=np.float64).tobytes())
    weights = onnx.numpy_helper.from_array(np.ones(4), "w")
    weights.data_location = proto.EXTERNAL
    weights.ClearField("raw_data")
    weights.external_data.add(key="location", value="secret")
    weights.external_data.add(key="length", value="32")
    nodes = [helper.make_node("Cast", ["x"], ["i"], to=proto.INT64)]
    nodes.append(helper.make_node("Gather", ["w", "i"], ["scores"]))
    if op == "Constant":
        nodes.insert(0, helper.make_node("Constant", [], ["w"], value=weights))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", proto.DOUBLE, [None, 4])],
        [helper.make_tensor_value_info("scores", proto.DOUBLE, None)],
        [weights] if op == "Gather" else [],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    with pytest.raises(BundleError, match=r"cannot be read.*xternal data"):
        RUNTIMES.load("onnx")(model.SerializeToString())


ESTIMATORS = [
    lambda: ensemble.RandomForestClassifier(3, random_state=0),
    lambda: ensemble.ExtraTreesRegressor(3, random_state=0),
    lambda: ensemble.GradientBoostingClassifier(n_estimators=3),
    lambda: ensemble.HistGradientBoostingClassifier(max_iter=3),
    lambda: ensemble.HistGradientBoostingClassifier(max_iter=3, categorical_features=[3]),
    lambda: ensemble.AdaBoostClassifier(n_estimators=3),
    lambda: ensemble.BaggingRegressor(max_features=0.5, n_estimators=3),
    lambda: pipeline.make_pipeline(
        preprocessing.StandardScaler(),
        calibration.CalibratedClassifierCV(tree.DecisionTreeClassifier(max_depth=3), cv=2),
    ),
]


@pytest.mark.parametrize("made", ESTIMATORS)
def test_what_scikit_learn_has_fitted_is_sound(made):
    check_estimator(made().fit(np.nan_to_num(X), Y))


def changed(field, value):
    """Return a forest whose first tree was altered, as its file could be."""
    model = ensemble.RandomForestClassifier(3, random_state=0).fit(np.nan_to_num(X), Y)
    found = model.estimators_[0].tree_
    state = found.__getstate__()
    state["nodes"][field][0] = value
    made = type(found)(4, np.array([2]), 1)
    made.__setstate__(state)
    model.estimators_[0].tree_ = made
    return pipeline.make_pipeline(model)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("left_child", 9_999_999, "its trees lead outside"),
        ("left_child", -9, "its trees lead outside"),
        ("right_child", 0, "its trees run in circles"),
        ("feature", 4, "its trees lead outside"),
    ],
)
def test_a_forest_that_nobody_fitted(field, value, why):
    with pytest.raises(BundleError, match=why):
        check_estimator(changed(field, value))
    data = skops.io.dumps(changed(field, value))
    with pytest.raises(BundleError, match=why):
        read(data, NOTHING)


@pytest.mark.parametrize(("field", "value"), [("left", 99999), ("right", 0), ("feature_idx", 4)])
def test_a_histogram_forest_that_nobody_fitted(field, value):
    model = ensemble.HistGradientBoostingClassifier(max_iter=3).fit(X, Y)
    model._predictors[1][0].nodes[field][0] = value
    with pytest.raises(BundleError, match="its trees"):
        check_estimator(model)
