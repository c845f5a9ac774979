import os

import numpy as np
import polars as pl
import pytest
from sqlalchemy import insert, select, update

from mlwright.bundle.bundle import Bundle
from mlwright.core import clock
from mlwright.core.errors import ConfigError, DataError
from mlwright.core.state import checks, environments, retrains
from mlwright.data.read import read
from mlwright.monitor.hours import keep
from mlwright.predictions import truths
from mlwright.retrain import run as retraining
from mlwright.retrain.compare import compare
from mlwright.retrain.harm import harmed_slices
from mlwright.retrain.run import run
from mlwright.retrain.triggers import NotDue
from mlwright.retrain.watch import Watch
from mlwright.track import models
from mlwright.train.choices import Choices
from mlwright.train.fit import train

from .conftest import Production, customers


def no_key(_: int) -> None:
    return None


def history_of(workspace):
    with workspace.state.read() as connection:
        return connection.execute(select(retrains)).mappings().all()


def test_a_changed_response_makes_a_challenger_win(production):
    there = production(customers(3000, seed=0))
    there.serve(customers(2000, seed=1, turned=True), since=1000.0, key=no_key)
    done = run(there.workspace, "production", reason="drift", deploy=False)
    assert (done.champion, done.challenger) == (1, 2)
    assert (done.decision, done.outcome) == ("challenger_wins", "not_deployed")
    assert done.comparison.gain.low > 0.1
    assert done.comparison.gain.n == 600
    challenger = Bundle.open(models.resolve(there.workspace, "m:2").bundle)
    assert challenger.profile.rows == 1400  # the recent rows, not the history
    assert "the challenger is better" in done.why
    assert models.resolve(there.workspace, "m@challenger").version == 2
    assert models.champion(there.workspace, "m").version == 1
    (record,) = history_of(there.workspace)
    assert (record["decision"], record["outcome"]) == ("challenger_wins", "not_deployed")
    assert record["comparison"]["gain"] == done.comparison.gain.to_json()


def test_where_nothing_changed_the_champion_stays(production):
    there = production(customers(3000, seed=0))
    there.serve(customers(2000, seed=1), since=1000.0, key=no_key)
    done = run(there.workspace, "production", reason="weekly")
    assert (done.decision, done.outcome) == ("champion_stays", "champion_stays")
    assert "the difference is within noise" in done.why
    assert history_of(there.workspace)[0]["outcome"] == "champion_stays"


def test_the_rarer_class_may_change_and_the_positive_one_does_not(production):
    # Few go when the champion is trained, most go later: P(goes) must stay P(goes).
    table = customers(3000, seed=0).filter(pl.col("tenure") > 30)
    there = production(table)
    assert there.trained.bundle.signature.classes == ("stays", "goes")
    later = customers(4000, seed=1, turned=True).filter(pl.col("tenure") > 40)
    there.serve(later.head(1400), since=1000.0, key=no_key)
    done = run(there.workspace, "production", reason="drift", deploy=False)
    challenger = models.resolve(there.workspace, "m@challenger")
    assert done.challenger == challenger.version
    assert Bundle.open(challenger.bundle).signature == there.trained.bundle.signature
    assert done.decision == "challenger_wins"


def test_a_number_is_retrained_on_too(production):
    rng = np.random.default_rng(3)

    def houses(rows: int, slope: float) -> pl.DataFrame:
        size = rng.uniform(20, 200, rows)
        return pl.DataFrame({"size": size, "price": slope * size + rng.normal(0, 5, rows)})

    there = production(houses(2000, 3.0))
    there.serve(houses(1800, 4.0), since=1000.0, key=no_key)
    done = run(there.workspace, "production", reason="drift", deploy=False)
    assert done.comparison.loss == "squared_error"
    assert done.decision == "challenger_wins"


def test_the_unit_is_the_routing_key(production):
    there = production(customers(3000, seed=0))
    there.serve(customers(2000, seed=1), since=1000.0, key=lambda i: f"k{i // 4}")
    done = run(there.workspace, "production", reason="drift", deploy=False)
    assert done.comparison.units == 150


