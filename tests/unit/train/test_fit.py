import numpy as np
import polars as pl
import pytest
from sqlalchemy import select

from mlwright.core import state
from mlwright.core.errors import ConfigError, DataError, UnknownBackend
from mlwright.core.workspace import Workspace
from mlwright.data.schema import columns
from mlwright.profile.make import score_profile
from mlwright.track import models
from mlwright.train.fit import train


def stored_runs(workspace):
    with workspace.state.read() as connection:
        return connection.execute(select(state.runs).order_by(state.runs.c.name)).all()


def test_a_binary_model_from_table_to_registry(workspace, churn, tmp_path):
    said = []
    source = tmp_path / "churn.csv"
    trained = train(workspace, churn, target="Churn", name="churn", source=source, say=said.append)
    assert trained.version == 1
    assert trained.rows == {"train": 400, "holdout": 100}
    assert trained.metrics["holdout"]["auc"].low > 0.5
    assert sorted(trained.baselines) == ["dummy", "linear"]
    assert trained.baselines["dummy"]["auc"].value == 0.5
    assert trained.gain is not None
    assert trained.notices == (
        "customerID is an identifier: left out",
        "TotalCharges holds numbers written as text: converted to numbers, 1 blank read as missing",
    )
    assert set(trained.notices) < set(said)

    bundle = trained.bundle
    assert models.resolve(workspace, "churn").bundle == bundle.path
    assert models.resolve(workspace, "churn@champion").version == 1
    assert bundle.threshold == trained.threshold
    assert bundle.metrics["holdout"]["auc"] == trained.metrics["holdout"]["auc"].to_json()
    assert "customerID" in bundle.card
    assert "<script>" not in bundle.card
    assert bundle.profile.rows == 400
    assert sum(bundle.importance.values()) == pytest.approx(1)
    assert set(bundle.importance) == set(bundle.signature.names)
    assert len(bundle.samples) == 5
    scores = bundle.model().scores(columns(churn, bundle.signature))
    positive = (churn["Churn"] == "Yes").to_numpy()
    assert scores[positive].mean() > scores[~positive].mean() + 0.1

    dummy, lightgbm, linear = stored_runs(workspace)
    assert lightgbm.id == trained.run_id
    assert dummy.parent == linear.parent == lightgbm.id
    assert {run.status for run in (dummy, lightgbm, linear)} == {"finished"}
    assert lightgbm.metrics["holdout_auc"] == trained.metrics["holdout"]["auc"].value
    assert lightgbm.tags["data_path"] == str(source)
    assert lightgbm.tags["seed"] == "0"
    assert lightgbm.tags["share"] == "0.2"
    assert lightgbm.tags["data_fingerprint"] == bundle.data["fingerprint"]


def test_later_scores_are_compared_with_the_models_own_of_the_holdout(workspace, churn):
    rows = churn.sample(700, with_replacement=True, seed=0)
    kept, held = rows.head(450), rows.tail(250)
    bundle = train(workspace, kept, target="Churn", name="churn", holdout=held).bundle
    scores = np.sort(bundle.model().scores(columns(held, bundle.signature)))
    found, wanted = bundle.profile.score, score_profile(scores, bundle.signature, None)
    assert sum(found.counts) == 250
    assert found.mean == pytest.approx(wanted.mean, abs=1e-12)
    assert found.minimum == pytest.approx(wanted.minimum, abs=1e-12)


def test_equal_data_and_seed_give_an_equal_bundle(tmp_path, churn):
    hashes = [
        train(
            Workspace.create(tmp_path / folder), churn, target="Churn", name="churn", seed=seed
        ).bundle.hash
        for folder, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_several_classes(workspace):
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, 300)
    table = pl.DataFrame(
        {"x": kind + rng.normal(0, 0.5, 300), "kind": np.array(["a", "b", "c"])[kind]}
    )
    trained = train(workspace, table, target="kind", name="kinds", baselines=False)
    assert trained.task == "multiclass"
    assert trained.threshold is None
    assert trained.baselines == {}
    assert trained.gain is None
    assert trained.metrics["holdout"]["accuracy"].value > 0.6
    assert trained.bundle.signature.classes == ("a", "b", "c")


