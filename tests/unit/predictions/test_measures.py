from __future__ import annotations

from pathlib import Path

import pytest

from mlwright.core.errors import DataError
from mlwright.predictions import measures
from mlwright.predictions.lines import Measure
from mlwright.predictions.tail import Tail


def test_values_are_kept_and_followed(tmp_path: Path) -> None:
    tail = Tail(tmp_path, measures.STEM, Measure)
    assert tail.new() == []
    assert measures.add(tmp_path, "sold", [("a", 1.0), ("b", 0.25)]) == 2
    assert [(m.request_id, m.measure, m.value) for m in tail.new()] == [
        ("a", "sold", 1.0),
        ("b", "sold", 0.25),
    ]
    assert tail.new() == []


def test_half_a_line_waits_and_a_damaged_one_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "measures-1.jsonl"
    path.write_text('{"bad"}\n{"time":1,"request_id":"a","measure":"m","va')
    tail = Tail(tmp_path, measures.STEM, Measure)
    assert (tail.new(), tail.skipped) == ([], 1)
    with path.open("a") as file:
        file.write('lue":2}\n')
    assert [m.value for m in tail.new()] == [2.0]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("a b", 1.0, "'a b' cannot be the name of a measure"),
        ("sold", float("nan"), "value 1 is no number"),
    ],
)
def test_what_cannot_be_kept(tmp_path: Path, name: str, value: float, message: str) -> None:
    with pytest.raises(DataError) as caught:
        measures.add(tmp_path, name, [("a", value)])
    assert str(caught.value) == message
