from __future__ import annotations

import numpy as np
import pytest

from mlwright.core.errors import ConfigError
from mlwright.core.signature import Column, Signature
from mlwright.deploy.experiment import Row, checked_metrics, compare, segments

BINARY = Signature((Column("x", "number"),), "binary", "y", ("No", "Yes"))
NUMBER = Signature((Column("x", "number"),), "regression", "y")


def rows(rng: np.random.Generator, units: int, gain: float, *, per: int = 3) -> list[Row]:
    """Users with several requests each, whose requests are alike."""
    made = []
    for unit in range(units):
        second = bool(rng.random() < 0.5)
        skill = rng.beta(8, 2)
        plan = "gold" if unit % 4 == 0 else "basic"
        for _ in range(per):
            right = rng.random() < min(1.0, skill + gain * second)
            values = {"accuracy": (float(right), 1.0), "latency": (rng.exponential(5), 1.0)}
            made.append(Row(f"u{unit}", second, values, (("plan", plan),)))
    return made


def test_a_gain_is_found_and_nothing_else() -> None:
    found = compare(
        rows(np.random.default_rng(1), 3_000, 0.08),
        ("accuracy", "latency", "sold"),
        ended=False,
        tuned_at=3_000,
    )
    assert [(each.metric, each.better) for each in found] == [("accuracy", True), ("latency", None)]
    assert found[0].difference.n == 3_000
    assert 0.03 < found[0].difference.low < found[0].difference.value


def test_looking_at_every_hour_finds_nothing_where_nothing_is() -> None:
    wrong = {True: 0, False: 0}
    for seed in range(60):
        sample = rows(np.random.default_rng(seed), 600, 0.0, per=1)
        for ended in wrong:
            wrong[ended] += any(
                each.found
                for n in range(50, 600, 25)
                for each in compare(sample[:n], ("accuracy",), ended=ended, tuned_at=300)
            )
    assert wrong[False] <= 7  # 5% of 60, .98 bound
    assert wrong[True] >= 8  # an analysis for the end, looked at all the time


def test_segments_share_one_correction() -> None:
    found = segments(
        rows(np.random.default_rng(3), 3_000, 0.08), ("accuracy",), ended=True, tuned_at=3_000
    )
    assert [(column, value) for column, value, _ in found] == [("plan", "basic"), ("plan", "gold")]
    assert all(each.found for _, _, each in found)


@pytest.mark.parametrize(
    ("names", "signature", "message"),
    [
        ((), BINARY, "name at least one metric"),
        (
            ("acuracy",),
            BINARY,
            "'acuracy' is no metric of a binary model; did you mean 'accuracy'?",
        ),
        (("accuracy",), NUMBER, "'accuracy' is no metric of a regression model"),
        (("mae",), BINARY, "'mae' is no metric of a binary model"),
    ],
)
def test_what_cannot_be_measured(
    names: tuple[str, ...], signature: Signature, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        checked_metrics(names, signature)
    assert str(caught.value) == message


def test_other_names_are_values_to_be_told() -> None:
    assert checked_metrics(("accuracy", "sold"), BINARY) == ("accuracy", "sold")