def test_a_history_that_changed_is_refused(production):
    there = production(customers(3000, seed=0))
    there.serve(customers(2000, seed=1), since=1000.0, key=no_key)
    path = there.workspace.root / "customers.csv"
    customers(3000, seed=9).write_csv(path)
    with pytest.raises(DataError) as info:
        run(there.workspace, "production", reason="drift")
    assert str(info.value) == f"{path} has changed since m was trained on it"
    assert len(models.versions(there.workspace, "m")) == 1


def test_only_the_window_that_was_asked_for_counts(production):
    there = production(customers(3000, seed=0))
    there.serve(customers(600, seed=1), since=1000.0, key=no_key)
    there.serve(customers(600, seed=2), since=5000.0, key=no_key)
    with pytest.raises(DataError, match="600 labelled rows are not enough to retrain"):
        run(there.workspace, "production", reason="drift", since=4000.0)


def test_a_challenger_that_is_no_better_rarely_wins(production):
    # The paired test alone, over many draws of judging rows from an unchanged world.
    there = production(customers(3000, seed=0))
    there.serve(customers(2000, seed=1), since=1000.0, key=no_key)
    run(there.workspace, "production", reason="drift", deploy=False)
    champion, challenger = (
        Bundle.open(models.resolve(there.workspace, name).bundle) for name in ("m:1", "m:2")
    )
    wins = 0
    for seed in range(100):
        judging = customers(600, seed=100 + seed).with_columns(
            key=pl.lit(None, dtype=pl.String), left=pl.col("left")
        )
        # Swapped half of the time, so that neither is the better one on average.
        pair = (champion, challenger) if seed % 2 else (challenger, champion)
        wins += compare(*pair, judging, level=0.98, seed=seed).better
    assert wins <= 6


def from_file(there, table, choices):
    """Train the next version from a file with these choices, and let it answer."""
    path = there.workspace.root / "again.csv"
    table.write_csv(path)
    trained = train(
        there.workspace, read(path), target="left", name="m", source=path, choices=choices
    )
    with there.workspace.state.write() as connection:
        connection.execute(update(environments).values(version=trained.version))
    return Production(there.workspace, trained)


def weights_in(monkeypatch):
    """Keep the weights that a retraining trains with."""
    seen = []

    def kept(*arguments, **options):
        seen.append(options["weights"])
        return train(*arguments, **options)

    monkeypatch.setattr(retraining, "train", kept)
    return seen


def test_rows_of_history_keep_the_weights_of_the_champions_column(production, monkeypatch):
    table = customers(3000, seed=0)
    weighed = table.with_columns(weight=pl.Series(np.arange(3000) % 4))
    there = from_file(production(table), weighed, Choices(weight="weight"))
    there.serve(customers(2000, seed=1), since=1000.0, key=no_key)
    seen = weights_in(monkeypatch)
    run(there.workspace, "production", reason="weekly")
    history, recent = seen[0][:-1400], seen[0][-1400:]
    assert (recent == 1).all()
    assert len(np.unique(history)) == 4
    assert history.sum() == pytest.approx(1400)  # as many as the recent rows, however they differ
    assert history.min() == 0


def test_a_champion_of_a_group_split_is_retrained_without_its_holdouts_groups(
    production, monkeypatch
):
    table = customers(3000, seed=0).with_columns(
        shop=pl.Series([f"s{n % 60}" for n in range(3000)])
    )
    there = from_file(production(table.drop("shop")), table, Choices(split="group:shop"))
    assert "shop" not in there.trained.bundle.signature.names
    there.serve(customers(2000, seed=1, turned=True), since=1000.0, key=no_key)
    seen = weights_in(monkeypatch)
    done = run(there.workspace, "production", reason="drift", deploy=False)
    assert done.decision == "challenger_wins"
    assert len(seen[0]) - 1400 == there.trained.rows["train"]
    assert there.trained.rows["train"] % 50 == 0  # whole shops


