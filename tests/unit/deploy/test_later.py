from __future__ import annotations

from pathlib import Path

from mlwright.deploy.later import Later
from mlwright.predictions import labels, measures
from mlwright.predictions.lines import Outcome, Prediction, Route, line
from mlwright.predictions.segment import Segment


def outcome(request: str) -> Outcome:
    return Outcome(1.0, 5, None, True, True, 9.0, 0.5, request)


def predicted(folder: Path, request: str, route: Route = "candidate") -> None:
    segment = Segment(folder, "predictions")
    row = Prediction(1.0, request, None, "m", 2, {"x": 1.0}, "Yes", 0.7, 3.0, route)
    segment.append([line(row)])
    segment.close()


def test_a_prediction_finds_its_outcome_whichever_comes_first(tmp_path: Path) -> None:
    later = Later(tmp_path, {"prediction"}, since=0.0)
    predicted(tmp_path, "a")
    assert [facts for _, facts in later.new([])] == [[]]
    ((source, facts),) = later.new([outcome("a"), outcome("b")])
    assert (source, [(f.outcome.request_id, f.prediction, f.took) for f in facts]) == (
        "prediction",
        [("a", "Yes", 3.0)],
    )
    predicted(tmp_path, "b-0")
    ((_, facts),) = later.new([])
    assert [fact.outcome.request_id for fact in facts] == ["b"]


def test_a_failure_took_what_was_waited_for_it_and_counts_once(tmp_path: Path) -> None:
    later = Later(tmp_path, {"prediction"}, since=0.0)
    predicted(tmp_path, "a", "fallback")
    predicted(tmp_path, "a")
    ((_, facts),) = later.new([outcome("a")])
    assert [fact.took for fact in facts] == [9.0]
    assert [facts for _, facts in later.new([])] == [[]]


def test_labels_and_values_wait_for_their_request(tmp_path: Path) -> None:
    later = Later(tmp_path, {"label", "measure"}, since=0.0)
    predicted(tmp_path, "a")
    labels.add(tmp_path, [("a", "No")])
    measures.add(tmp_path, "sold", [("a", 0.5)])
    assert [facts for _, facts in later.new([])] == [[], []]
    found = dict(later.new([outcome("a")]))
    assert (found["label"][0].prediction, found["label"][0].label) == ("Yes", "No")
    assert (found["measure"][0].measure, found["measure"][0].value) == ("sold", 0.5)
    assert [facts for _, facts in later.new([])] == [[], []]


def test_nothing_is_read_that_no_guard_needs(tmp_path: Path) -> None:
    assert list(Later(tmp_path / "none", {"outcome"}, since=0.0).new([outcome("a")])) == []
