import json

import numpy as np
import polars as pl
import pytest

from mlwright.core.errors import DataError
from mlwright.core.settings import Monitor
from mlwright.monitor.joint import FEWEST_ROWS, SHARE, Joint, JointTest, Word
from mlwright.monitor.joint_page import of_joint
from mlwright.monitor.joint_texts import NUMBER, terms_of_vectors, text_of, vectors_of
from mlwright.monitor.of_files import check_files
from mlwright.monitor.sources.files import Files
from mlwright.report.page import render
from mlwright.stats.intervals import Interval

POLICY = Monitor(joint=True)
PLAIN = ["meet", "home", "lunc", "have", "then", "walk", "with", "dogs", "town", "soon", "late"]
LOUD = ["free", "cash", "call", "here", "gift", "stop", "deal", "wins", "text", "best", "luck"]


def texts(rows, seed, *, loud=0.1):
    rng = np.random.default_rng(seed)
    return [
        " ".join(rng.choice(LOUD if rng.random() < loud else PLAIN, 8))
        + f" {rng.integers(1e8, 1e9)}"
        for _ in range(rows)
    ]


def vectors(rows, seed, *, moved=0.0, wide=12):
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(rows, wide))
    made[rng.random(rows) < moved] += 0.8
    return pl.Series("vector", made.tolist())


def checked(folder, now, before, policy=POLICY):
    files = []
    for name, table in (("now", now), ("then", before)):
        pl.DataFrame(table).write_parquet(folder / f"{name}.parquet")
        files.append(Files(folder / f"{name}.parquet"))
    return check_files(*files, policy)


def test_a_text_of_other_words_is_found_and_the_words_are_named(tmp_path):
    found = checked(tmp_path, {"sms": texts(900, 1, loud=0.4)}, {"sms": texts(2000, 2)})
    assert (found.verdict, found.drifted) == ("drift", [])
    (test,) = found.joint.tests
    assert (test.kind, test.feature, test.p_limit) == ("text_drift", "sms", 0.001 * SHARE)
    assert test.words
    assert {word.word for word in test.words} <= {*LOUD, *PLAIN}
    loud = next(word for word in test.words if word.word in LOUD)
    assert loud.current > loud.reference
    assert found.sentence.startswith("The words of sms drifted: “")
    assert found.sentence.endswith("; none of 1 features alone did, over 900 rows.")
    assert Joint.from_json(json.loads(json.dumps(found.joint.to_json()))) == found.joint


def test_the_same_words_are_no_drift(tmp_path):
    found = checked(tmp_path, {"sms": texts(900, 1)}, {"sms": texts(2000, 2)})
    assert found.verdict == "ok"
    assert found.joint.tests[0].words == ()


def test_a_word_of_few_rows_is_never_shown():
    secret = ["our password is hunter"] * (FEWEST_ROWS - 1)
    assert "hunter" not in text_of(pl.Series(secret + texts(500, 1))).words
    many = pl.Series(texts(500, 1) + texts(500, 2) + ["hunter at home"] * 200)
    made = text_of(many)

    class Found:
        rules = [type("Rule", (), {"chosen": np.arange(len(made.words))})()] * 2

    shown = {word.word: word for word in made.differing(Found, 500)}
    assert shown["hunter"].reference is None  # fewer than ten rows, be they none or nine
    assert shown["hunter"].current == pytest.approx(200 / 700)


def test_numbers_are_one_word_and_letters_are_lower_case():
    made = text_of(pl.Series(["Call 08001234 NOW, a café!", None, ""] * 10))
    assert made.words == (NUMBER, "café", "call", "now")
    assert made.terms.shares(np.arange(3)).tolist() == [1 / 3] * 4
    assert text_of(pl.Series(["one two", "three four"])) is None


def test_vectors_that_moved_are_found_and_others_are_not(tmp_path):
    now, before = vectors(900, 1, moved=0.4), vectors(2000, 2)
    found = checked(tmp_path, {"vector": now}, {"vector": before})
    (test,) = found.joint.tests
    assert (found.verdict, test.kind, test.feature) == ("drift", "vector_drift", "vector")
    assert found.sentence == "The vectors of vector drifted over 900 rows."
    calm = checked(tmp_path, {"vector": vectors(900, 3)}, {"vector": before})
    assert (calm.verdict, calm.quality) == ("ok", ())


def test_vectors_of_another_length_are_told_apart_always(tmp_path):
    found = checked(tmp_path, {"v": vectors(900, 1, wide=6)}, {"v": vectors(900, 2)})
    assert found.joint.tests[0].auc.value == 1.0


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (pl.Series("v", ["[1, 2]"] * 600), "v holds lists of numbers in the reference alone"),
        (pl.Series("v", [[1.0, None]] * 600), "the vectors of v are all the same or have holes"),
    ],
)
def test_vectors_that_cannot_be_compared_are_said(tmp_path, now, why):
    before = pl.Series("v", [[1.0, 2.0]] * 600)
    x = {"x": np.arange(600.0)}
    found = checked(tmp_path, {**x, "v": now}, {**x, "v": before})
    assert found.joint.why == why
    assert f"joint drift is not judged: {why}" in found.sensitivity


def test_lists_with_holes_are_left_at_the_mean():
    series = pl.Series([[1.0, 2.0], [3.0, None], None, [1.0], [5.0, 4.0]])
    made = vectors_of(series, 2)
    assert np.isnan(made).all(axis=1).tolist() == [False, True, True, True, False]
    assert terms_of_vectors(made).parts[1:4].tolist() == [[0.0, 0.0]] * 3


def test_long_vectors_are_projected():
    made = terms_of_vectors(np.random.default_rng(0).normal(size=(300, 900)))
    assert made.parts.shape == (300, 256)


def test_tests_share_the_rate_and_columns_are_tested_beside(tmp_path):
    rng = np.random.default_rng(0)

    def world(rows, seed, **text):
        return {
            "sms": texts(rows, seed, **text),
            "x": rng.normal(size=rows),
            "y": rng.normal(size=rows),
            "vector": vectors(rows, seed),
        }

    found = checked(tmp_path, world(900, 1, loud=0.5), world(2000, 2))
    kinds = [(test.kind, test.drifted) for test in found.joint.tests]
    assert kinds == [("joint_drift", False), ("text_drift", True), ("vector_drift", False)]
    assert {test.p_limit for test in found.joint.tests} == {0.001 * SHARE / 3}


def test_lists_alone_need_the_joint_test(tmp_path):
    now, before = {"vector": vectors(600, 1)}, {"vector": vectors(600, 2)}
    with pytest.raises(DataError, match=r"then\.parquet has no column to compare with") as caught:
        checked(tmp_path, now, before, Monitor())
    assert caught.value.hint == (
        "give rows with the model's features; lists of numbers are compared by --joint"
    )


def test_the_page_shows_words_and_hides_few_rows():
    interval = Interval(0.6, 0.55, 0.65, 900)
    words = (Word("free", None, 0.25), Word("(a number)", 0.2, 0.4))
    test = JointTest(
        "text_drift", "<b>", interval, 1e-9, 1e-4, 0.2, True, 900, 2000, words=words
    )  # fmt: skip
    shown = render("A", of_joint(Joint((test,))))
    for said in ("Drift in the words of &lt;b&gt;", "under 10 rows", "25.0%", "free"):
        assert said in shown
    assert "<b>" not in shown
