import json

import numpy as np
import pandas as pd
import pytest
import yaml

from mlwright.bundle.pyfunc import _load_pyfunc
from mlwright.bundle.write import write
from mlwright.core.errors import SignatureError


@pytest.fixture(scope="module")
def folder(example, tmp_path_factory):
    return write(example.draft, tmp_path_factory.mktemp("bundles")).path


@pytest.fixture
def table(example):
    return pd.DataFrame(example.rows)


def test_a_frame_is_predicted_like_rows(example, folder, table):
    table.index = table.index + 7
    answer = _load_pyfunc(str(folder)).predict(table[reversed(table.columns)].assign(more=1))
    expected = write(example.draft, folder.parent).model().predict(example.columns)
    assert list(answer.columns) == ["prediction", "probability"]
    assert list(answer["prediction"]) == expected.prediction
    assert np.array_equal(answer["probability"], expected.scores)
    assert list(answer.index) == list(table.index)


def test_integers_are_numbers(folder, table):
    model = _load_pyfunc(str(folder))
    whole = table.assign(tenure=table["tenure"].astype("int64"))
    pd.testing.assert_frame_equal(model.predict(whole), model.predict(table))


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("tenure", "40", "tenure: must be numbers"),
        ("tenure", True, "tenure: must be numbers"),
        ("gender", 1, "gender: must be text"),
        ("partner", 1, "partner: must be true or false"),
    ],
)
def test_a_column_of_another_kind_is_refused(folder, table, column, value, reason):
    with pytest.raises(SignatureError, match=f"^the rows do not fit the model: {reason}$"):
        _load_pyfunc(str(folder)).predict(table.assign(**{column: value}))


def test_missing_columns_are_all_named(folder, table):
    with pytest.raises(SignatureError) as caught:
        _load_pyfunc(str(folder)).predict(table[["charges", "gender", "partner"]])
    assert caught.value.problems == {"tenure": "is missing", "contract": "is missing"}


def test_the_mlmodel_file_names_columns_and_no_time(folder):
    found = yaml.safe_load((folder / "MLmodel").read_text())
    assert found["flavors"]["python_function"]["loader_module"] == "mlwright.bundle.pyfunc"
    inputs = json.loads(found["signature"]["inputs"])
    names = [column["name"] for column in inputs]
    assert names == ["tenure", "charges", "contract", "gender", "partner"]
    outputs = json.loads(found["signature"]["outputs"])
    assert [column["name"] for column in outputs] == ["prediction", "probability"]
    assert set(found) == {"flavors", "signature"}
