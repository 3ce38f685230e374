"""The row softmax kernels against their naive twins, and backward as the true Jacobian."""

import os
import subprocess
import sys

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.reductions import softmax as naive
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads

SHAPES = [(0,), (1,), (5, 0), (0, 4), (1, 1), (7,), (3, 10), (2, 3, 17), (4, 1000), (4001, 10)]
SHAPES.append(pytest.param((3, 20_000), marks=pytest.mark.slow))  # without the JIT a plain sum of so many loses digits
FORWARD = ["softmax", "log_softmax"]
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
forward = pytest.mark.parametrize("name", FORWARD)


def eps(dtype):
    return float(np.finfo(dtype).eps)


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
@forward
def test_value(name, shape, dtype, rng):
    X = np.asarray(5 * rng.standard_normal(shape), dtype)
    before = X.copy()
    Y = getattr(k, name)(X)
    assert Y.dtype == dtype
    # exp turns the rounding error of x - m, at most eps |x - m| / 2, into a relative error.
    np.testing.assert_allclose(Y, getattr(naive, name)(X), rtol=40 * eps(dtype), atol=0 if name == "softmax" else 1e-30)
    np.testing.assert_array_equal(X, before)
    if name == "softmax" and Y.size:
        np.testing.assert_allclose(Y.sum(axis=-1, dtype=np.float64), 1, rtol=40 * eps(dtype))


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
def test_backward(shape, dtype, rng):
    if shape[-1] > 2000:
        shape = (3, 2000)  # the twin writes the Jacobian out
    P = naive.softmax(rng.standard_normal(shape)).astype(dtype)
    G = np.asarray(rng.standard_normal(shape), dtype)
    gX = k.softmax_backward(G, P)
    assert gX.dtype == dtype
    scale = np.abs(P).max(initial=0) * np.abs(G).max(initial=0)
    np.testing.assert_allclose(gX, naive.softmax_backward(G, P), rtol=0, atol=40 * eps(dtype) * scale)


@dtypes
@pytest.mark.parametrize("shape", [(5, 0), (1, 1), (7,), (2, 3, 17), (4001, 10), (3, 1000)])
def test_backward_of_the_logarithm(shape, dtype, rng):
    Y, G = naive.log_softmax(rng.standard_normal(shape)).astype(dtype), np.asarray(rng.standard_normal(shape), dtype)
    gX = k.log_softmax_backward(G, Y)
    assert gX.dtype == dtype
    expected = G.astype(np.float64) - np.exp(Y.astype(np.float64)) * G.sum(axis=-1, keepdims=True, dtype=np.float64)
    np.testing.assert_allclose(gX, expected, rtol=0, atol=8 * eps(dtype) * np.abs(G).sum(axis=-1).max(initial=0))
    if shape[-1] < 100 and len(G) < 100:
        np.testing.assert_allclose(naive.log_softmax_backward(G, Y), expected, rtol=0, atol=1e-6)
    given = G.copy()
    np.testing.assert_array_equal(k.log_softmax_backward(given, Y, given), gX)


def test_backward_of_many_rows(rng):
    """More rows than one thread takes, against the formula without Jacobians."""
    P = naive.softmax(rng.standard_normal((5003, 12)))
    G = rng.standard_normal(P.shape)
    gX = k.softmax_backward(G, P)
    np.testing.assert_allclose(gX, P * (G - (G * P).sum(axis=1, keepdims=True)), rtol=0, atol=1e-15)
    np.testing.assert_allclose(gX.sum(axis=1), 0, atol=1e-15)  # J is symmetric with J 1 = 0


def test_backward_is_the_derivative(rng):
    X, G, V = rng.standard_normal((3, 4, 6))
    h = 1e-3
    f = {s: naive.softmax(X + s * h * V) for s in (-2, -1, 1, 2)}
    difference = (8 * (f[1] - f[-1]) - (f[2] - f[-2])) / (12 * h)
    gX = k.softmax_backward(G, k.softmax(X))
    np.testing.assert_allclose((gX * V).sum(), (G * difference).sum(), rtol=1e-9)
    without_coupling = G * k.softmax(X) * (1 - k.softmax(X))  # the element-wise derivative is wrong
    assert abs((without_coupling * V).sum() - (G * difference).sum()) > 1e-4


@dtypes
def test_large_logits(dtype):
    X = np.array([[1000, 999, 0], [-1000, -1001, -1e4], [1e4, 0, -1e4]], dtype)
    np.testing.assert_allclose(k.softmax(X), naive.softmax(X), rtol=4 * eps(dtype))
    np.testing.assert_allclose(k.log_softmax(X), naive.log_softmax(X), rtol=4 * eps(dtype), atol=1e-30)


@dtypes
def test_log_of_an_almost_sure_class(dtype):
    """log p of p = 1 - 2e-22 is -2e-22, not 0."""
    np.testing.assert_allclose(k.log_softmax(np.array([[0, 50]], dtype)), [[-50, -np.exp(-50)]], rtol=4 * eps(dtype))


@dtypes
@forward
def test_nan_and_inf(name, dtype):
    inf, nan = np.inf, np.nan
    X = np.array([[1, nan, 2], [nan, 1, 2], [1, 2, nan], [inf, 1, 2], [1, -inf, 2], [-inf] * 3, [1, 2, 3]], dtype)
    Y = getattr(k, name)(np.repeat(X, 11, axis=1)[:, :31])
    np.testing.assert_array_equal(np.isnan(Y).all(axis=1), [True, True, True, True, False, True, False])
    np.testing.assert_array_equal(np.isnan(Y).any(axis=1), [True, True, True, True, False, True, False])
    assert (Y[4, 11:22] == (0 if name == "softmax" else -inf)).all()


