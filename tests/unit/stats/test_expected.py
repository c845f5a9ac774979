import numpy as np
import pytest

from mlwright.stats.expected import expected_metrics
from mlwright.stats.metrics import measure


def binary(seed, n=3000):
    rng = np.random.default_rng(seed)
    scores = rng.beta(1, 2, n)
    return rng, scores, (scores >= 0.4).astype(int)


def test_it_is_the_mean_of_what_labels_would_show():
    rng, scores, said = binary(0)
    drawn = [measure("binary", rng.random(3000) < scores, said, scores) for _ in range(200)]
    found = expected_metrics("binary", said, scores)
    assert set(found) == set(drawn[0]) - {"ece"}
    for name, value in found.items():
        of_labels = [one[name] for one in drawn]
        assert value.value == pytest.approx(np.mean(of_labels), abs=0.002)
        assert np.mean([value.low <= one <= value.high for one in of_labels]) > 0.95


def test_outcomes_may_follow_other_chances_than_the_scores():
    """Labels follow what scores mean, metrics are of the scores."""
    rng, scores, said = binary(2)
    means = scores**2 / (scores**2 + (1 - scores) ** 2)
    drawn = [measure("binary", rng.random(3000) < means, said, scores) for _ in range(100)]
    found = expected_metrics("binary", said, scores, chances=means)
    for name in ("auc", "log_loss", "accuracy"):
        assert found[name].value == pytest.approx(np.mean([d[name] for d in drawn]), abs=0.003)
    assert found["auc"].value > expected_metrics("binary", said, scores)["auc"].value + 0.05


def test_several_classes_have_theirs():
    rng = np.random.default_rng(1)
    scores = rng.dirichlet([1, 2, 3], 2000)
    said = scores.argmax(axis=1)
    found = expected_metrics("multiclass", said, scores)
    cut = scores.cumsum(axis=1)[:, :2]
    drawn = [
        measure("multiclass", (rng.random((2000, 1)) > cut).sum(axis=1), said, scores)
        for _ in range(50)
    ]
    for name in ("accuracy", "auc", "log_loss", "f1"):
        assert found[name].value == pytest.approx(np.mean([d[name] for d in drawn]), abs=0.005)


def test_a_counted_entry_is_so_many_rows():
    scores, said = np.array([0.1, 0.35, 0.8, 0.95]), np.array([0, 0, 1, 1])
    counts = np.array([300, 100, 200, 50])
    counted = expected_metrics("binary", said, scores, counts=counts)
    rows = expected_metrics("binary", np.repeat(said, counts), np.repeat(scores, counts))
    for name, value in counted.items():
        assert value.value == pytest.approx(rows[name].value)
        assert value.n == rows[name].n == 650
        assert value.high - value.low == pytest.approx(rows[name].high - rows[name].low, rel=0.4)


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match="scores"):
        expected_metrics("binary", [0, 1], [0.2, 1.9])
