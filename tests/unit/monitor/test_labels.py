import pytest

from mlwright.core.errors import DataError, NotFound
from mlwright.monitor.labels import add_file

from .conftest import draw


def test_labels_of_a_file(production, tmp_path):
    ids, _ = production.answer(draw(3, 0))
    path = tmp_path / "labels.csv"
    path.write_text(f"request_id,label\n{ids[0]},Yes\n{ids[1]},No\nnobody,Yes\n")
    added = add_file(production.workspace, "production", path)
    assert (added.added, added.unknown) == (2, 1)


def test_missing_columns_and_environments_are_named(production, tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("id,label\na,Yes\n")
    with pytest.raises(DataError) as caught:
        add_file(production.workspace, "production", path)
    assert str(caught.value) == f"{path} has no column request_id"
    assert caught.value.hint == "give a table with the columns request_id and label"
    with pytest.raises(NotFound):
        add_file(production.workspace, "nowhere", path)
