import json

import pytest
from sqlalchemy import select, update

from mlwright.core import state
from mlwright.core.errors import DataError, NotFound
from mlwright.train.choices import Choices
from mlwright.train.compare_runs import compare_runs
from mlwright.train.fit import baselines, train
from mlwright.train.verify import verify


@pytest.fixture
def source(tmp_path, churn):
    path = tmp_path / "churn.csv"
    churn.write_csv(path)
    return path


@pytest.fixture
def made(workspace, source):
    """Train from the file, as a user does."""
    from mlwright.data.read import read

    def make(**options):
        options = {"algorithm": "linear", "baselines": False, **options}
        return train(
            workspace, read(source), target="Churn", name="churn", source=source, **options
        )

    return make


def retag(workspace, run, **tags):
    with workspace.state.write() as connection:
        this = state.runs.c.id == run
        before = connection.execute(select(state.runs.c.tags).where(this)).scalar_one()
        connection.execute(update(state.runs).where(this).values(tags={**before, **tags}))


def test_a_run_is_reproduced_to_the_bit(workspace, made):
    choices = Choices(calibration="sigmoid", threshold="cost:fp=1,fn=3")
    run = made(algorithm="lightgbm", params={"num_leaves": 5}, seed=3, choices=choices).run_id
    found = verify(workspace, run[:8])
    assert found.reproduced
    assert (found.rows, found.different, found.largest) == (100, 0, 0.0)
    assert found.surroundings == {}
    assert found.sentence() == (
        f"the run {run[:12]} is reproduced: 8 metrics and 100 predictions are the same to the bit"
    )
    json.dumps(found.to_json())


def test_what_differs_is_said(workspace, made):
    run = made().run_id
    packages = json.dumps({"numpy": "1.0", "gone": "2.0"})
    retag(workspace, run, seed="9", packages=packages, cpu="Abacus 1", git_commit="abc")
    found = verify(workspace, run)
    assert not found.reproduced
    assert found.different > 0
    assert found.largest > 0
    assert found.surroundings["numpy"][0] == "1.0"
    assert found.surroundings["gone"] == ("2.0", "none")
    assert found.surroundings["processor"][0] == "Abacus 1"
    assert found.surroundings["code"][0] == "abc"
    assert "; changed since: code, processor, " in found.sentence()
    assert "of 100 predictions differ, by up to 0." in found.sentence()


def test_a_table_that_has_changed_is_not_trained_on(workspace, made, source):
    run = made().run_id
    source.write_text(source.read_text().replace("monthly", "weekly"))
    said = []
    found = verify(workspace, run, say=said.append)
    assert not found.reproduced
    assert said == []
    assert found.sentence() == f"the run {run[:12]} cannot be repeated: its table has changed since"
    source.unlink()
    with pytest.raises(NotFound, match="there is no file"):
        verify(workspace, run)


def test_baselines_are_verified_by_their_metrics(workspace, churn, source):
    from mlwright.data.read import read

    found = baselines(workspace, read(source), target="Churn", name="churn", source=source)
    assert list(found.runs) == ["dummy", "linear"]
    assert found.metrics["dummy"]["auc"].value == 0.5
    again = verify(workspace, found.runs["linear"])
    assert again.reproduced
    assert again.rows == 0
    assert again.sentence().endswith("8 metrics are the same to the bit")
    assert not workspace.bundles.exists()


def test_only_a_finished_run_from_a_file_can_be_verified(workspace, churn, made):
    run = train(
        workspace, churn, target="Churn", name="m", algorithm="dummy", baselines=False
    ).run_id
    with pytest.raises(DataError) as caught:
        verify(workspace, run)
    assert str(caught.value) == (
        f"the run {run[:12]} cannot be made again: it was not trained from a file alone"
    )
    run = made().run_id
    with workspace.state.write() as connection:
        connection.execute(update(state.runs).where(state.runs.c.id == run).values(status="killed"))
    said = f"^the run {run[:12]} did not finish, it is killed$"
    with pytest.raises(DataError, match=said) as caught:
        verify(workspace, run)
    assert caught.value.hint == "only a run that finished can be verified"


def test_two_runs_are_paired_on_the_rows_both_kept_apart(workspace, made):
    one, other = made(), made(algorithm="dummy")
    found = compare_runs(workspace, one.run_id, other.run_id)
    assert (found.rows, found.why) == (100, "")
    rows = {row.metric: row for row in found.metrics}
    assert rows["auc"].first == one.metrics["holdout"]["auc"].value
    assert rows["auc"].difference.value == pytest.approx(rows["auc"].second - rows["auc"].first)
    assert rows["auc"].verdict == "first better"
    assert rows["log_loss"].difference.low > 0
    assert rows["log_loss"].verdict == "first better"
    assert found.params["algorithm"] == ("linear", "dummy")
    same = compare_runs(workspace, one.run_id, one.run_id)
    assert {row.verdict for row in same.metrics} == {"within noise"}
    json.dumps(found.to_json())


def test_runs_that_cannot_be_paired_say_why(workspace, made, source, churn):
    one, other = made(), made(seed=1)
    found = compare_runs(workspace, one.run_id, other.run_id)
    assert found.why == "the runs kept different rows apart (another seed, share or split)"
    assert found.rows == 0
    assert {row.difference for row in found.metrics} == {None}
    assert found.metrics[0].first is not None
    found = compare_runs(workspace, one.run_id, made(algorithm="dummy").run_id)
    assert found.rows == 100
    churn.head(400).write_csv(source)
    later = made()
    found = compare_runs(workspace, one.run_id, later.run_id)
    assert found.why == "the runs were trained on different tables"
    found = compare_runs(workspace, one.run_id, other.run_id)
    assert found.why.endswith("churn.csv has changed since")


def test_under_a_time_budget_the_budget_is_named(workspace, made):
    run = made(choices=Choices(time_budget=60.0)).run_id
    assert verify(workspace, run).reproduced
    retag(workspace, run, seed="9")
    said = verify(workspace, run).sentence()
    assert said.endswith(
        ". It had a time budget of 60 seconds: how far a fit comes in it depends on the machine "
        "and on what else runs there, so no repetition is exact"
    )
