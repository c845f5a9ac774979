import numpy as np
import polars as pl
import pytest
from sqlalchemy import select

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import DataError
from mlwright.core.state import retrains
from mlwright.retrain.compare import compare
from mlwright.retrain.run import run
from mlwright.track import models

from .conftest import customers


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
