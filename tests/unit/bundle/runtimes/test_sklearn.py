import io
import zipfile

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer

from mlwright.bundle.runtimes.sklearn import Estimator, load
from mlwright.core.errors import BundleError


def rows():
    return np.random.default_rng(0).normal(size=(60, 2))


def test_equal_estimators_pack_to_equal_bytes():
    def packed():
        x = rows()
        return Estimator(KNeighborsClassifier().fit(x, x[:, 0] > 0), "binary", 2).pack()

    assert packed() == packed()


def test_what_is_packed_holds_neither_addresses_nor_the_time():
    x = rows()
    data = Estimator(LogisticRegression().fit(x, x[:, 0] > 0), "binary", 2).pack()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        places = [int(n.partition(".")[0]) for n in archive.namelist() if n.endswith(".npy")]
        assert max(places) < 1000


def os_system(_):
    raise AssertionError("this must never run")


@pytest.mark.parametrize("function", [os_system, np.testing.assert_equal])
def test_what_is_not_of_scikit_learn_is_not_loaded(function):
    model = LogisticRegression().fit(rows(), rows()[:, 0] > 0)
    model.extra = FunctionTransformer(function)
    data = Estimator(model, "binary", 2).pack()
    with pytest.raises(BundleError) as caught:
        load(data)
    assert "which is no class of scikit-learn" in str(caught.value)
    assert caught.value.hint == (
        "only scikit-learn's own classes are loaded; see docs/decisions/no-code.md"
    )


def test_functions_of_scikit_learn_are_not_loaded_either():
    from sklearn.utils import resample

    model = LogisticRegression().fit(rows(), rows()[:, 0] > 0)
    model.extra = resample
    with pytest.raises(BundleError, match=r"'sklearn\.utils.*resample', which is no class"):
        load(Estimator(model, "binary", 2).pack())


def test_a_null_counts_as_zero_for_what_takes_none():
    x = rows()
    loaded = load(Estimator(LogisticRegression().fit(x, x[:, 0] > 0), "binary", 2).pack())
    assert loaded.scores(np.array([[np.nan, 1.0]])) == loaded.scores(np.array([[0.0, 1.0]]))
