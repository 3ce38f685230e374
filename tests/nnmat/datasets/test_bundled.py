"""The data sets of scikit-learn: shapes, ranges, names."""

import numpy as np
import pytest

from nnmat import datasets
from nnmat.errors import MissingExtraError
from tests.extras import needs

pytestmark = needs("sklearn")
SETS = {
    "digits": ((1797, 8, 8, 1), 10),
    "iris": ((150, 4), 3),
    "wine": ((178, 13), 3),
    "breast_cancer": ((569, 30), 2),
    "diabetes": ((442, 10), 0),
}


@pytest.mark.parametrize("name", SETS)
def test_shapes_and_classes(name):
    shape, classes = SETS[name]
    data = getattr(datasets, name)()
    assert (data.X.shape, data.X.dtype) == (shape, np.float32)
    assert np.isfinite(data.X).all()
    if classes:
        assert (data.y.shape, data.y.dtype) == (shape[:1], np.int64)
        assert set(data.y) == set(range(classes))
        assert len(data.labels) == classes
        datasets.split(data, 0.2)
    else:
        assert (data.y.shape, data.y.dtype, data.labels) == ((442, 1), np.float32, None)


def test_digits_are_images():
    data = datasets.digits()
    assert (data.X.min(), data.X.max()) == (0, 1)
    assert data.labels == tuple("0123456789")
    assert datasets.iris().labels == ("setosa", "versicolor", "virginica")


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match=r"nnmat.datasets.iris: .*pip install 'nnmat\[data\]'"):
        datasets.iris()
