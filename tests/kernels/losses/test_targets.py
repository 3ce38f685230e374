"""What losses take beside the logits: each check by itself, and what comes out of it."""

import numpy as np
import pytest

from nnmat_kernels.errors import DtypeError, LabelError, ShapeError
from nnmat_kernels.losses import targets


def test_rows():
    H = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(targets.as_rows("f", H), H.reshape(6, 4))
    for shape in ((4,), (3, 0)):
        with pytest.raises(ShapeError, match=r"^f: expected H of shape \(\.\.\., M\)"):
            targets.as_rows("f", np.zeros(shape))


@pytest.mark.parametrize("kind", [np.int8, np.uint16, np.int64])
def test_labels_become_int64(kind):
    y, valid = targets.as_labels("f", np.array([[0, 2], [1, 1]], kind), (2, 2, 3), None)
    assert valid is None
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y, [0, 2, 1, 1])
    y, valid = targets.as_labels("f", np.array([0, 2], kind), (2, 3), 2)
    np.testing.assert_array_equal(valid, [True, False])
    with pytest.raises(LabelError, match="^f: expected labels from 0 to 2, got 3 in row 1"):
        targets.as_labels("f", np.array([0, 3], kind), (2, 3), None)


def test_targets_are_checked_against_their_limits():
    y = np.array([[0, 0.5], [1, 0.25]])
    Y = targets.as_targets("f", y, (2, 2), np.dtype(np.float32), low=0.0, high=1.0)
    assert Y.dtype == np.float32
    np.testing.assert_array_equal(Y, y)
    with pytest.raises(LabelError, match="^f: expected finite targets from 0 to 1, got 1.5 in row 1, column 0"):
        targets.as_targets("f", y + np.array([[0, 0], [0.5, 0]]), (2, 2), y.dtype, low=0.0, high=1.0)
    with pytest.raises(LabelError, match="^f: expected finite targets, got nan"):
        targets.as_targets("f", np.full((2, 2), np.nan), (2, 2), y.dtype)


def test_what_a_kernel_looks_at_is_not_looked_at_here():
    y = np.array([[9, -9]])
    assert targets.label_rows("f", y, (1, 2, 3), None).base is y
    with pytest.raises(LabelError, match="^f: expected labels from 0 to 2, got 9 in row 0"):
        targets.label_rows("f", y.astype(np.int8), (1, 2, 3), None)
    with pytest.raises(ShapeError, match="^f: expected integer labels y of shape"):
        targets.label_rows("f", y, (1, 3, 3), None)
    Y = np.full((1, 2), np.nan)
    assert targets.target_rows("f", Y, (1, 2), Y.dtype).base is Y
    with pytest.raises(LabelError, match="^f: expected finite targets, got nan"):
        targets.target_rows("f", Y, (1, 2), np.dtype(np.float32))
    with pytest.raises(ShapeError, match="^f: expected targets y of the shape of H"):
        targets.target_rows("f", Y, (2, 1), Y.dtype)


def test_weights():
    s = np.array([[1.0, 2.0]])
    assert targets.as_sample_weight("f", s, (1, 2, 3)).base is s
    s = targets.as_sample_weight("f", np.array([1, 2]), (2, 3))
    assert s.dtype == np.float64
    np.testing.assert_array_equal(s, [1, 2])
    with pytest.raises(ShapeError, match="^f: expected sample_weight of shape"):
        targets.as_sample_weight("f", np.array([1, 2]), (3, 2))
    w = np.array([1, 0.5])
    np.testing.assert_array_equal(targets.as_class_weights("f", w, 2), w)
    with pytest.raises(ShapeError, match=r"^f: expected class_weight of shape \(3,\), got \(2,\)"):
        targets.as_class_weights("f", w, 3)
    with pytest.raises(ValueError, match="^f: expected sample_weight finite and not negative, got -1.0 at position 1"):
        targets.check_weights("f", "sample_weight", np.array([0.0, -1.0]))


@pytest.mark.parametrize("y", [[0, 1], np.array(["a"]), np.array([True]), np.array([1j])])
def test_what_is_no_array_of_targets_is_refused(y):
    with pytest.raises(DtypeError, match="^f: expected y "):
        targets.as_array_of_targets("f", y)
