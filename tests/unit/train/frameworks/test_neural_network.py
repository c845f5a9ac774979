from dataclasses import replace

import numpy as np
import pytest

from mlwright.core.errors import ConfigError
from mlwright.testing.framework import make_rows, problem_of
from mlwright.train.frameworks import FRAMEWORKS, Rows

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
PROBLEM = problem_of("binary")


def test_the_folded_layers_are_the_network():
    from mlwright.train.frameworks.neural_network import _Net

    rows = Rows(np.random.default_rng(0).normal(size=(9, 6)), np.zeros(9), groups=((1, 4),))
    net = _Net(rows, 2, {"hidden": 5, "layers": 2, "dropout": 0.5}).double().eval()
    values = rows.matrix
    dense = net.folded(6)
    for place, (weight, bias) in enumerate(dense):
        values = values @ weight + bias
        values = np.maximum(values, 0) if place < len(dense) - 1 else values
    with torch.no_grad():
        expected = net(torch.from_numpy(rows.matrix)).numpy()
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_fitting_leaves_the_random_state_and_the_threads_alone():
    before = torch.random.get_rng_state(), torch.get_num_threads()
    framework = FRAMEWORKS.load("neural_network")
    params = framework.params({}, problem=PROBLEM, rows=400)
    framework.fit(PROBLEM, make_rows("binary", rows=100), params=params, rounds=1)
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert before[1] == torch.get_num_threads()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_there():
    framework = FRAMEWORKS.load("neural_network")
    params = framework.params({}, problem=PROBLEM, rows=400)
    with pytest.raises(ConfigError) as caught:
        framework.fit(replace(PROBLEM, device="cuda"), make_rows("binary"), params=params)
    assert str(caught.value) == "device cuda was asked for, and PyTorch finds none here"


def test_a_value_out_of_range():
    with pytest.raises(ConfigError) as caught:
        FRAMEWORKS.load("neural_network").params({"dropout": 1}, problem=PROBLEM, rows=9)
    assert str(caught.value) == (
        "neural_network's parameter 'dropout' is at least 0 and below 1, got 1"
    )