def test_a_retraining_whose_process_died_is_brought_to_its_end(production, monkeypatch):
    there = production(customers(3000, seed=0))
    there.serve(customers(2000, seed=1, turned=True), since=1000.0, key=no_key)

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(retraining, "compare", die)
        with pytest.raises(KeyboardInterrupt):
            run(there.workspace, "production", reason="drift", deploy=False)
    (died,) = history_of(there.workspace)
    assert (died["challenger"], died["outcome"]) == (2, None)
    # Rows and labels that came meanwhile change nothing.
    there.serve(customers(500, seed=5), since=9000.0, key=no_key)
    said = []
    done = run(there.workspace, "production", reason="another", deploy=True, say=said.append)
    assert said[0].startswith("going on with the retraining of ")
    assert (done.reason, done.challenger, done.outcome) == ("drift", 2, "not_deployed")
    assert done.comparison.gain.n == 600
    assert len(history_of(there.workspace)) == 1
    assert len(models.versions(there.workspace, "m")) == 2


def test_one_that_died_is_closed_when_the_environment_has_moved_on(production, monkeypatch):
    there = production(customers(3000, seed=0))
    there.serve(customers(2000, seed=1, turned=True), since=1000.0, key=no_key)

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(retraining, "compare", die)
        with pytest.raises(KeyboardInterrupt):
            run(there.workspace, "production", reason="drift")
    with there.workspace.state.write() as connection:
        connection.execute(update(environments).values(version=2))
    run(there.workspace, "production", reason="weekly", deploy=False)
    first, second = history_of(there.workspace)
    assert (first["outcome"], first["detail"]["why"]) == (
        "promoted",
        "its process died; m:2 answers now",
    )
    assert second["reason"] == "weekly"


def test_the_champion_stays_and_it_is_said_what_would_change_that(production):
    there = production(customers(3000, seed=0))
    there.serve(customers(2000, seed=1), since=1000.0, key=no_key)
    done = run(there.workspace, "production", reason="weekly", features=["tenure"])
    assert "what would change it: " in done.why
    detail = history_of(there.workspace)[0]["detail"]
    assert detail["why"] == done.why
    assert detail["mix"] == done.mix
    assert detail["data"]["label_rate"] == 1.0
    assert done.mix["recent_rows"] == 1400
    assert done.mix["history_weight"] == pytest.approx(1400 / 2400)


def test_a_feature_that_is_none_is_refused_before_anything_is_done(production):
    there = production(customers(3000, seed=0))
    with pytest.raises(ConfigError) as info:
        run(there.workspace, "production", reason="drift", features=["tenur"])
    assert str(info.value) == "m:1 has no feature 'tenur'; did you mean 'tenure'?"
    assert history_of(there.workspace) == []


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (
            {"tenure": pl.lit(100_000)},
            "tenure differs from the reference by 100% of the rows, more than 95%",
        ),
        ({"left": pl.lit("goes")}, "0 rows have the label stays, 10 are needed"),
        (
            {"tenure": pl.lit(12), "contract": pl.lit("monthly")},
            "100% of its rows are copies of one row, more than 50%",
        ),
    ],
)
def test_a_broken_or_poisoned_window_is_refused_and_kept_as_refused(production, spoil, complaint):
    there = production(customers(3000, seed=0))
    there.serve(customers(2000, seed=1).with_columns(**spoil), since=1000.0, key=no_key)
    with pytest.raises(DataError, match="the window is not fit to learn from: ") as info:
        run(there.workspace, "production", reason="drift")
    assert complaint in str(info.value)
    (entry,) = history_of(there.workspace)
    assert (entry["outcome"], entry["challenger"]) == ("refused", None)
    assert entry["detail"]["why"] == str(info.value)
    assert len(models.versions(there.workspace, "m")) == 1


