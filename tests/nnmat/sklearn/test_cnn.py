"""Convolutional networks of flat rows."""

import numpy as np
import pytest

import nnmat
from tests.extras import needs

pytestmark = needs("sklearn")

from sklearn.datasets import load_digits  # noqa: E402

from nnmat.sklearn import CNNClassifier  # noqa: E402

X, y = load_digits(return_X_y=True)


@pytest.mark.once
def test_digits():
    fitted = CNNClassifier((8, 8), channels=(8, 8), max_iter=15, learning_rate=0.01, random_state=0)
    fitted.fit(X[:600].astype(np.float32), y[:600])
    assert fitted.score(X[600:1000], y[600:1000]) > 0.9


def test_a_row_is_an_image():
    options = {"channels": 2, "max_iter": 1, "hidden_layer_sizes": (5,), "activation": ("relu", "tanh"), "pool": 4}
    fitted = CNNClassifier(image_shape=(4, 4, 4), **options).fit(X[:20], y[:20])
    assert fitted.model_.layers[0].output_shape((64,)) == (4, 4, 4)
    kinds = " ".join(type(layer).__name__ for layer in fitted.model_.layers)
    assert kinds == "Unflatten Conv2d ReLU MaxPool2d Flatten Linear Tanh Linear"
    with pytest.raises(nnmat.ShapeError, match="expected X with 49 columns"):
        CNNClassifier(image_shape=(7, 7)).fit(X[:20], y[:20])
