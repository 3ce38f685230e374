"""The sums against their naive twins."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reductions import sums as module
from nnmat_kernels.reference.reductions import sums as naive
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads

SHAPES = [(0, 0), (0, 5), (5, 0), (1, 1), (1, 9), (9, 1), (3, 7), (200, 10), (65, 64), (65, 65), (3, 40_000)]
SHAPES += [(70_001, 1), (30_011, 6), (5003, 16), (1021, 130), (2, 33_001), (67, 1025), (40, 9001), (131, 2050)]
KERNELS = ("column_sums", "row_sums")
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
sums = pytest.mark.parametrize("name", KERNELS)


def bound(A, name):
    """The error bound of sums in blocks: a few hundred roundings on the way, each of the sum of magnitudes at most."""
    return 64 * np.finfo(A.dtype).eps * getattr(naive, name)(np.abs(A))


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
@sums
def test_value(name, shape, dtype, rng):
    A = (rng.standard_normal(shape) + 0.5).astype(dtype)
    s, expected = getattr(k, name)(A), getattr(naive, name)(A)
    assert s.dtype == dtype
    assert s.shape == expected.shape
    assert (np.abs(s - expected) <= bound(A, name)).all()


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
@sums
def test_accumulate(name, shape, dtype, rng):
    A = rng.standard_normal(shape).astype(dtype)
    s = getattr(k, name)(A)
    start = rng.standard_normal(s.shape).astype(dtype)
    out, intact = guarded(s.shape, dtype)
    out[...] = start
    assert getattr(k, name)(A, out=out, accumulate=True) is out
    np.testing.assert_array_equal(out, start + s)
    intact()


@dtypes
@sums
def test_exact_on_integers(name, dtype):
    """Each element counted once: sums of small integers have no rounding."""
    for shape in ((257, 6), (4096, 33), (70_000, 3)):
        A = (np.arange(shape[0] * shape[1]).reshape(shape) % 7 - 3).astype(dtype)
        np.testing.assert_array_equal(getattr(k, name)(A), getattr(naive, name)(A))


@dtypes
@sums
def test_layouts(name, dtype, rng):
    A = rng.standard_normal((12, 10)).astype(dtype)
    for layout, B in awkward_layouts(A).items():
        np.testing.assert_array_equal(getattr(k, name)(B), getattr(k, name)(A), err_msg=layout)
        assert k.sum_of_squares(B) == k.sum_of_squares(A)


@dtypes
@pytest.mark.parametrize("shape", [(80_003, 5), (700, 300), (40, 9001), (2, 40_000)])
def test_threads(shape, dtype, rng):
    A = rng.standard_normal(shape).astype(dtype)
    same_bits_for_any_threads(lambda: (k.column_sums(A), k.row_sums(A), k.sum_of_squares(A)))


@pytest.mark.parametrize("shape", [(256, 16_384), (40, 9001), (3, 200_000), (40_000, 128), (400_000, 5)])
def test_slots_of_column_sums_are_few(shape, monkeypatch):
    """The slots are folded on one thread, so they must be small beside A: for wide matrices they were a copy of it."""
    folded = [0]
    monkeypatch.setattr(module, "fold_columns", lambda sums, *rest: folded.append(sums.size))
    k.column_sums(np.zeros(shape, np.float32))
    assert max(folded) <= module.COLUMN_SUM_PIECES * module.COLUMN_BLOCK
    assert max(folded) <= shape[0] * shape[1] / 16


def test_rounding_does_not_grow_with_the_rows():
    """Few rows are added up apart. One sum over the 250,000 rows of a slot would be wrong by some 1e-4."""
    A = np.full((4_000_000, 1), 0.1, np.float32)
    np.testing.assert_allclose(k.column_sums(A), 4e6 * np.float64(np.float32(0.1)), rtol=3e-6)


@dtypes
@sums
def test_nan_and_inf(name, dtype):
    A = np.ones((300, 20), dtype)
    A[150, 7] = np.nan
    A[3, 4], A[4, 5], A[4, 6] = np.inf, np.inf, -np.inf
    np.testing.assert_array_equal(getattr(k, name)(A), getattr(naive, name)(A).astype(dtype))


def test_adjoint(rng):
    """⟨g, Aᵀ 1⟩ = ⟨1 gᵀ, A⟩ and ⟨g, A 1⟩ = ⟨g 1ᵀ, A⟩."""
    A, g, f = rng.standard_normal((40, 7)), rng.standard_normal(7), rng.standard_normal(40)
    np.testing.assert_allclose(g @ k.column_sums(A), (np.ones((40, 1)) * g * A).sum(), rtol=1e-13)
    np.testing.assert_allclose(f @ k.row_sums(A), (f[:, None] * np.ones(7) * A).sum(), rtol=1e-13)


@dtypes
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0), (5, 7), (2, 3, 4), (70_001,), (300, 400)])
def test_sum_of_squares(shape, dtype, rng):
    A = np.asarray(rng.standard_normal(shape), dtype)
    s = k.sum_of_squares(A)
    assert type(s) is float
    np.testing.assert_allclose(s, naive.sum_of_squares(A), rtol=1e-13)


def test_sum_of_squares_does_not_overflow_in_float32():
    A = np.full(1000, 1e30, np.float32)
    np.testing.assert_allclose(k.sum_of_squares(A), 1e63, rtol=1e-6)
    A[17] = np.nan
    assert np.isnan(k.sum_of_squares(A))


@sums
def test_errors(name):
    kernel, A = getattr(k, name), np.zeros((3, 3), np.float32)
    with pytest.raises(ShapeError, match=rf"^{name}: expected A with 2 dimensions, got shape \(3,\)"):
        kernel(A[0])
    with pytest.raises(
        DtypeError, match=rf"^{name}: expected A of dtype float32 or float64, got int64\. Try A\.astype"
    ):
        kernel(A.astype(np.int64))
    with pytest.raises(ShapeError, match=rf"^{name}: expected out of shape \(3,\), got \(4,\)"):
        kernel(A, out=np.empty(4, np.float32))
    with pytest.raises(ValueError, match=rf"^{name}: expected out with accumulate=True, got None\. Pass"):
        kernel(A, accumulate=True)
    with pytest.raises(ValueError, match=rf"^{name}: out shares memory with an input"):
        kernel(A, out=A[1])
    with pytest.raises(DtypeError, match=r"^sum_of_squares: expected A to be a NumPy array, got list"):
        k.sum_of_squares([1.0])


@sums
def test_any_truth_value_means_accumulate_and_compiles_nothing_new(name):
    A = np.ones((4, 4))
    out = getattr(k, name)(A).copy()
    bodies = [
        module.column_sums_serial,
        module.column_piece,
        module.fold_columns,
        module.row_sums_serial,
    ]
    getattr(k, name)(A, out=out, accumulate=True)
    known = [len(getattr(body, "signatures", [])) for body in bodies]
    getattr(k, name)(A, out=out, accumulate=1)
    getattr(k, name)(A, out=out, accumulate=np.True_)
    assert (out == 16).all()
    assert [len(getattr(body, "signatures", [])) for body in bodies] == known


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3, 4_096), (3, 4_097), (2, 9_000), (20, 8_192), (1, 300_000)])
def test_long_rows_are_made_of_partial_sums(shape, dtype, rng):
    """Rounding does not grow with the row: it is that of LONG_RUN numbers, however the processor adds them."""
    A, eps = rng.standard_normal(shape).astype(dtype), float(np.finfo(dtype).eps)
    bound = {"rtol": 0, "atol": module.LONG_RUN * eps * 4}
    np.testing.assert_allclose(k.row_sums(A), naive.row_sums(A), **bound)
    out = np.ones(shape[0], dtype)
    np.testing.assert_allclose(k.row_sums(A, out, True), k.row_sums(A) + 1, **bound)
    ones = np.full(shape, 0.1, dtype)
    assert k.row_sums(ones)[0] == pytest.approx(ones[0].astype(np.float64).sum(), rel=module.LONG_RUN / 8 * eps)
    same_bits_for_any_threads(lambda: k.row_sums(A))
