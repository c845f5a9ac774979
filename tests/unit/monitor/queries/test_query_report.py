import json

from mlwright.monitor.queries.report import report_queries, write

from .conftest import DAY, NOON
from .test_query_check import usual


def made(answering):
    return report_queries(answering.workspace, "help", since=NOON, until=NOON + DAY)


def test_a_period_without_questions_is_a_page_too(answering, tmp_path):
    page, beside = write(made(answering), tmp_path / "r.html")
    assert "Not enough data: 0 questions, 50 are needed." in page.read_text()
    assert json.loads(beside.read_text())["spans"][0]["refusals"] is None


def test_the_verdict_stands_first_and_texts_are_escaped(answering, tmp_path):
    answering.ask(usual(200), at=NOON - DAY, liked=[True] * 40)
    answering.ask(usual(60), liked=[False] * 40)
    answering.ask(["Why <script>?"] * 60, at=NOON + 7200, answer="unknown", hits=[])
    report = made(answering)
    page, beside = write(report, tmp_path / "r.html")
    html, told = page.read_text(), json.loads(beside.read_text())
    for words in ("Verdict", "What changed", "Figures", "Refused most often", "Over time"):
        assert words in html
    assert html.index("; refusals rose from 0% to 50%") < html.index("What changed")
    assert "why &lt;script&gt;?" in html
    assert "<script" not in html
    assert told["refused"] == [{"question": "why <script>?", "callers": 60}]
    assert [span["queries"] for span in told["spans"][:4]] == [60, 0, 60, 0]
    assert told["spans"][2]["refusals"]["value"] == 1.0
    assert told["verdict"] == "degraded"
    assert page.stat().st_size < 200_000


def test_what_few_callers_asked_is_not_shown(answering):
    answering.ask(["my name is Smith"] * 60, key=lambda i: f"k{i % 4}", answer="unknown")
    assert made(answering).refused == ()


def test_a_report_keeps_and_tells_nothing(answering):
    answering.ask(usual(60))
    made(answering)
    assert not (answering.log.parent / "failures-seen.json").exists()
    assert not (answering.log.parent / "profiles").exists()