@dtypes
def test_nan_in_the_gradient_stays_in_its_row(dtype):
    G, P = np.ones((3, 40), dtype), np.full((3, 40), 1 / 40, dtype)
    G[1, 5] = np.nan
    np.testing.assert_array_equal(np.isnan(k.softmax_backward(G, P)).all(axis=1), [False, True, False])


@dtypes
@pytest.mark.parametrize("name", [*FORWARD, "softmax_backward"])
def test_layouts_and_out(name, dtype, rng):
    arrays = [np.abs(rng.standard_normal((6, 30))).astype(dtype) for _ in range(1 if name in FORWARD else 2)]
    kernel = getattr(k, name)
    expected = kernel(*arrays)
    for layout in awkward_layouts(arrays[0]):
        np.testing.assert_array_equal(kernel(*(awkward_layouts(A)[layout] for A in arrays)), expected, err_msg=layout)
    out, intact = guarded((6, 30), dtype)
    assert kernel(*arrays, out=out) is out
    np.testing.assert_array_equal(out, expected)
    intact()
    for i in range(len(arrays)):  # in place; not vectorised, so the last bits may differ
        given = [A.copy() for A in arrays]
        kernel(*given, out=given[i])
        np.testing.assert_allclose(
            given[i], expected, rtol=40 * eps(dtype), atol=40 * eps(dtype) * np.abs(expected).max()
        )
    large = [rng.standard_normal((4099, 23)).astype(dtype) for _ in arrays]
    out, intact = guarded((4099, 23), dtype)
    np.testing.assert_array_equal(kernel(*large, out=out), kernel(*large))
    intact()


@dtypes
@pytest.mark.parametrize("name", [*FORWARD, "softmax_backward"])
def test_threads(name, dtype, rng):
    arrays = [rng.standard_normal((4099, 23)).astype(dtype) for _ in range(1 if name in FORWARD else 2)]
    same_bits_for_any_threads(lambda: getattr(k, name)(*arrays))


@pytest.mark.parametrize("name", [*FORWARD, "softmax_backward"])
def test_errors(name):
    kernel, arrays = getattr(k, name), [np.zeros((2, 3))] * (1 if name in FORWARD else 2)
    with pytest.raises(
        ShapeError, match=rf"^{name}: expected arrays with at least 1 dimension, got shape \(\)\. Try X"
    ):
        kernel(*(np.zeros(()) for _ in arrays))
    with pytest.raises(DtypeError, match=rf"^{name}: expected [XG] of dtype float32 or float64, got int64\. Try"):
        kernel(*(A.astype(np.int64) for A in arrays))
    with pytest.raises(ShapeError, match=rf"^{name}: expected out of shape \(2, 3\), got \(3,\)"):
        kernel(*arrays, out=np.empty(3))
    if name not in FORWARD:
        with pytest.raises(ShapeError, match=r"^softmax_backward: expected arrays of one shape, got G .*, P \(3, 2\)"):
            kernel(arrays[0], np.zeros((3, 2)))
        with pytest.raises(
            DtypeError, match=r"^softmax_backward: expected arrays of one dtype, got G float64, P float32"
        ):
            kernel(arrays[0], np.zeros((2, 3), np.float32))


@dtypes
@pytest.mark.parametrize("shape", [(3, 4_096), (3, 4_097), (8, 9_000)])
def test_the_derivative_of_long_rows(shape, dtype, rng):
    P, G = k.softmax(rng.standard_normal(shape).astype(dtype)), rng.standard_normal(shape).astype(dtype)
    exact = naive.softmax_backward(G.astype(np.float64), P.astype(np.float64))
    np.testing.assert_allclose(k.softmax_backward(G, P), exact, rtol=0, atol=8 * eps(dtype) * P.max())
    same_bits_for_any_threads(lambda: k.softmax_backward(G, P))


WIDE = """
import sys, zlib, numpy as np, nnmat_kernels as k
found = []
for rows in [3, 400][int(sys.argv[1]) :]:
    X = np.random.default_rng(0).standard_normal((400, 100)).astype(np.float32)[-rows:]
    y = np.arange(rows) % 100
    found = [k.softmax(X), k.log_softmax(X), k.softmax_cross_entropy(X, y)[1], k.row_sums(X)]
print([zlib.crc32(A.tobytes()) for A in found])
"""


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_wide_rows_have_the_same_bits_compiled_or_loaded(tmp_path):
    """Whatever a process has compiled itself, has loaded from the disk cache, or has called before."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}

    def run(first):
        command = [sys.executable, "-c", WIDE, str(first)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout

    assert len({run(first) for first in (1, 0, 1, 0)}) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 10), (1, 300), (3, 100), (2, 2000)])
def test_no_bit_depends_on_where_the_result_lies(dtype, shape, rng):
    """In place, side by side, or far apart."""
    X = rng.standard_normal(shape).astype(dtype)
    found = {k.softmax(X).tobytes()}
    for gap in (0, 1, 16, 100):
        for first in (0, X.size + gap):
            buffer = np.zeros(2 * X.size + gap, dtype)
            given, P = (buffer[i : i + X.size].reshape(shape) for i in (first, X.size + gap - first))
            given[...] = X
            found.add(k.softmax(given, out=P).tobytes())
    found.add(k.softmax(X, out=X).tobytes())
    assert len(found) == 1
