import lightgbm
import numpy as np
import pytest

from mlwright.bundle import trees
from mlwright.bundle.forests.lightgbm import read
from mlwright.bundle.runtimes.lightgbm import load as load_booster
from mlwright.bundle.runtimes.onnx import load as load_onnx
from mlwright.bundle.trees import CannotCompile, Forest, Tree

FEATURES = 5


def to_onnx(text, features):
    return trees.to_onnx(read(text.encode()), features)


def thresholds(text):
    return trees.thresholds(read(text.encode()))


def table(seed=0, *, nulls=True):
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(600, FEATURES))
    matrix[:, 1] = np.round(matrix[:, 1], 1)
    matrix[:, 4] = generator.integers(0, 70, 600)
    if nulls:
        matrix[generator.random(600) < 0.2, 2] = np.nan
    return matrix


def fit(objective="binary", *, categorical="auto", matrix=None, **params):
    matrix = table() if matrix is None else matrix
    value = np.nan_to_num(matrix[:, 2]) + matrix[:, 0] + (matrix[:, 4] % 3 == 0)
    target = {"binary": value > 0.5, "multiclass": np.digitize(value, [0, 1])}.get(objective, value)
    if objective in ("poisson", "cross_entropy"):
        target = (value > 0.5).astype(float)
    if objective == "multiclass":
        params["num_class"] = 3
    params = {"objective": objective, "num_leaves": 7, "verbose": -1, "num_threads": 1, **params}
    data = lightgbm.Dataset(matrix, target, categorical_feature=categorical)
    return lightgbm.train(params, data, 15).model_to_string()


def odd_rows(text):
    """Rows at every split and beside it, with nulls, zeros and extremes."""
    base = table(1, nulls=False)[:1]
    rows = [table(2), np.full((1, FEATURES), np.nan)]
    for feature, split in thresholds(text):
        values = [split, np.nextafter(split, -np.inf), np.nextafter(split, np.inf)]
        for value in (*values, float(np.float32(split)), 0.0, -0.0, np.nan, 1e30, -1e300):
            rows.append(base.copy())
            rows[-1][0, feature] = value
    return np.vstack(rows)


@pytest.mark.parametrize(
    ("objective", "params"),
    [
        ("binary", {}),
        ("binary", {"sigmoid": 0.7}),
        ("binary", {"use_missing": False}),
        ("binary", {"boosting": "dart"}),
        ("multiclass", {}),
        ("regression", {}),
        ("regression_l1", {}),
        ("huber", {}),
        ("binary", {"min_data_in_leaf": 10_000}),
        ("binary", {"categorical": [4], "min_data_per_group": 1, "cat_smooth": 1}),
    ],
)
def test_the_graph_scores_what_the_booster_scores(objective, params):
    text = fit(objective, **params)
    rows = odd_rows(text)
    if "categorical" in params:
        # A category is a place in a list, so it is never between two.
        rows[:, 4] = np.where(np.isnan(rows[:, 4]), np.nan, np.clip(np.round(rows[:, 4]), -1, 99))
    expected = load_booster(text.encode()).scores(rows)
    assert load_onnx(to_onnx(text, FEATURES)).scores(rows) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize(
    ("objective", "params", "reason"),
    [
        ("binary", {"zero_as_missing": True}, "it takes zeros for nulls"),
        (
            "binary",
            {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
            "it averages its trees",
        ),
        ("regression", {"linear_tree": True}, "its leaves are linear models"),
        ("regression", {"reg_sqrt": True}, "its objective is regression sqrt"),
        ("poisson", {}, "its objective is poisson"),
        ("cross_entropy", {}, "its objective is cross_entropy"),
    ],
)
def test_what_has_no_exact_graph_is_refused(objective, params, reason):
    with pytest.raises(CannotCompile) as caught:
        to_onnx(fit(objective, **params), FEATURES)
    assert str(caught.value) == reason


def test_a_tree_without_a_split_counts_as_well():
    text = fit("multiclass", matrix=table(), min_gain_to_split=12.0)
    assert "num_leaves=1\n" in text
    rows = table(3)
    expected = load_booster(text.encode()).scores(rows)
    assert load_onnx(to_onnx(text, FEATURES)).scores(rows) == pytest.approx(expected, abs=1e-14)


def test_equal_models_make_equal_bytes():
    assert to_onnx(fit(), FEATURES) == to_onnx(fit(), FEATURES)


def test_thresholds_are_those_of_numbers_alone():
    text = fit(categorical=[4])
    assert {feature for feature, _ in thresholds(text)} <= {0, 1, 2, 3}
    assert list(thresholds(text))


def test_what_lightgbm_reads_as_zero_goes_where_zero_goes():
    matrix = np.zeros((200, 1))
    matrix[:100] = np.random.default_rng(0).normal(size=(100, 1))
    params = {"objective": "regression", "verbose": -1, "num_threads": 1}
    target = (matrix[:, 0] > 0) + 2.0 * (matrix[:, 0] == 0)
    text = lightgbm.train(params, lightgbm.Dataset(matrix, target), 5).model_to_string()
    edges = [1e-35, float(np.float32(1e-35)), 2e-35, 1e-40, 0.0, 1e-30]
    rows = np.array([[sign * value] for value in edges for sign in (1, -1)])
    rows = np.vstack([rows, np.nextafter(rows, np.inf), np.nextafter(rows, -np.inf)])
    assert any(abs(split) < 1e-34 for _, split in thresholds(text))
    expected = load_booster(text.encode()).scores(rows)
    assert load_onnx(to_onnx(text, 1)).scores(rows) == pytest.approx(expected, abs=1e-14)


def test_a_forest_too_large_for_a_graph_is_refused(monkeypatch):
    monkeypatch.setattr(trees, "MOST_NODES", 2)
    leaf = np.array([-1])
    tree = Tree(leaf, np.zeros(1), leaf, leaf, np.zeros(1, bool), np.ones(1))
    with pytest.raises(CannotCompile, match="its trees have more than 2 nodes"):
        trees.to_onnx(Forest([tree], np.zeros(1), "identity"), 1)
