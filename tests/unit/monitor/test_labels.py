import pytest

from mlwright.core.errors import DataError, NotFound
from mlwright.monitor.labels import add_file
from mlwright.monitor.live import live
from mlwright.predictions.labels import read_labels

from .conftest import draw


def test_labels_of_a_file(production, tmp_path):
    ids, _ = production.answer(draw(3, 0))
    path = tmp_path / "labels.csv"
    path.write_text(f"request_id,label\n{ids[0]},Yes\n{ids[1]},No\nnobody,Yes\n")
    added = add_file(production.workspace, "production", path)
    assert (added.added, added.unknown) == (2, 1)


@pytest.mark.parametrize(
    ("label", "message", "hint"),
    [
        ("Maybe", "{path}: row 2: the label is no class of {model}", "its classes are: No, Yes"),
        (
            "No",
            "{path}: row 2: the request has another label further up",
            "give each request one label",
        ),
    ],
)
def test_labels_that_nothing_can_be_judged_by_are_refused_whole(
    production, tmp_path, label, message, hint
):
    ids, _ = production.answer(draw(3, 0))
    path = tmp_path / "labels.csv"
    path.write_text(f"request_id,label\n{ids[0]},Yes\n{ids[0]},{label}\n")
    with pytest.raises(DataError) as caught:
        add_file(production.workspace, "production", path)
    answering = live(production.workspace, "production")
    name = f"{answering.model}:{answering.version}"
    assert str(caught.value) == message.format(path=path, model=name)
    assert caught.value.hint == hint
    assert read_labels(answering.log).is_empty()


def test_missing_columns_and_environments_are_named(production, tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("id,label\na,Yes\n")
    with pytest.raises(DataError) as caught:
        add_file(production.workspace, "production", path)
    assert str(caught.value) == f"{path} has no column request_id"
    assert caught.value.hint == "give a table with the columns request_id and label"
    with pytest.raises(NotFound):
        add_file(production.workspace, "nowhere", path)
