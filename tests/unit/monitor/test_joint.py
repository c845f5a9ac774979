import json

import numpy as np
import polars as pl
import pytest

from mlwright.core.settings import Monitor
from mlwright.core.signature import Column
from mlwright.monitor.compare import compare
from mlwright.monitor.joint import SHARE, Joint, of_columns
from mlwright.monitor.joint_rows import MOST_ROWS, drawn, encoded
from mlwright.monitor.joint_tests import joint
from mlwright.monitor.of_files import check_files
from mlwright.monitor.reference import of_sample
from mlwright.monitor.sources import Sample
from mlwright.monitor.sources.files import Files

POLICY = Monitor(joint=True)


def table(rows, seed, *, rho=0.0, follows=0.0):
    rng = np.random.default_rng(seed)
    price = rng.normal(size=rows)
    demand = rho * price + np.sqrt(1 - rho**2) * rng.normal(size=rows)
    plan = np.where(rng.random(rows) < follows, price > 0, rng.random(rows) < 0.5)
    return pl.DataFrame(
        {
            "price": np.exp(price),
            "demand": np.where(rng.random(rows) < 0.1, None, demand).tolist(),
            "plan": np.where(plan, "a", "b"),
            "age": rng.integers(18, 80, rows),
            "new": rng.random(rows) < 0.3,
        },
        strict=False,
    )


def sample(rows, facts=None):
    return Sample(rows.height, tuple(rows.columns), rows.get_column, pl.DataFrame(facts or {}))


def judge(now, before, *, policy=POLICY, **options):
    return joint(sample(now), of_sample(sample(before), "then"), {}, policy, **options)


def test_a_correlation_that_changed_is_found_though_no_column_did():
    now, before = table(1500, 1, rho=0.6), table(6000, 2)
    reference = of_sample(sample(before), "then")
    alone = compare(sample(now), reference, {}, POLICY)
    assert not any(finding.drifted for finding in alone.findings)
    (found,) = judge(now, before).tests
    assert found.drifted
    assert {part.feature for part in found.features} == {"price", "demand"}
    assert set(found.pairs[0].names) == {"price", "demand"}
    held = found.pairs[0].reference, found.pairs[0].current
    assert held == pytest.approx((0, 0.55), abs=0.1)
    assert found.effect == pytest.approx(2 * found.auc.value - 1)
    assert (found.rows, found.reference_rows, found.auc.n) == (1500, 6000, 1500)


def test_a_category_that_follows_a_number_is_found():
    (found,) = judge(table(1500, 1, follows=0.5), table(6000, 2)).tests
    assert found.drifted
    assert {part.feature for part in found.features} == {"price", "plan"}
    assert "price" in found.pairs[0].names


def test_the_same_world_is_no_joint_drift():
    for seed in range(3):
        (found,) = judge(table(1500, 10 + seed, rho=0.5), table(6000, seed, rho=0.5)).tests
        assert not found.drifted
        assert (found.features, found.pairs) == ((), ())


def test_a_difference_too_small_to_matter_is_no_drift():
    (found,) = judge(table(12_000, 1, rho=0.6), table(12_000, 2)).tests
    assert found.drifted
    floor = POLICY.model_copy(update={"effect_floor": found.effect + 0.01})
    (again,) = judge(table(12_000, 1, rho=0.6), table(12_000, 2), policy=floor).tests
    assert again.p_value <= again.p_limit
    assert not again.drifted


def test_it_is_not_made_unless_asked_for():
    assert judge(table(900, 1), table(900, 2), policy=Monitor()) is None
    assert of_columns(Monitor()).drift_threshold == 0.001


def test_both_together_keep_the_error_rate_of_a_check():
    (found,) = judge(table(900, 1), table(900, 2)).tests
    assert of_columns(POLICY).drift_threshold + found.p_limit == pytest.approx(0.001)
    assert found.p_limit == pytest.approx(0.001 * SHARE)


