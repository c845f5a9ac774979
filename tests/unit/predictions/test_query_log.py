from pathlib import Path

import polars as pl

from mlwright.predictions import query_log
from mlwright.predictions.lines import Prediction
from mlwright.predictions.lines import line as prediction_line
from mlwright.predictions.queries import Feedback, Query, line
from mlwright.predictions.segment import Segment


def question(i, *, time=None, route="champion", **more):
    given = {
        "time": 100.0 + i if time is None else time,
        "request_id": f"r{i}",
        "key": None,
        "model": "kb",
        "version": 1,
        "query": f"question {i}",
        "answer": "extractive",
        "hits": ["a.md", "b.md"],
        "evidence": 0.5,
        "cited": ["a.md"],
        "removed_citations": 0,
        "cached": False,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "cost": 0.0,
        "latency_ms": 5.0,
        "route": route,
    }
    return Query(**{**given, **more})


def log(folder: Path, *records) -> Path:
    segment = Segment(folder, "predictions")
    segment.append([line(record) for record in records])
    segment.close()
    return next(iter(sorted(folder.glob("predictions-*"), reverse=True)))


def test_an_empty_log_gives_empty_tables(tmp_path):
    found = query_log.read(tmp_path / "none", since=0, until=1e9)
    assert (found.queries.height, found.feedback.height, found.skipped) == (0, 0, 0)
    assert query_log.unknown(tmp_path, found.strange) == 0


def test_a_span_has_its_queries_and_the_newest_word_on_each(tmp_path):
    log(
        tmp_path,
        *(question(i) for i in range(4)),
        Feedback(150.0, "r1", 1.0),
        Feedback(900.0, "r1", -1.0),
        Feedback(150.0, "r3", 1.0),
    )
    found = query_log.read(tmp_path, since=101, until=103)
    assert found.queries["request_id"].to_list() == ["r1", "r2"]
    assert found.queries["found"].to_list() == [2, 2]
    assert found.feedback.rows() == [(900.0, "r1", -1.0)]


def test_a_rating_of_a_request_that_nobody_made_is_counted(tmp_path):
    log(tmp_path, question(0, time=10.0), Feedback(150.0, "r0", 1.0))
    log(tmp_path, question(1), Feedback(150.0, "never", 1.0), Feedback(999.0, "later", 1.0))
    found = query_log.read(tmp_path, since=100, until=200)
    assert found.strange.to_list() == ["never"]
    assert query_log.unknown(tmp_path, pl.Series(["never", "r0"])) == 1


def test_torn_and_damaged_lines_are_counted_and_hurt_no_other(tmp_path):
    path = log(tmp_path, *(question(i) for i in range(3)))
    with path.open("ab") as file:
        file.write(b'{"line":"query","time":1.0}\n')  # no query
        file.write(b'{"line":"feedback","time":"noon","request_id":"r1","score":1}\n')
        file.write(line(question(3)))
        file.write(line(question(4))[:40])
    found = query_log.read(tmp_path, since=0, until=1e9)
    assert found.queries["request_id"].to_list() == ["r0", "r1", "r2", "r3"]
    assert found.skipped == 3


def test_rows_that_a_model_answered_there_before_are_passed_over(tmp_path):
    path = log(tmp_path, question(0))
    rows = [
        Prediction(1.0, f"p{i}", None, "churn", 1, {"x": 1.0}, "Yes", score, 1.0, "champion")
        for i, score in enumerate((0.5, [0.2, 0.8]))
    ]
    with path.open("ab") as file:
        file.writelines(prediction_line(row) for row in rows)
    found = query_log.read(tmp_path, since=0, until=1e9)
    assert (found.queries.height, found.skipped) == (1, 0)


def test_tests_and_what_came_too_late_are_left_out(tmp_path):
    log(
        tmp_path,
        question(0, route="test"),
        question(1, route="candidate", version=2),
        question(1, route="fallback"),
        question(2, query=None),
    )
    found = query_log.read(tmp_path, since=0, until=1e9).queries
    assert found.select("request_id", "route", "query").rows() == [
        ("r1", "fallback", "question 1"),
        ("r2", "champion", None),
    ]


def test_old_files_go(tmp_path):
    path = log(tmp_path, question(0))
    written = path.stat().st_mtime
    assert query_log.forget(tmp_path, before=written - 1) == 0
    assert query_log.forget(tmp_path, before=written + 1) == 1
    assert not path.exists()
