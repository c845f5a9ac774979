import pytest

from mlwright.train.race import race_of
from mlwright.train.study import Tried


def tried(number, *values, outcome="scored"):
    return Tried(number, {}, outcome, values, "", 0.0, True)


def test_behind_the_median_of_earlier_trials_after_as_many_folds():
    earlier = [
        tried(0, 0.8, 0.8, 0.8),
        tried(1, 0.7, outcome="dropped"),
        tried(2, 0.6, outcome="dropped"),
    ]
    race = race_of(earlier, None, higher_is_better=True)
    assert race.medians == {1: 0.7}  # nothing is said of two folds: one trial alone ran them
    assert race.open([0.7])
    assert not race.open([0.69])
    assert race.open([0.7, 0.1])


@pytest.mark.parametrize("rises", [True, False])
def test_behind_the_leader_by_more_than_the_differences_vary(rises):
    sign = 1 if rises else -1
    leader = tried(0, *(sign * value for value in (0.8, 0.7, 0.9)))
    race = race_of([leader], leader, higher_is_better=rises)
    assert race.open([sign * 0.1])
    assert race.open([sign * 0.81, sign * 0.6])
    assert not race.open([sign * 0.79, sign * 0.69])
    assert not race.open([sign * 0.79, sign * 0.67, sign * 0.8])


def test_with_no_earlier_trials_all_go_on():
    assert race_of([], None, higher_is_better=True).open([0.0, 0.0])
