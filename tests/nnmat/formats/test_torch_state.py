"""State dicts of PyTorch: the way there and back, and the errors. Equal outputs are shown in tests/judge."""

import numpy as np
import pytest

import nnmat
from nnmat import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, convert
from tests.composites import TiedAutoencoder


def cnn(seed=0, **options):
    layers = [Conv2d(2, 3, (3, 2), **options), ReLU(), MaxPool2d(2), Flatten(), Linear(None, 5), ReLU(), Linear(5, 2)]
    return Sequential(layers, input_shape=(9, 7, 2), seed=seed)


def test_there_and_back():
    model, twin = cnn(0), cnn(1)
    convert.from_torch(twin, convert.to_torch(model))
    assert np.array_equal(twin.flat_parameters, model.flat_parameters)


def test_the_order_of_axes():
    model = cnn()
    state = convert.to_torch(model)
    assert {name: A.shape for name, A in state.items()} == {
        "0.weight": (3, 2, 3, 2),
        "0.bias": (3,),
        "4.weight": (5, 3 * 3 * 3),
        "4.bias": (5,),
        "6.weight": (2, 5),
        "6.bias": (2,),
    }
    assert state["0.weight"][2, 1, 0, 1] == model[0].weight.value[2, 0, 1, 1]
    image = np.random.default_rng(0).standard_normal((3, 3, 3))  # (H, W, C)
    theirs = state["4.weight"] @ image.transpose(2, 0, 1).ravel()
    np.testing.assert_allclose(theirs, model[4].weight.value @ image.ravel(), rtol=1e-6)
    assert np.array_equal(state["6.weight"], model[6].weight.value)


def test_result_is_a_copy():
    model = cnn()
    state = convert.to_torch(model)
    for A in state.values():
        assert not np.shares_memory(A, model.flat_parameters)


def test_other_prefixes_are_fine():
    model, twin = cnn(0), cnn(1)
    renamed = {f"net.{i}.{name.rpartition('.')[2]}": A for i, (name, A) in enumerate(convert.to_torch(model).items())}
    convert.from_torch(twin, renamed)
    assert np.array_equal(twin.flat_parameters, model.flat_parameters)


def test_errors_leave_the_model_alone():
    model = cnn()
    state, before = convert.to_torch(model), model.flat_parameters.copy()
    with pytest.raises(nnmat.ConfigError, match="expected entries of the kinds"):
        convert.from_torch(model, {k: v for k, v in state.items() if k != "4.bias"})
    with pytest.raises(nnmat.ShapeError, match=r"expected '6.weight' of shape \(2, 5\)"):
        convert.from_torch(model, {k: v + 1 for k, v in state.items()} | {"6.weight": np.zeros((5, 2))})
    with pytest.raises(nnmat.ShapeError, match=r"expected '0.weight' of shape \(3, 2, 3, 2\)"):
        convert.from_torch(model, state | {"0.weight": model[0].weight.value})
    with pytest.raises(nnmat.DtypeError, match=r"got list\. Try np.asarray\(state\[.6.bias.\]\)"):
        convert.from_torch(model, state | {"6.bias": [0.0, 0.0]})
    with pytest.raises(nnmat.ConfigError, match="expected a built Sequential"):
        convert.to_torch(TiedAutoencoder(2).build((3,)))
    assert np.array_equal(model.flat_parameters, before)
