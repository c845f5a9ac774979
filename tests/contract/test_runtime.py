from itertools import pairwise

import lightgbm
import numpy as np
import onnx
import pytest
import xgboost
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from mlwright.bundle.forests.lightgbm import read
from mlwright.bundle.manifest import to_bytes
from mlwright.bundle.runtimes import RUNTIMES
from mlwright.bundle.runtimes.sklearn import Estimator
from mlwright.bundle.sources import LinearSource, NetworkSource
from mlwright.bundle.trees import to_onnx
from mlwright.testing.runtime import RuntimeCase, RuntimeContract

CLASSES = {"binary": 2, "multiclass": 3, "regression": 0}
LINKS = {"binary": "logistic", "multiclass": "softmax", "regression": "identity"}


def matrix():
    return np.random.default_rng(3).normal(size=(40, 4))


def learned(task):
    generator = np.random.default_rng(4)
    table = generator.normal(size=(400, 4))
    value = table @ [1, -1, 0.5, 0] + generator.normal(size=400) / 5
    target = {
        "binary": value > 0,
        "multiclass": np.digitize(value, [-1, 1]),
        "regression": value,
    }[task]
    return table, target


def booster(task):
    table, target = learned(task)
    params = {"objective": task, "num_leaves": 7, "verbose": -1, "num_threads": 1}
    if task == "multiclass":
        params["num_class"] = 3
    return lightgbm.train(params, lightgbm.Dataset(table, target), 12).model_to_string()


def linear(task):
    generator = np.random.default_rng(5)
    shape = (3, 4) if task == "multiclass" else (4,)
    return LinearSource(
        generator.normal(size=shape), generator.normal(size=shape[:-1]), LINKS[task]
    )


def words_graph(task):
    """Return the smallest graph of a transformer's form: the mean of the tokens' vectors."""
    generator = np.random.default_rng(5)
    width = 3 if task == "multiclass" else 1
    weights = {"table": generator.normal(size=(30, 4)), "head": generator.normal(size=(4, width))}
    last = {"binary": "Sigmoid", "multiclass": "Softmax", "regression": "Identity"}[task]
    node = onnx.helper.make_node
    nodes = [
        node("Gather", ["table", "tokens"], ["vectors"]),
        node("ReduceMean", ["vectors"], ["mean"], axes=[1], keepdims=0),
        node("MatMul", ["mean", "head"], ["raw"]),
        node(last, ["raw"], ["scores"]),
    ]
    taken = onnx.helper.make_tensor_value_info("tokens", onnx.TensorProto.INT64, [1, "n"])
    given = onnx.helper.make_tensor_value_info("scores", onnx.TensorProto.DOUBLE, [1, width])
    arrays = [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = onnx.helper.make_graph(nodes, "words", [taken], [given], arrays)
    opset = onnx.helper.make_opsetid("", 17)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)


@pytest.fixture(params=sorted(CLASSES))
def task(request):
    return request.param


class TestOnnx(RuntimeContract):
    @pytest.fixture
    def case(self, task):
        data = to_onnx(read(booster(task).encode()), 4)
        return RuntimeCase(RUNTIMES.load("onnx"), data, task, CLASSES[task], matrix())


class TestLightGBM(RuntimeContract):
    @pytest.fixture
    def case(self, task):
        data = booster(task).encode()
        return RuntimeCase(RUNTIMES.load("lightgbm"), data, task, CLASSES[task], matrix())


class TestLinear(RuntimeContract):
    @pytest.fixture
    def case(self, task):
        data = to_bytes(linear(task).to_json())
        return RuntimeCase(RUNTIMES.load("linear"), data, task, CLASSES[task], matrix())


class TestNetwork(RuntimeContract):
    @pytest.fixture
    def case(self, task):
        generator = np.random.default_rng(5)
        widths = [4, 8, 3 if task == "multiclass" else 1]
        layers = [
            (generator.normal(size=(a, b)), generator.normal(size=b)) for a, b in pairwise(widths)
        ]
        data = NetworkSource(layers, LINKS[task]).data
        return RuntimeCase(RUNTIMES.load("network"), data, task, CLASSES[task], matrix())


class TestSklearn(RuntimeContract):
    @pytest.fixture
    def case(self, task):
        table, target = learned(task)
        kind = RandomForestRegressor if task == "regression" else RandomForestClassifier
        model = kind(20, random_state=0).fit(table, np.asarray(target) + 0)
        data = Estimator(model, task, CLASSES[task]).pack()
        return RuntimeCase(RUNTIMES.load("sklearn"), data, task, CLASSES[task], matrix())


class TestTransformer(RuntimeContract):
    @pytest.fixture
    def case(self, task):
        tokens = np.random.default_rng(6).integers(0, 30, size=(40, 5)).astype(float)
        data = words_graph(task).SerializeToString()
        return RuntimeCase(RUNTIMES.load("transformer"), data, task, CLASSES[task], tokens)


class TestXGBoost(RuntimeContract):
    @pytest.fixture
    def case(self, task):
        table, target = learned(task)
        params = {
            "binary": {"objective": "binary:logistic"},
            "multiclass": {"objective": "multi:softprob", "num_class": 3},
            "regression": {},
        }[task]
        found = xgboost.train({**params, "nthread": 1}, xgboost.DMatrix(table, target), 12)
        data = bytes(found.save_raw("json"))
        return RuntimeCase(RUNTIMES.load("xgboost"), data, task, CLASSES[task], matrix())


def test_every_runtime_runs_the_suite():
    tested = {name.removeprefix("Test").lower() for name in globals() if name.startswith("Test")}
    assert tested == set(RUNTIMES.names())
