"""What every layer checks of shapes, dtypes and batches, and how its messages help."""

import numpy as np
import pytest

import nnmat
from nnmat import Conv2d, Linear
from tests.composites import Added


@pytest.mark.parametrize("shape", ["ab", (0,), (2.5,), (-1, 3), (True,), None, ((2,), 3)])
def test_input_shape_is_checked(shape):
    with pytest.raises(nnmat.ShapeError, match="expected input_shape"):
        Linear(2, 2).build(shape)


@pytest.mark.parametrize("dtype", [np.int64, np.float16, "nonsense", None, complex])
def test_dtype_is_checked(dtype):
    with pytest.raises(nnmat.DtypeError, match="expected dtype float32 or float64"):
        Linear(2, 2).build((2,), dtype=dtype)


def test_hints_in_shape_errors():
    model = Linear(5, 3).build((5,))
    with pytest.raises(nnmat.ShapeError, match=r"Did you pass X\.T\?"):
        model.forward(np.zeros((5, 32), np.float32))
    with pytest.raises(nnmat.ShapeError, match=r"Add the batch axis: X\[np\.newaxis\]"):
        model.forward(np.zeros(5, np.float32))
    image = Conv2d(1, 1, 3).build((8, 9, 1))
    with pytest.raises(nnmat.ShapeError, match=r"channels-last: try X\.transpose\(0, 2, 3, 1\)"):
        image.forward(np.zeros((2, 1, 8, 9), np.float32))
    with pytest.raises(nnmat.ShapeError, match=r"Add the channel axis: X\[\.\.\., np\.newaxis\]"):
        image.forward(np.zeros((2, 8, 9), np.float32))


def test_several_inputs_are_checked_one_by_one():
    layer = Added(3).build(((5,), (4,)))
    one, two = np.zeros((2, 5), np.float32), np.zeros((2, 4), np.float32)
    with pytest.raises(nnmat.ShapeError, match="expected X to be a tuple of 2 arrays"):
        layer.forward(one)
    with pytest.raises(nnmat.DtypeError, match=r"expected X\[1\] to be a NumPy array, got int"):
        layer.forward((one, 3))
    with pytest.raises(nnmat.ShapeError, match=r"expected all inputs of one batch size, got \[2, 1\]"):
        layer.forward((one, two[:1]))