def test_why_it_was_not_judged_is_said():
    assert judge(table(499, 1), table(900, 2)).why == "too few rows, 500 are needed"
    few = "it needs 500 reference rows (--reference-data FILE)"
    assert judge(table(900, 1), table(499, 2)).why == few
    one = judge(table(900, 1).select("age"), table(900, 2))
    assert one.why == "fewer than two columns have values to compare"
    assert (one.tests, one.to_json()["judged"]) == ((), False)


def test_it_is_read_back_as_it_was_written():
    found = judge(table(1500, 1, rho=0.6), table(6000, 2))
    assert Joint.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_rows_are_bounded_and_drawn_by_the_hours_of_the_window():
    rng = np.random.default_rng(0)
    hours = rng.integers(0, 24, 60_000)
    reference = sample(pl.DataFrame({"x": hours * 1.0}), {"time": hours * 3600.0})
    window = np.repeat([6, 7], [900, 300])
    current = sample(pl.DataFrame({"x": window * 1.0}), {"time": window * 3600.0})
    both = drawn(reference, current, hours=range(24))
    values = both.column(Column("x", "number"))[: len(both.at_reference)].value_counts(sort=True)
    assert values["x"].to_list() == [6.0, 7.0]
    assert values["count"][0] == pytest.approx(3 * values["count"][1], abs=3)
    undated = drawn(reference, current, hours=())
    assert len(undated.at_reference) == MOST_ROWS
    assert len(undated.column(Column("x", "number"))) == MOST_ROWS + 1200


@pytest.mark.parametrize(
    "now",
    [
        {"price": pl.lit("much")},
        {"price": pl.lit(None, pl.Float64)},
        {"price": pl.lit(float("inf"))},
        {"plan": pl.lit("new")},
        {"price": pl.concat_list("price", "price")},
        {"plan": pl.col("age")},
    ],
)
def test_strange_columns_are_taken_as_they_are(now):
    found = judge(table(900, 1).with_columns(**now), table(900, 2))
    assert len(found.tests) == 1
    json.dumps(found.to_json(), allow_nan=False)


def test_how_a_side_writes_its_values_is_no_drift():
    now = table(900, 1).with_columns(
        pl.col("age").cast(pl.Float64), pl.col("price").cast(pl.String), pl.col("new").cast(int)
    )
    (found,) = judge(now, table(900, 2)).tests
    assert not found.drifted


def test_parts_in_few_rows_are_left_out():
    before, now = table(900, 1), table(900, 2)
    rare = pl.when(pl.int_range(pl.len()) < 5).then(pl.lit("rare")).otherwise("plan")
    both = drawn(sample(before), sample(now.with_columns(plan=rare)), hours=())
    reference = of_sample(sample(before), "then")
    parts = encoded(both, reference.columns).parts
    assert "plan = a" in parts
    assert "plan = rare" not in parts
    assert "demand missing" in parts
    assert "price missing" not in parts


def test_a_check_of_files_says_it(tmp_path):
    table(1500, 1, rho=0.6).write_parquet(tmp_path / "now.parquet")
    table(6000, 2).write_csv(tmp_path / "then.csv")
    files = Files(tmp_path / "now.parquet"), Files(tmp_path / "then.csv")
    found = check_files(*files, POLICY)
    assert (found.verdict, found.drifted) == ("drift", [])
    assert found.sentence in (
        "Features drifted together: price, demand; none of 5 features alone did, over 1,500 rows.",
        "Features drifted together: demand, price; none of 5 features alone did, over 1,500 rows.",
    )
    plain = check_files(*files, Monitor())
    assert (plain.verdict, plain.to_json()["joint"]) == ("ok", None)
    assert plain.sentence == "No drift in 5 features over 1,500 rows."
    table(1500, 3).write_parquet(tmp_path / "now.parquet")
    calm = check_files(*files, POLICY)
    assert calm.sentence == "No drift in 5 features, alone or together, over 1,500 rows."
