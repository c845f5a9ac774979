"""Joint drift in a report: what tells the rows apart, how it looks, and how it went over time."""

from __future__ import annotations

from collections.abc import Sequence

from mlwright.report import figures, timeline
from mlwright.report.page import Cell, Figure, Part, Section, Table, Text
from mlwright.stats.intervals import Interval

from . import wording
from .joint import FEWEST_ROWS, Joint, JointTest

_MEANING = (
    "Rows of the window were told from rows of the reference by rules that had not seen them. "
    "An AUC of .5 is a coin; the test says whether it is more than that, and by enough to matter."
)

_TITLES = {
    "joint_drift": "Joint drift",
    "text_drift": "Drift in the words",
    "vector_drift": "Drift in the vectors",
}


def of_joint(joint: Joint | None) -> list[Section]:
    """Return a section for each test that was made; none where joint drift was not asked for."""
    return [_section(test) for test in joint.tests] if joint else []


def over_time(kept: Sequence[tuple[float, Joint]]) -> list[Section]:
    """Return how well rows could be told apart in each of a period's checks, by their ends."""
    points: dict[str, list[tuple[float, JointTest]]] = {}
    for until, joint in kept:
        for test in joint.tests:
            points.setdefault(_title(test), []).append((until, test))
    drawn = [_drawn(title, tests) for title, tests in points.items() if len(tests) > 1]
    if not drawn:
        return []
    found = sum(bool(joint.drifted) for _, joint in kept)
    words = f"Found in {found:,} of {len(kept):,} checks of this period."
    return [Section("Joint drift over time", words, parts=drawn)]


def _drawn(title: str, tests: Sequence[tuple[float, JointTest]]) -> Figure:
    points = [(until, test.auc) for until, test in tests]
    drawn = timeline.measured(points, baseline=Interval(0.5, 0.5, 0.5, 0), label=f"AUC, {title}")
    return Figure(drawn, "How well rows were told apart, with 95% intervals; .5 is not at all.")


def _title(test: JointTest) -> str:
    return _TITLES[test.kind] + (f" of {test.feature}" if test.feature else "")


def _section(test: JointTest) -> Section:
    if not test.drifted:
        parts: list[Part] = [Text(_MEANING), _numbers(test)]
        return Section(_title(test), "None beyond chance.", "good", parts)
    parts = [*_drawings(test), *_pairs(test), *_words(test), _numbers(test), Text(_MEANING)]
    return Section(_title(test), f"{wording.together(test)}.", "bad", parts)


def _numbers(test: JointTest) -> Table:
    rows: list[list[Cell]] = [
        [test.auc, test.effect, test.p_value, test.p_limit, test.rows, test.reference_rows]
    ]
    head = ["AUC (95%)", "effect", "p", "limit of p", "rows", "reference rows"]
    return Table(head, rows, caption="The effect is 2 AUC - 1.")


def _drawings(test: JointTest) -> list[Part]:
    if not test.features:
        return []
    total = sum(part.fall for part in test.features)
    shares = [(part.feature, part.fall / total) for part in test.features]
    return [
        Figure(
            figures.shares(shares, label="part in telling the rows apart"),
            "By how much the AUC falls when the feature is shuffled, as a share of all falls.",
        )
    ]


def _pairs(test: JointTest) -> list[Part]:
    if not test.pairs:
        return []
    rows: list[list[Cell]] = [
        [" and ".join(pair.names), pair.reference, pair.current] for pair in test.pairs
    ]
    caption = "Of normal scores of ranks, or of a category (1 where it holds, else 0)."
    return [Table(["correlation of", "reference", "now"], rows, caption=caption)]


def _words(test: JointTest) -> list[Part]:
    if not test.words:
        return []
    few = f"under {FEWEST_ROWS} rows"
    rows: list[list[Cell]] = [
        [
            word.word,
            few if word.reference is None else f"{word.reference:.1%}",
            few if word.current is None else f"{word.current:.1%}",
        ]
        for word in test.words
    ]
    caption = f"Shares of rows. A word is shown that {FEWEST_ROWS} rows of one side hold at least."
    return [Table(["word", "reference", "now"], rows, caption=caption)]
