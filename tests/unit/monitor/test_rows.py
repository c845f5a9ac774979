import polars as pl

from mlwright.core.signature import Signature
from mlwright.monitor.rows import scores

THREE = Signature((), "multiclass", "y", ("a", "b", "c"))
NUMBER = Signature((), "regression", "y")


def test_scores_of_several_classes_are_a_matrix():
    table = pl.DataFrame({"score": [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]})
    assert scores(table, THREE).tolist() == [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]


def test_scores_of_one_number_are_a_vector():
    assert scores(pl.DataFrame({"score": [0.5, 2.0]}), NUMBER).tolist() == [0.5, 2.0]


def test_a_log_shared_with_a_model_of_several_classes_holds_lists_of_one():
    assert scores(pl.DataFrame({"score": [[0.5], [2.0]]}), NUMBER).tolist() == [0.5, 2.0]
