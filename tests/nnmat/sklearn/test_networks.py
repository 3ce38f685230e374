"""The layers of the estimators' networks."""

import numpy as np
import pytest

import nnmat
from tests.extras import needs

pytestmark = needs("sklearn")

from nnmat.sklearn import networks  # noqa: E402


def kinds(layers):
    return " ".join(type(layer).__name__ for layer in layers)


def test_a_perceptron():
    found = networks.perceptron("Me", 3, (8, 4), ["gelu", "tanh"], [0.5, 0.0], True)
    assert kinds(found) == "Linear BatchNorm1d GELU Dropout Linear BatchNorm1d Tanh Linear"
    assert kinds(networks.perceptron("Me", 3, 5, "relu", 0.0, False)) == "Linear ReLU Linear"
    assert kinds(networks.perceptron("Me", 3, (), "relu", 0.0, False)) == "Linear"


def test_convolutions_pool_as_long_as_something_is_left():
    found = networks.convolutions("Me", (4, 2, 1), (2, 2, 2), 3, "relu", 2, True)
    assert kinds(found) == (
        "Unflatten Conv2d BatchNorm2d ReLU MaxPool2d Conv2d BatchNorm2d ReLU Conv2d BatchNorm2d ReLU Flatten"
    )
    assert nnmat.Sequential(found, input_shape=8).output_shape((8,)) == (4,)
    assert "MaxPool" not in kinds(networks.convolutions("Me", (4, 4, 1), 2, (3, 5), "relu", 1, False))


def test_image_shapes():
    assert networks.image_shape("Me", None, 64) == (8, 8, 1)
    assert networks.image_shape("Me", None, 12) == (1, 12, 1)
    assert networks.image_shape("Me", (3, 4), 12) == (3, 4, 1)
    assert networks.image_shape("Me", [2, 2, 3], 12) == (2, 2, 3)
    with pytest.raises(nnmat.ShapeError, match=r"expected X with 9 columns for image_shape=\(3, 3\), got 12"):
        networks.image_shape("Me", (3, 3), 12)
    with pytest.raises(nnmat.ConfigError, match=r"image_shape as \(height, width\)"):
        networks.image_shape("Me", 12, 12)


def test_one_value_or_one_for_each():
    assert networks.for_each("Me", "dropout", 0.5, 2) == [0.5, 0.5]
    assert networks.for_each("Me", "dropout", (0.5, 0.1), 2) == [0.5, 0.1]
    with pytest.raises(nnmat.ConfigError, match="hidden_layer_sizes as a sequence of integers"):
        networks.sizes_of("Me", "hidden_layer_sizes", "10")


def test_an_image_shape_may_be_an_array():
    assert networks.image_shape("Me", np.array([3, 4]), 12) == (3, 4, 1)
    with pytest.raises(nnmat.ConfigError, match=r"image_shape as \(height, width\)"):
        networks.image_shape("Me", "12", 2)
