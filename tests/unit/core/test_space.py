import pytest

from mlwright.core.errors import ConfigError
from mlwright.core.settings import Tune, read_settings
from mlwright.core.space import SearchRange, SearchValues


def space_of(tmp_path, *lines):
    text = "\n".join(["tune:", "  search_space:", *(f"    {line}" for line in lines)])
    (tmp_path / "mlwright.yaml").write_text(text + "\n")
    return read_settings(tmp_path).tune.search_space


def test_values_ranges_and_conditions_are_read(tmp_path):
    found = space_of(
        tmp_path,
        "booster: [gbtree, dart]",
        "rate_drop: {low: 0, high: 0.5, when: {booster: dart}}",
        "sample_type: {values: [uniform, weighted], when: {booster: [dart]}}",
    )
    assert found["booster"] == ("gbtree", "dart")
    assert found["rate_drop"] == SearchRange(low=0, high=0.5, when={"booster": "dart"})
    assert found["sample_type"] == SearchValues(
        values=("uniform", "weighted"), when={"booster": ("dart",)}
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["booster: [gbtree, dart]", "drop: {low: 0, high: 1, when: {booster: darts}}"],
            ":4:36: tune.search_space.drop.when.booster: 'booster' never is 'darts'; it is one of "
            "'gbtree', 'dart'\n",
        ),
        (
            ["booster: [gbtree, dart]", "drop: {low: 0, high: 1, when: {boster: dart}}"],
            ":4:36: tune.search_space.drop.when.boster: 'boster' is not searched; did you mean "
            "'booster'?\n",
        ),
        (
            ["a: {low: 0, high: 1}", "b: {values: [1], when: {a: 1}}"],
            ":4:29: tune.search_space.b.when.a: 'a' is a range; a condition takes a parameter with "
            "listed values\n",
        ),
        (
            ["a: {values: [1, 2], when: {b: x}}", "b: {values: [x, y], when: {a: 1}}"],
            ":3:32: tune.search_space.a.when.b: 'a' and 'b' wait for each other\n",
        ),
        (["a: {low: 1, hig: 3}"], ":3:5: tune.search_space.a.high: is missing\n"),
        (
            ["a: lots"],
            ":3:5: tune.search_space.a: must be a list of values, or a range {low: …, high: …}\n",
        ),
        (
            ["a: [1, 2]", "'{b}': {values: [3], when: {a: 4}}"],
            ":4:33: tune.search_space.{b}.when.a: 'a' never is 4; it is one of 1, 2\n",
        ),
    ],
)
def test_a_condition_that_cannot_hold_is_shown_where_it_stands(tmp_path, lines, message):
    with pytest.raises(ConfigError) as found:
        space_of(tmp_path, *lines)
    assert message in str(found.value)


def test_a_condition_may_hang_on_a_condition():
    space = Tune(
        search_space={
            "a": (1, 2),
            "b": {"values": (3, 4), "when": {"a": 1}},
            "c": {"low": 0, "high": 1, "when": {"b": [3]}},
        }
    ).search_space
    assert space["c"].when == {"b": (3,)}
