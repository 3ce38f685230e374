"""Parameters: their places in the flat vectors, their settings, assignment."""

import numpy as np
import pytest

import nnmat
from nnmat import Flatten, Linear, Sequential, Sigmoid


def small(**options):
    return Sequential([Flatten(), Linear(None, 4), Sigmoid(), Linear(4, 3)], input_shape=(2, 3), **options)


def test_equal_settings_stand_together():
    places = small().parameter_slices()
    assert [s.decay for s in places] == [True, True, False, False]
    stops = [s.slice.stop for s in places]
    assert [s.slice.start for s in places] == [0, *stops[:-1]]


def test_settings_can_change_and_are_counted():
    model = small()
    version = model.parameters_version
    model[1].weight.trainable = False
    assert model.parameters_version == version + 1
    assert [s.trainable for s in model.parameter_slices()] == [False, True, True, True]


def test_parameter_assignment_is_checked():
    p = small()[1].weight
    with pytest.raises(nnmat.ShapeError, match=r"'1.weight': expected a value of shape \(4, 6\), got \(6, 4\)"):
        p.value = np.ones((6, 4))
    with pytest.raises(nnmat.DtypeError, match="real numbers"):
        p.value = np.full((4, 6), "a")
    with pytest.raises(nnmat.BuildError, match="Build the model first"):
        Linear(2, 2).weight.value  # noqa: B018


def test_a_shared_parameter_has_one_shape():
    p = nnmat.Parameter("weight")
    p.declare((2, 3), lambda rng, shape: np.ones(shape))
    p.declare((2, 3), lambda rng, shape: np.zeros(shape))
    assert p.draw(np.random.default_rng(0)).all()  # the first initializer counts
    with pytest.raises(nnmat.ShapeError, match=r"'weight': it is shared, .* got \(2, 3\) at the first and \(3, 2\)"):
        p.declare((3, 2), lambda rng, shape: np.zeros(shape))
    p.forget()
    p.declare((3, 2), lambda rng, shape: np.zeros(shape))
    assert p.shape == (3, 2)