def test_a_challenger_that_harms_a_slice_stays_out(production):
    # Better for most, worse for those on a yearly contract.
    there = production(customers(3000, seed=0))
    champion = there.trained.bundle
    table = customers(2000, seed=3)
    rise = np.where(table["contract"] == "yearly", 0.3, -0.5)
    rise = rise + np.random.default_rng(0).normal(0, 0.2, 2000)
    before = np.full(2000, 0.6)
    (harm,) = harmed_slices(table, before, before + rise, champion.signature.names)
    assert harm.startswith("it is worse where contract is yearly (loss higher by 0.2")
    chance = np.random.default_rng(1).normal(-0.1, 1, 2000)
    assert harmed_slices(table, before, before + chance, ["tenure"]) == []
    little = np.where(table["contract"] == "yearly", 0.05, -0.5)
    assert harmed_slices(table, before, before + little, ["contract"]) == []


def test_the_watch_retrains_when_a_check_found_drift_and_then_cools_down(production):
    there = production(customers(3000, seed=0))
    there.serve(customers(2000, seed=1), since=1000.0, key=no_key)
    watching = Watch(there.workspace, "production", 60.0)
    assert watching.step(5000.0).why == "no trigger has fired"
    now = clock.now()
    with there.workspace.state.write() as connection:
        connection.execute(
            insert(checks).values(
                environment="production",
                time=now,
                since=0.0,
                until=now,
                verdict="drift",
                result={"version": 1, "drifted": ["tenure"]},
            )
        )
    with pytest.raises(DataError, match="0 labelled rows are not enough"):
        watching.step(now)  # the rows are older than the span to learn from
    found = watching.step(now + 60)
    assert isinstance(found, NotDue)
    assert history_of(there.workspace)[0]["reason"] == "data_drift_detected"


def test_parameters_are_searched_for_where_that_is_asked(production):
    there = production(customers(3000, seed=0))
    there.serve(customers(2000, seed=1, turned=True), since=1000.0, key=no_key)
    (there.workspace.root / "mlwright.yaml").write_text("tune: {trials: 2, cv_folds: 2}")
    workspace = type(there.workspace)(there.workspace.root)
    said = []
    done = run(workspace, "production", reason="drift", deploy=False, tune=True, say=said.append)
    assert (done.challenger, done.decision) == (2, "challenger_wins")
    assert any(line.startswith("the best of 2: ") for line in said)
    challenger = Bundle.open(models.resolve(workspace, "m:2").bundle)
    assert challenger.profile.rows == 1400
    assert done.comparison.gain.n == 600
    assert history_of(workspace)[0]["detail"]["asked"]["tune"] is True


def test_a_log_that_was_counted_and_removed_is_learned_from_all_the_same(production):
    there = production(customers(3000, seed=0))
    there.serve(customers(2000, seed=1), since=1000.0, key=no_key)
    (there.workspace.root / "mlwright.yaml").write_text("monitor: {keep_days: 1}")
    workspace = type(there.workspace)(there.workspace.root)
    for path in there.log.glob("predictions-*"):
        os.utime(path, (clock.now() - 2 * 86_400,) * 2)
    with pytest.MonkeyPatch.context() as patched:
        # The rows are of 1970: without this they would be forgotten at once.
        patched.setattr(truths, "forget", lambda *_, **__: None)
        assert keep(workspace, "production").removed == 1
    done = run(workspace, "production", reason="weekly", deploy=False)
    assert done.comparison.gain.n == 600
    assert history_of(workspace)[0]["detail"]["data"]["label_rate"] == 1.0


def test_a_column_that_the_log_leaves_out_cannot_be_learned(production):
    there = production(customers(3000, seed=0))
    (there.workspace.root / "mlwright.yaml").write_text("log: {leave_out: [tenure]}")
    workspace = type(there.workspace)(there.workspace.root)
    with pytest.raises(ConfigError) as info:
        run(workspace, "production", reason="drift")
    assert str(info.value) == (
        "there is nothing to learn tenure from: the log leaves it out, or hashes it"
    )
