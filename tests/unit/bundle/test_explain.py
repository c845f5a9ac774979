import lightgbm
import numpy as np
import pytest
import xgboost

from mlwright.bundle.explain import NotExplained
from mlwright.bundle.model import Model
from mlwright.bundle.original import Original
from mlwright.bundle.plan import NumberStep, OneHotStep, Plan
from mlwright.bundle.runtimes import RUNTIMES
from mlwright.bundle.runtimes.linear import Linear
from mlwright.bundle.sources import LinearSource
from mlwright.bundle.write import write
from mlwright.core.signature import Column, Signature

INPUTS = (Column("a", "number"), Column("c", "category"))
PLAN = Plan((NumberStep("a"), OneHotStep("c", ("x", "y"))))
ROWS = [{"a": 2, "c": "y"}, {"a": -1, "c": "x"}, {"a": 0.5, "c": "new"}]


def linear(task, classes, coefficients, intercept, link):
    runtime = Linear(LinearSource(np.array(coefficients), np.array(intercept), link))
    return Model(Signature(INPUTS, task, "t", classes), PLAN, runtime)


def sums(found):
    return [each.base + sum(each.contributions.values()) for each in found]


def logit(scores):
    return np.log(scores / (1 - scores))


def test_a_linear_model_adds_weights_times_values():
    model = linear("regression", (), [3.0, 10.0, 20.0], 1.0, "identity")
    found = model.explain_rows(ROWS)
    assert [each.output for each in found] == ["t"] * 3
    assert [each.base for each in found] == [1.0] * 3
    assert found[0].contributions == {"a": 6.0, "c": 20.0}
    assert found[1].contributions == {"a": -3.0, "c": 10.0}
    assert found[2].contributions == {"a": 1.5, "c": 0.0}
    assert sums(found) == model.predict_rows(ROWS).prediction


def test_two_classes_are_explained_as_the_positive_one():
    model = linear("binary", ("No", "Yes"), [1.0, 0.5, -0.5], -1.0, "logistic")
    found = model.explain_rows(ROWS)
    assert {each.output for each in found} == {"Yes"}
    assert sums(found) == pytest.approx(logit(model.predict_rows(ROWS).scores))


def test_more_classes_are_explained_as_the_predicted_one():
    weights = [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]]
    model = linear("multiclass", ("p", "q", "r"), weights, [0.1, 0.2, 0.3], "softmax")
    found = model.explain_rows(ROWS)
    assert [each.output for each in found] == ["r", "q", "p"]
    assert model.predict_rows(ROWS).prediction == ["r", "q", "p"]
    assert found[0].base == 0.3
    assert found[0].contributions == {"a": 0.0, "c": 3.0}


def test_lightgbm_adds_up_to_its_own_sum(example, tmp_path):
    model = write(example.draft, tmp_path).model()
    found = model.explain_rows(example.rows[:20])
    matrix = example.draft.plan.encode_rows(example.rows[:20])
    expected = example.booster.predict(matrix, raw_score=True)
    assert sums(found) == pytest.approx(expected, abs=1e-9)
    assert list(found[0].contributions) == ["tenure", "charges", "contract", "gender", "partner"]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("vendor", ["lightgbm", "xgboost"])
def test_boosters_add_up_to_their_sums_for_any_number_of_classes(vendor, classes):
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(300, 3))
    labels = generator.integers(0, classes, 300) * (matrix[:, 0] > 0)
    names = {
        "lightgbm": ("binary", "multiclass"),
        "xgboost": ("binary:logistic", "multi:softprob"),
    }[vendor]
    params = {"objective": names[classes > 2], "seed": 0}
    if classes > 2:
        params["num_class"] = classes
    if vendor == "lightgbm":
        data = lightgbm.Dataset(matrix, labels)
        booster = lightgbm.train({**params, "verbose": -1, "num_threads": 1}, data, 5)
        raw = np.asarray(booster.predict(matrix[:9], raw_score=True))
        loaded = RUNTIMES.load(vendor)(booster.model_to_string().encode())
    else:
        booster = xgboost.train({**params, "nthread": 1}, xgboost.DMatrix(matrix, labels), 5)
        raw = booster.predict(xgboost.DMatrix(matrix[:9]), output_margin=True)
        loaded = RUNTIMES.load(vendor)(bytes(booster.save_raw("json")))
    parts = loaded.contributions(matrix[:9])
    outputs = 1 if classes == 2 else classes
    assert parts.shape == (9, outputs, 4)
    assert parts.sum(axis=2) == pytest.approx(raw.reshape(9, outputs), abs=1e-5)


class Opaque:
    def scores(self, matrix):
        return matrix[:, 0]


def test_a_model_that_tells_nothing_says_so():
    model = Model(Signature(INPUTS, "regression", "t"), PLAN, Opaque())
    with pytest.raises(NotExplained) as caught:
        model.explain_rows(ROWS)
    assert str(caught.value) == "explanations are not available for this kind of model"
    assert caught.value.hint == (
        "linear models, and boosted trees of LightGBM and XGBoost, have them"
    )


def test_the_original_explains_what_was_compiled():
    weights = LinearSource(np.array([3.0, 10.0, 20.0]), 1.0, "identity")
    signature = Signature(INPUTS, "regression", "t")
    model = Model(signature, PLAN, Opaque(), original=Original(lambda: Linear(weights)))
    assert model.explain_rows(ROWS)[0].contributions == {"a": 6.0, "c": 20.0}
