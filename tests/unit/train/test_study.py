import json

import pytest

pytest.importorskip("optuna", reason="the search needs Optuna")

from mlwright.core.settings import SearchRange
from mlwright.track.runs import this_process
from mlwright.train.objective import Score
from mlwright.train.search import Space
from mlwright.train.study import Study

SPACE = Space({"a": SearchRange(low=0.0, high=1.0), "b": (1, 2, 3)}, {"a": "a", "b": "b"})


def study(folder, *, space=SPACE, strategy="random", trials=6, first=(), seed=0):
    return Study(
        folder,
        "s",
        space,
        strategy=strategy,
        trials=trials,
        higher_is_better=True,
        first=first,
        seed=seed,
    )


def scored(chosen):
    value = float(chosen["a"])
    return Score((value, value), True, (), 0.1)


def run(found, most=2):
    while batch := found.ask(most):
        for trial in batch:
            found.tell(trial, scored(trial.chosen))
    return found.tried()


@pytest.mark.parametrize("strategy", ["bayesian", "random", "genetic"])
def test_it_starts_with_what_is_known_and_gives_out_so_many_trials(tmp_path, strategy):
    first = [{"a": 0.25, "b": 2}, {"a": 0.75, "b": 3}]
    tried = run(study(tmp_path, strategy=strategy, first=first))
    assert [trial.chosen for trial in tried[:2]] == first
    assert [trial.number for trial in tried] == list(range(6))
    for trial in tried:
        assert 0 <= trial.chosen["a"] <= 1
        assert trial.chosen["b"] in (1, 2, 3)


@pytest.mark.parametrize("strategy", ["bayesian", "random", "genetic"])
def test_the_same_seed_makes_the_same_search(tmp_path, strategy):
    found = []
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        (tmp_path / name).mkdir()
        tried = run(study(tmp_path / name, strategy=strategy, seed=seed))
        found.append([trial.chosen for trial in tried])
    assert found[0] == found[1] != found[2]


def test_a_grid_is_brute_force_and_ends(tmp_path):
    space = Space({"a": (0.1, 0.2, 0.3), "b": (1, 2)}, {"a": "a", "b": "b"})
    tried = run(study(tmp_path, space=space, strategy="grid", trials=40))
    assert sorted((trial.chosen["a"], trial.chosen["b"]) for trial in tried) == [
        (a, b) for a in (0.1, 0.2, 0.3) for b in (1, 2)
    ]


def test_a_study_goes_on_and_counts_what_was_done(tmp_path):
    first = study(tmp_path)
    for trial in first.ask(2):
        first.tell(trial, scored(trial.chosen))
    assert len(run(study(tmp_path))) == 6
    assert run(study(tmp_path, trials=8))[:6] == study(tmp_path).tried()[:6]
    assert len(study(tmp_path).tried()) == 8


def test_a_dead_processs_trials_are_tried_again_and_a_living_ones_are_left(tmp_path):
    other = study(tmp_path)
    other._me = {**this_process(), "started": "another boot"}
    lost = other.ask(2)
    living = study(tmp_path)
    held = living.ask(1)
    assert held[0].chosen == lost[0].chosen
    tried = run(study(tmp_path))
    assert len(tried) == 5
    assert lost[1].chosen in [trial.chosen for trial in tried]
    assert study(tmp_path).others_at_work()
    living.tell(held[0], scored(held[0].chosen))
    assert len(study(tmp_path).tried()) == 6
    assert not study(tmp_path).others_at_work()


def test_a_score_that_was_half_written_when_its_process_died_does_not_count(tmp_path):
    other = study(tmp_path)
    other._me = {**this_process(), "started": "another boot"}
    (trial,) = other.ask(1)
    other._note(trial.id, "scored", values=[9.0])
    tried = run(study(tmp_path))
    assert len(tried) == 6
    assert all(found.mean <= 1 for found in tried)


def test_two_that_ask_at_once_do_not_give_out_too_many(tmp_path):
    one, two = study(tmp_path, trials=3), study(tmp_path, trials=3)
    asked = [trial for _ in range(3) for side in (one, two) for trial in side.ask(1)]
    assert len(asked) == 3
    assert one.ask(1) == two.ask(1) == []


def test_given_back_waits_failed_counts_and_dropped_cannot_win(tmp_path):
    found = study(tmp_path, trials=3)
    back, failed = found.ask(2)
    found.give_back(back)
    found.fail(failed, "refused")
    (again, dropped) = found.ask(2)
    assert again.chosen == back.chosen
    found.tell(again, Score((0.5, 0.5), True, (), 0.0))
    found.tell(dropped, Score((0.9,), False, (), 0.0))
    tried = found.tried()
    assert found.ask(1) == []
    assert sorted((trial.outcome, trial.reason) for trial in tried) == [
        ("dropped", ""),
        ("failed", "refused"),
        ("scored", ""),
    ]
    assert found.best(tried).chosen == back.chosen


def test_importance_is_of_what_matters(tmp_path):
    found = study(tmp_path, trials=20)
    assert found.importance() == {}
    run(found)
    shares = found.importance()
    assert shares["a"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)
    json.dumps(shares)


CONDITIONAL = Space(
    {"kind": ("plain", "bent"), "bend": SearchRange(low=0.0, high=1.0), "a": (1, 2, 3)},
    {},
    {"bend": {"kind": ("bent",)}},
)


@pytest.mark.parametrize("strategy", ["bayesian", "random", "genetic", "grid"])
def test_a_parameter_is_searched_only_under_its_condition(tmp_path, strategy):
    found = study(tmp_path, space=CONDITIONAL, strategy=strategy, trials=24)
    while batch := found.ask(2):
        for trial in batch:
            bent = trial.chosen["kind"] == "bent"
            assert ("bend" in trial.chosen) == bent
            value = trial.chosen["bend"] if bent else 0.3
            found.tell(trial, Score((value, value), True, (), 0.1))
    tried = found.tried()
    assert len(tried) == (12 if strategy == "grid" else 24)
    assert {trial.chosen["kind"] for trial in tried} == {"plain", "bent"}
    importance = found.importance()
    assert set(importance) == {"kind", "bend", "a"}
    assert importance["bend"] > importance["a"]


def test_one_process_trains_the_winner(tmp_path):
    one, other = study(tmp_path), study(tmp_path)
    run(one)
    best = one.best(one.tried())
    with one.sole() as first, other.sole() as second:
        assert (first, second) == (True, False)
        one.note_winner(best)
    with other.sole() as free:
        assert free
    assert not one.won_elsewhere(best)
    other._me = {"pid": 1, "started": "-1"}  # as another process sees it
    assert other.won_elsewhere(best)
    assert not study(tmp_path).won_elsewhere(best)  # one that began later trains it again
