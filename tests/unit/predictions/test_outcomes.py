from __future__ import annotations

from mlwright.predictions.lines import Outcome, line
from mlwright.predictions.outcomes import OutcomeReader


def outcome(time: float, release: int = 7, **changes) -> Outcome:
    fields = {"key": None, "candidate": True, "ok": True, "latency_ms": 1.0, "weight": 0.1}
    return Outcome(time, release, **{**fields, **changes})


def write(folder, name: str, *data: bytes) -> None:
    with (folder / f"outcomes-{name}.jsonl").open("ab") as file:
        file.write(b"".join(data))


def test_each_outcome_of_the_release_is_given_once_by_time(tmp_path):
    reader = OutcomeReader(tmp_path, 7)
    assert reader.new() == []
    write(tmp_path, "1", line(outcome(3)), line(outcome(1, release=6)))
    write(tmp_path, "2", line(outcome(2, key="k", ok=False)))
    assert reader.new() == [outcome(2, key="k", ok=False), outcome(3)]
    assert reader.new() == []
    write(tmp_path, "1", line(outcome(4)))
    assert reader.new() == [outcome(4)]


def test_half_a_line_waits_for_its_end(tmp_path):
    reader, text = OutcomeReader(tmp_path, 7), line(outcome(1))
    write(tmp_path, "1", line(outcome(0)), text[:20])
    assert reader.new() == [outcome(0)]
    write(tmp_path, "1", text[20:])
    assert reader.new() == [outcome(1)]


def test_a_new_reader_counts_the_same_again(tmp_path):
    write(tmp_path, "1", *(line(outcome(place)) for place in range(5)))
    first = OutcomeReader(tmp_path, 7)
    assert first.new() == OutcomeReader(tmp_path, 7).new()


def test_what_is_no_outcome_is_skipped_and_counted(tmp_path):
    reader = OutcomeReader(tmp_path, 7)
    write(tmp_path, "1", b"null\n\xff\n", line(outcome(1)))
    assert reader.new() == [outcome(1)]
    assert reader.skipped == 2