def test_a_number_and_a_linear_model(workspace):
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    table = pl.DataFrame({"x": x, "y": 3 * x + rng.normal(size=300)})
    trained = train(workspace, table, target="y", name="line", algorithm="linear")
    assert trained.task == "regression"
    assert trained.metrics["holdout"]["r2"].value > 0.8
    assert list(trained.baselines) == ["dummy"]
    assert trained.gain is None


def test_weights_decide_what_is_learned(workspace):
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    table = pl.DataFrame({"x": x, "y": np.where(np.arange(400) < 200, x, -x)})
    judged = table[:0].vstack(pl.DataFrame({"x": x[:50], "y": -x[:50]}))
    trained = train(
        workspace,
        table,
        target="y",
        name="turned",
        algorithm="linear",
        weights=np.repeat([0.0, 1.0], 200),
        holdout=judged,
        baselines=False,
    )
    assert trained.metrics["holdout"]["r2"].value > 0.9


def test_the_result_as_json(workspace, churn):
    found = train(workspace, churn, target="Churn", name="churn", algorithm="dummy").to_json()
    assert set(found) >= {"run_id", "model", "version", "task", "algorithm", "metrics"}
    assert set(found) >= {"threshold", "seconds", "findings", "notices", "baselines", "gain"}
    assert set(found["metrics"]["holdout"]["auc"]) == {"value", "low", "high", "n"}
    assert found["gain"]["high"] < 0  # it is worse than the linear model


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (
            lambda t: t.head(0),
            {},
            DataError,
            "the target 'Churn' has no values",
        ),
        (
            lambda t: t,
            {"target": "Chrun"},
            DataError,
            "the table has no column 'Chrun'; did you mean 'Churn'?",
        ),
        (
            lambda t: t.with_columns(Churn=pl.lit("No")),
            {},
            DataError,
            "the target 'Churn' has only one value, so there is nothing to learn",
        ),
        (
            lambda t: t,
            {"algorithm": "lightgmb"},
            UnknownBackend,
            "no algorithm named 'lightgmb'; did you mean 'lightgbm'?",
        ),
        (
            lambda t: t,
            {"params": {"num_leafs": 3}},
            ConfigError,
            "lightgbm has no parameter 'num_leafs'; did you mean 'num_leaves'?",
        ),
        (
            lambda t: t,
            {"params": {"num_leaves": "many"}},
            ConfigError,
            "lightgbm's parameter 'num_leaves' takes a whole number",
        ),
        (
            lambda t: t,
            {"name": "a/b"},
            ConfigError,
            "'a/b' cannot be the name of a model",
        ),
    ],
)
def test_bad_input_leaves_nothing_behind(workspace, churn, change, options, error, message):
    with pytest.raises(error) as caught:
        train(workspace, change(churn), **{"target": "Churn", "name": "churn", **options})
    assert str(caught.value) == message
    assert caught.value.hint
    assert stored_runs(workspace) == []
    assert models.list_models(workspace) == []
    assert not workspace.bundles.exists()


def test_a_training_that_fails_is_a_failed_run(workspace, churn):
    asked = {"algorithm": "sklearn.ensemble.ExtraTreesClassifier", "params": {"max_features": -3}}
    with pytest.raises(ConfigError, match="ExtraTreesClassifier refused to fit") as caught:
        train(workspace, churn, target="Churn", name="churn", **asked)
    assert caught.value.hint == "check the values given in params"
    assert {run.status for run in stored_runs(workspace)} == {"failed"}
    assert models.list_models(workspace) == []


def test_a_guess_calls_the_commoner_class(workspace, churn):
    """With another threshold it calls all rows or none, and its accuracy is nothing to beat."""
    found = train(workspace, churn, target="Churn", name="churn").baselines["dummy"]
    share = (churn["Churn"] == "Yes").mean()
    assert found["accuracy"].value == pytest.approx(max(share, 1 - share), abs=0.02)
