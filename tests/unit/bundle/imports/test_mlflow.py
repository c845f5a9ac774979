"""Folders as MLflow writes them, here written by hand, and one of MLflow's own."""

import json

import lightgbm
import numpy as np
import pytest
import skops.io
import yaml
from sklearn.linear_model import LogisticRegression

from mlwright.core.errors import BundleError, NotFound
from mlwright.track import mirror


def folder_of(path, flavours, columns=()):
    path.mkdir()
    inputs = [{"name": name, "type": "double", "required": True} for name in columns]
    facts = {"flavors": flavours, "signature": {"inputs": json.dumps(inputs)}}
    (path / "MLmodel").write_text(yaml.safe_dump(facts))
    return path


@pytest.fixture
def booster(numbers):
    data = lightgbm.Dataset(numbers.frame.to_numpy(), numbers.target)
    return lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, data, 8)


def test_a_native_file_is_read_without_running_code(numbers, packaged, predict, tmp_path, booster):
    flavours = {"lightgbm": {"data": "model.lgb"}, "python_function": {"loader_module": "os"}}
    folder = folder_of(tmp_path / "m", flavours)
    booster.save_model(folder / "model.lgb")
    found = packaged(folder, numbers.asked(reference=None, target=None))
    assert found.bundle.runtime == "onnx"
    named = numbers.frame.set_axis(found.bundle.signature.names, axis=1)
    expected = booster.predict(numbers.frame)
    assert predict(found.bundle, named).scores == pytest.approx(expected, abs=1e-12)


def test_skops_is_read_and_a_pickle_is_not(numbers, packaged, tmp_path):
    flavour = {"pickled_model": "model.skops", "serialization_format": "skops"}
    folder = folder_of(tmp_path / "m", {"sklearn": flavour})
    model = LogisticRegression().fit(numbers.frame, numbers.target)
    skops.io.dump(model, folder / "model.skops")
    assert packaged(folder, numbers.asked()).bundle.runtime == "linear"
    flavour = {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}
    loader = {"loader_module": "mlflow.sklearn"}
    pickled = folder_of(
        tmp_path / "p", {"sklearn": flavour, "python_function": loader}, numbers.frame.columns
    )
    (pickled / "model.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(BundleError, match=r"runs code of its own when it is loaded"):
        packaged(pickled, numbers.asked())


def test_a_native_file_outside_the_folder_is_not_read(numbers, packaged, tmp_path, booster):
    booster.save_model(tmp_path / "model.lgb")
    skops_file = {"pickled_model": "../model.lgb", "serialization_format": "skops"}
    flavours = [{"lightgbm": {"data": "../model.lgb"}}, {"sklearn": skops_file}]
    flavours.append({"sklearn": {"serialization_format": "skops"}})
    for place, flavour in enumerate(flavours):
        folder = folder_of(tmp_path / f"m{place}", flavour)
        with pytest.raises(BundleError) as caught:
            packaged(folder, numbers.asked())
        why = "names a file that does not lie there"
        assert str(caught.value) == f"{folder / 'MLmodel'} {why}"


@pytest.mark.parametrize("text", ["[]", "flavors: {lightgbm: x}", "flavors: x", "[" * 5000])
def test_what_is_no_description(numbers, packaged, tmp_path, text):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "MLmodel").write_text(text)
    with pytest.raises(BundleError, match="does not describe an MLflow model"):
        packaged(tmp_path / "m", numbers.asked())


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
def test_a_registered_model_of_mlflow(numbers, packaged, predict, workspace, booster, monkeypatch):
    import mlflow

    monkeypatch.chdir(workspace.root)
    uri = mirror.uri(workspace)
    mlflow.set_tracking_uri(uri)
    try:
        place = (workspace.root / "kept").as_uri()
        experiment = mlflow.create_experiment("x", artifact_location=place)
        with mlflow.start_run(experiment_id=experiment):
            mlflow.lightgbm.log_model(
                booster, name="model", registered_model_name="reg", pip_requirements=[]
            )
    finally:
        mlflow.set_tracking_uri(None)
    found = packaged("models:/reg/1", numbers.asked(columns=tuple("abcd")), name="reg")
    assert found.source == "models:/reg/1"
    named = numbers.frame.set_axis(found.bundle.signature.names, axis=1)
    assert np.ptp(predict(found.bundle, named).scores) > 0
    with pytest.raises(NotFound, match=r"^models:/none/1: MLflow refused: Registered Model"):
        packaged("models:/none/1", numbers.asked())
