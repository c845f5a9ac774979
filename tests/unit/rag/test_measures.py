import ir_measures
import numpy as np
import pytest

from mlwright.rag.evaluate import mean_interval
from mlwright.rag.measures import measure

NAMES = {
    "recall@5": "R@5",
    "precision@5": "P@5",
    "hit_rate@5": "Success@5",
    "mrr": "RR",
    "ndcg@5": "nDCG@5",
    "ndcg@10": "nDCG@10",
}


def test_every_measure_equals_trec_eval_question_by_question():
    drawn = np.random.default_rng(3)
    qrels, run, ours = [], [], {}
    for number in range(200):
        names = [f"d{i}" for i in drawn.permutation(30)]
        relevant = {f"d{i}": int(drawn.integers(0, 4)) for i in drawn.permutation(40)[:8]}
        if not any(relevant.values()):
            relevant["d0"] = 1
        ranking = names[: drawn.integers(0, 30)]
        qrels += [ir_measures.Qrel(str(number), d, grade) for d, grade in relevant.items()]
        run += [ir_measures.ScoredDoc(str(number), d, 100.0 - i) for i, d in enumerate(ranking)]
        ours[str(number)] = measure(ranking, relevant, 5)
    wanted = {ir_measures.parse_measure(theirs): name for name, theirs in NAMES.items()}
    for found in ir_measures.iter_calc(list(wanted), qrels, run):
        value = ours[found.query_id][wanted[found.measure]]
        assert value == pytest.approx(found.value, abs=1e-12)


def test_few_values_and_equal_ones_are_not_certain():
    assert mean_interval([1.0, 1.0]).low == pytest.approx(0.3424, abs=1e-4)  # Wilson, 2 of 2
    assert mean_interval([1.0] * 100).low == pytest.approx(0.9630, abs=1e-4)
    assert mean_interval([0.5]).low < 0.06
    spread = mean_interval([0.0, 1.0] * 50)
    assert (spread.low, spread.high) == (pytest.approx(0.4, abs=0.02), pytest.approx(0.6, abs=0.02))
