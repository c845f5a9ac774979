import numpy as np
import pytest

from mlwright.bundle.plan import BooleanStep, NumberStep, OneHotStep, OrdinalStep, TargetStep
from mlwright.core.signature import Column, Signature
from mlwright.train.choices import Choices, ColumnChoice
from mlwright.train.features import fit_plan

SIGNATURE = Signature(
    (Column("n", "number", True), Column("c", "category", True), Column("b", "boolean", True)),
    "binary",
    "y",
    ("No", "Yes"),
)
COLUMNS = {
    "n": np.array([1.0, 2.0, 6.0, np.nan]),
    "c": np.array(["a", "b", "b", None], dtype=object),
    "b": np.array([1.0, 1.0, 0.0, np.nan]),
}


def test_linear_models_get_filled_scaled_and_one_hot():
    number, category, boolean = fit_plan(COLUMNS, SIGNATURE, style="linear").steps
    filled = np.array([1.0, 2.0, 6.0, 2.0])
    assert number == NumberStep("n", 2.0, filled.mean(), filled.std())
    assert category == OneHotStep("c", ("b", None, "a"))
    assert boolean == BooleanStep("b", 1.0)


def test_trees_get_numbers_as_they_are():
    number, category, boolean = fit_plan(COLUMNS, SIGNATURE, style="trees").steps
    assert number == NumberStep("n")
    assert category == OrdinalStep("c", ("a", "b"))
    assert boolean == BooleanStep("b")


def test_categories_are_ordered_by_their_mean_target():
    rng = np.random.default_rng(0)
    names = rng.choice(["low", "high", "middle"], 3000).astype(object)
    names[:100] = None
    means = np.select([names == "low", names == "middle"], [0.1, 0.5], 0.9)
    target = (rng.random(3000) < means).astype(np.int64)
    signature = Signature((Column("c", "category"),), "binary", "y", (0, 1))
    plan = fit_plan({"c": names}, signature, style="trees", target=target)
    assert plan.steps == (OrdinalStep("c", ("low", "middle", "high")),)


def test_a_rare_category_is_drawn_to_the_middle():
    names = np.array(["rare"] + ["often"] * 50 + ["never"] * 50, dtype=object)
    target = np.array([1] + [1] * 45 + [0] * 5 + [0] * 50)
    signature = Signature((Column("c", "category"),), "binary", "y", (0, 1))
    plan = fit_plan({"c": names}, signature, style="trees", target=target)
    assert plan.steps[0].categories == ("never", "rare", "often")


def test_several_classes_order_categories_along_their_main_axis():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, 4000)
    target = np.where(rng.random(4000) < 0.9, codes // 2, 2)
    names = np.array(["w", "x", "y", "z"], dtype=object)[codes]
    signature = Signature((Column("c", "category"),), "multiclass", "y", (0, 1, 2))
    order = fit_plan({"c": names}, signature, style="trees", target=target).steps[0].categories
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset("wx"), frozenset("yz")}


def test_a_column_without_values_or_spread_divides_by_nothing():
    columns = {"n": np.array([np.nan, np.nan]), "m": np.array([3.0, 3.0])}
    signature = Signature((Column("n", "number"), Column("m", "number")), "regression", "y")
    matrix = fit_plan(columns, signature, style="linear").encode(columns)
    np.testing.assert_array_equal(matrix, np.zeros((2, 2)))


def test_one_hot_is_bounded():
    names = np.array([f"c{n % 300}" for n in range(900)], dtype=object)
    signature = Signature((Column("c", "category"),), "regression", "y")
    assert len(fit_plan({"c": names}, signature, style="linear").features) == 100


def test_trees_that_never_saw_a_null_fill_it_where_it_is_to_be_imputed():
    wanted = Choices(columns={name: ColumnChoice(on_null="impute") for name in "ncb"})
    full = {name: values[:3] for name, values in COLUMNS.items()}
    number, _, boolean = fit_plan(full, SIGNATURE, style="trees", choices=wanted).steps
    assert (number, boolean) == (NumberStep("n", 2.0), BooleanStep("b", 1.0))
    number, _, boolean = fit_plan(COLUMNS, SIGNATURE, style="trees", choices=wanted).steps
    assert (number, boolean) == (NumberStep("n"), BooleanStep("b"))


@pytest.mark.parametrize(("categories", "kind"), [(20, OrdinalStep), (40, TargetStep)])
def test_categories_of_a_few_rows_are_not_ordered_by_their_own_targets(categories, kind):
    """500 rows: 25 a category, and 12 a category."""
    names = np.array([f"c{n % categories}" for n in range(500)], dtype=object)
    signature = Signature((Column("c", "category"),), "binary", "y", ("n", "y"))
    target = np.arange(500) // 7 % 2
    (step,) = fit_plan({"c": names}, signature, style="trees", target=target).steps
    assert isinstance(step, kind)
