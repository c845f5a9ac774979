import numpy as np
import pytest

from mlwright.stats.apart import apart
from mlwright.stats.words import Words


def words(texts, count):
    starts = np.concatenate([[0], np.cumsum([len(text) for text in texts])])
    return Words(np.array([n for text in texts for n in text], dtype=np.int64), starts, count)


def test_values_are_one_where_a_text_holds_a_word():
    made = words([[0, 2], [], [1, 2]], 3)
    rows = np.array([2, 0, 1])
    assert made.values(rows, np.array([2, 1])).tolist() == [[1, 1], [1, 0], [0, 0]]
    assert made.shares(rows) == pytest.approx([1 / 3, 1 / 3, 2 / 3])


def test_the_contrast_is_that_of_two_shares():
    made = words([[0]] * 30 + [[]] * 70 + [[0]] * 60 + [[]] * 40, 1)
    z_values, errors = made.contrast(np.arange(100), np.arange(100, 200))
    together = 91 / 202
    assert errors[0] == pytest.approx(np.sqrt(together * (1 - together) / 50))
    assert z_values[0] == pytest.approx(0.3 / errors[0])


def test_texts_are_told_apart_by_words_that_no_side_has_alone():
    rng = np.random.default_rng(0)
    before, now = rng.random((900, 40)) < 0.1, rng.random((600, 40)) < 0.1
    now[:, :4] = rng.random((600, 4)) < 0.2
    made = words([np.flatnonzero(row).tolist() for row in np.vstack([before, now])], 40)
    assert apart(made, 900, 600).p_value < 1e-6
    assert (
        apart(words([np.flatnonzero(row).tolist() for row in before], 40), 450, 450).p_value > 0.01
    )
