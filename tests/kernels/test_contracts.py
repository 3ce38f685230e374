"""What holds for all kernels alike: what `out` may overlap, which arrays are taken, a twin for every kernel."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels import reference, unchecked
from nnmat_kernels.errors import DtypeError

TWINS = [module.name for module in pkgutil.walk_packages(reference.__path__, f"{reference.__name__}.")]
SETTINGS = {"get_num_threads", "max_num_threads", "set_num_threads"}
LABELS = np.arange(4)
# Kernels, called with one 4 x 4 input and `out`.
CALLS = {
    "sigmoid": lambda A, out: k.sigmoid(A, out=out),
    "relu": lambda A, out: k.relu(A, out=out),
    "softmax": lambda A, out: k.softmax(A, out=out),
    "dropout": lambda A, out: k.dropout(A, 0.5, 1, 2, out=out),
    "matmul": lambda A, out: k.matmul(A, np.eye(4), out=out),
    "softmax_cross_entropy": lambda A, out: k.softmax_cross_entropy(A, LABELS, out=out),
    "softmax_cross_entropy, y": lambda A, out: k.softmax_cross_entropy(np.eye(4), A, out=out),
    "sigmoid_binary_cross_entropy": lambda A, out: k.sigmoid_binary_cross_entropy(A, np.eye(4), out=out),
    "sigmoid_binary_cross_entropy, y": lambda A, out: k.sigmoid_binary_cross_entropy(np.eye(4), A, out=out),
    "mean_squared_error": lambda A, out: k.mean_squared_error(A, np.eye(4), out=out),
    "mean_squared_error, y": lambda A, out: k.mean_squared_error(np.eye(4), A, out=out),
    "adversarial_loss": lambda A, out: k.adversarial_loss(A, "hinge", "real", out=out),
    "column_sums": lambda A, out: k.column_sums(A, out=out[0]),
    "row_sums": lambda A, out: k.row_sums(A, out=out[0]),
    "im2col": lambda A, out: k.im2col(A[None, :, :, None], 1, out=out.reshape(16, 1)),
    "avg_pool2d": lambda A, out: k.avg_pool2d(A[None, :, :, None], 1, out=out[None, :, :, None]),
    "avg_pool2d_backward": lambda A, out: k.avg_pool2d_backward(
        A[None, :, :, None], (1, 4, 4, 1), 1, out=out[None, :, :, None]
    ),
    "max_pool2d": lambda A, out: k.max_pool2d(A[None, :, :, None], 1, out=out[None, :, :, None]),
    "max_pool2d_backward": lambda A, out: k.max_pool2d_backward(
        A[None, :, :, None], np.zeros((1, 4, 4, 1), np.int32), (1, 4, 4, 1), out=out[None, :, :, None]
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_out_may_not_overlap_an_input_that_is_copied_first(name):
    """An input in another memory order is copied, so the result would be right; but the caller's array would change."""
    out = np.random.default_rng(0).uniform(0, 1, (4, 4))
    before = out.copy()
    with pytest.raises(ValueError, match=rf"^{name.partition(',')[0]}: out shares memory with an input"):
        CALLS[name](out.T, out)
    np.testing.assert_array_equal(out, before)


@pytest.mark.parametrize("weights", ["class_weight", "sample_weight"])
def test_out_may_not_overlap_the_weights(weights):
    out = np.ones((4, 4))
    with pytest.raises(ValueError, match="softmax_cross_entropy: out shares memory with an input"):
        k.softmax_cross_entropy(np.eye(4), LABELS, out=out, **{weights: out[0]})
    with pytest.raises(ValueError, match="mean_squared_error: out shares memory with an input"):
        k.mean_squared_error(np.eye(4), np.eye(4), out=out, sample_weight=out[0])


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of np.matrix
@pytest.mark.parametrize("kind", [np.asmatrix, lambda A: np.ma.masked_equal(A, 1)])
def test_arrays_that_are_none(kind):
    """They reached the compiler; a masked array cast to a plain one would lose its mask."""
    A, odd = np.eye(4), kind(np.eye(4))
    for call in (
        lambda: k.matmul(odd, A),
        lambda: k.relu(odd),
        lambda: k.relu(A, out=odd),
        lambda: k.mean_squared_error(A, odd),
        lambda: k.softmax_cross_entropy(A, LABELS, class_weight=odd[0]),
        lambda: k.sgd_update(A[0], odd[0], lr=0.1),
    ):
        with pytest.raises(DtypeError, match=rf"expected \w+ to be an? .*array.*got {type(odd).__name__}"):
            call()


def test_a_memory_map_is_an_array(tmp_path):
    A = np.memmap(tmp_path / "A", np.float32, "w+", shape=(3, 4))
    A[...] = np.arange(12).reshape(3, 4) - 6
    np.testing.assert_array_equal(k.relu(A), np.maximum(A, 0))
    assert k.relu(A, out=A) is A
    assert (A >= 0).all()


def test_every_kernel_has_a_twin_of_the_same_signature():
    twins = {}
    for module in TWINS:
        twins |= vars(importlib.import_module(module))
    for name in set(k.__all__) - SETTINGS:
        kernel = [(p.name, p.default) for p in inspect.signature(getattr(k, name)).parameters.values()]
        twin = [(p.name, p.default) for p in inspect.signature(twins[name]).parameters.values()]
        assert [p for p in kernel if p[0] != "who"] == twin, name  # `who` is a name in the texts of errors


def test_the_kernels_without_checks_are_the_public_ones(rng):
    """By their names; some stand there only."""
    names = {name for name, value in vars(unchecked).items() if callable(value)}
    only = {
        "add",
        "add_to_rows",
        "multiply",
        "clip_scale",
        "copy",
        "copy_columns",
        "first_number",
        "one_hot",
        "row_maxima",
        "walk",
        "count_correct",
        "gaussian_chain",
        "fill",
        "gather",
        "negative_products",
        "next_mask",
        "norm",
        "scale_rows",
    }
    only |= {
        "paste_columns",
        "times",
        "block_at_place",
        "nadam_product",
        "combination",
        "muon_direction",
        "muon_step",
        "muon_unit",
    }
    assert names - only <= set(k.__all__)
    A, B = (rng.standard_normal((4, 4)).astype(np.float32) for _ in range(2))
    for name in ("sigmoid", "tanh", "relu", "gelu", "softmax", "log_softmax"):
        out = np.empty_like(A)
        getattr(unchecked, name)(A, out)
        assert out.tobytes() == getattr(k, name)(A).tobytes(), name
    out = np.empty_like(A)
    unchecked.matmul(A, B, True, False, out)
    assert out.tobytes() == k.matmul(A, B, transpose_a=True).tobytes()
