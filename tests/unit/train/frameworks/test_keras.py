from dataclasses import replace

import numpy as np
import pytest

from mlwright.bundle.runtimes.network import Network
from mlwright.core.errors import ConfigError
from mlwright.testing.framework import make_rows, problem_of
from mlwright.train.frameworks import FRAMEWORKS

pytestmark = pytest.mark.heavy
pytest.importorskip("tensorflow", reason="TensorFlow is not installed")


def fit(task, rows, **changed):
    framework, problem = FRAMEWORKS.load("keras"), replace(problem_of(task), **changed)
    params = framework.params({}, problem=problem, rows=len(rows.target))
    return framework.fit(problem, rows, params=params, rounds=2)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_layers_are_those_of_keras(task):
    rows = make_rows(task)
    fitted = fit(task, rows)
    source = fitted.source()
    far = np.vstack([rows.matrix, np.full((1, 3), 1e30)])
    np.testing.assert_allclose(source.original.scores(far), fitted.scores(far), atol=1e-5)
    assert source.packages == ("numpy",)


def test_weights_are_heeded():
    rows = make_rows("binary")
    heavy = replace(rows, weights=np.where(rows.target == 1, 50.0, 1.0))
    plain, tilted = (fit("binary", each).scores(rows.matrix).mean() for each in (rows, heavy))
    assert tilted > plain + 0.1


def test_fitting_leaves_numpys_chance_alone():
    before = np.random.get_state()[1].tolist()
    fit("binary", make_rows("binary", rows=100))
    assert np.random.get_state()[1].tolist() == before


@pytest.mark.parametrize(
    ("device", "package"),
    [("tpu", "TensorFlow for TPU on a TPU's machine"), ("cuda", "TensorFlow for CUDA")],
)
def test_a_device_that_is_not_there(device, package):
    with pytest.raises(ConfigError) as caught:
        fit("binary", make_rows("binary"), device=device)
    assert str(caught.value) == f"device {device} was asked for, and TensorFlow finds none here"
    assert caught.value.hint == f"leave --device at auto, or install {package}"


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_saved_model_scores_as_the_bundle_does(task, tmp_path):
    import tensorflow as tf

    from mlwright.bundle.keras_model import write_saved_model

    rows = make_rows(task)
    layers = fit(task, rows).layers
    write_saved_model(layers, tmp_path / "saved")
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    found = loaded.serve(tf.constant(rows.matrix)).numpy()
    expected = Network(layers).scores(rows.matrix)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-12)
