import numpy as np
import pytest

from mlwright.stats.word_shift import word_shift

WORDS = [f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(200)]


def asked(rng, count, *, topic=0.0, callers=None):
    shares = 1 / np.arange(1, 201)
    shares /= shares.sum()
    units = []
    for _ in range(count):
        own = ["drone", "battery"] if rng.random() < topic else []
        text = " ".join([*rng.choice(WORDS, 5, p=shares), *own])
        units.append([text] * (callers or 1))
    return units


def test_the_size_is_kept_however_few_the_questions_are():
    rng = np.random.default_rng(2)
    found = [word_shift(asked(rng, 25), asked(rng, 70)).p_value for _ in range(200)]
    assert sum(p <= 0.05 for p in found) <= 20  # 10 are expected, 20 or fewer in 99.9% of runs


def test_a_new_subject_is_found_and_named():
    rng = np.random.default_rng(3)
    found = word_shift(asked(rng, 50), asked(rng, 200, topic=0.4))
    assert found.p_value <= 0.001
    assert {each.word for each in found.words[:2]} == {"drone", "battery"}
    assert found.effect == pytest.approx(0.4, abs=0.1)
    assert (found.n_reference, found.n_current) == (50, 200)


def test_what_one_caller_repeats_is_one_callers():
    rng = np.random.default_rng(4)
    loud = [["my drone is broken"] * 500, *asked(rng, 100)]
    found = word_shift(asked(rng, 100), loud)
    assert "drone" not in {each.word for each in found.words}
    assert found.p_value > 0.001


def test_no_number_and_no_rare_word_is_named():
    before = [["where is my parcel"]] * 40
    now = [["parcel 4711 for smith"]] * 4 + [["the invoice 4711 is wrong"]] * 36
    named = {each.word for each in word_shift(before, now).words}
    assert "invoice" in named
    assert not named & {"4711", "smith", "for"}


def test_the_same_seed_gives_the_same_answer_on_a_sample_of_many():
    rng = np.random.default_rng(5)
    sides = asked(rng, 900), asked(rng, 900)
    one, other = (word_shift(*sides, seed=1) for _ in range(2))
    assert one == other
    assert (one.n_reference, one.n_current) == (750, 750)


def test_texts_without_a_common_word_say_nothing():
    assert word_shift([["one two"]] * 2, [["three"]] * 2).p_value == 1.0
    with pytest.raises(ValueError, match="Both collections need at least one unit"):
        word_shift([], [["a word"]])
