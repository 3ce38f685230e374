"""Lists of operations: every operation against the twin, every kind of array, the same bits for any threads."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels.expressions.walk import (
    KINDS_OF_ARRAYS,
    MOST_ARRAYS,
    MOST_REGISTERS,
    REGISTER_SIZE,
    WALKED,
    walk_unchecked,
)
from nnmat_kernels.reference.expressions.walk import OF_ONE, OF_TWO, walk
from nnmat_kernels.runtime.config import settings
from nnmat_kernels.runtime.parallel import PARALLEL_SIZE

POSITIVE = {"sqrt", "log", "power", "log1p", "lgamma", "digamma"}
TOLERANCE = {"float32": 2e-6, "float64": 1e-14}


def coded(lines):
    kinds = {name: i for i, name in enumerate(KINDS_OF_ARRAYS)}
    return np.array([[WALKED.index(w), r, p, kinds.get(q, q)] for w, r, p, q in lines], np.int64)


def compared(lines, numbers, arrays, results, shape, dtype):
    numbers = np.asarray(numbers, dtype)
    arrays = [np.ascontiguousarray(A, dtype) for A in arrays]
    got = walk_unchecked(coded(lines), numbers, arrays, results, shape)
    assert got.dtype == dtype
    want = walk(lines, numbers, arrays, results, shape)
    np.testing.assert_allclose(got, want, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    return got


def test_every_operation_has_a_twin():
    assert {*WALKED} == {"load", "constant", "store", *OF_ONE, *OF_TWO}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*OF_ONE, *OF_TWO])
def test_an_operation(name, dtype):
    rng = np.random.default_rng(0)
    shape = (3, 5) if settings.DISABLE_JIT else (7, REGISTER_SIZE // 3)
    X, Y = rng.standard_normal((2, *shape))
    X = np.abs(X) + 0.1 if name in POSITIVE else X
    lines = [("load", 0, 0, "all"), ("load", 1, 1, "all"), (name, 2, 0, 1), ("store", 0, 2, 0)]
    compared(lines, [], [X, Y], 1, shape, dtype)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (4, 3), (3, REGISTER_SIZE), (2, REGISTER_SIZE + 1)])
def test_rows_columns_and_numbers(shape):
    if settings.DISABLE_JIT:
        shape = tuple(min(n, 6) for n in shape)
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(n) for n in (shape[0] * shape[1], shape[1], shape[0], 1)]
    lines = [("load", i, i, kind) for i, kind in enumerate(KINDS_OF_ARRAYS)]
    lines += [("constant", 4, 1, 0), ("multiply", 5, 0, 1), ("add", 6, 5, 2), ("divide", 7, 6, 3), ("add", 7, 7, 4)]
    compared([*lines, ("store", 1, 7, 0), ("store", 0, 5, 0)], [0.5, 2.5], arrays, 2, shape, "float64")


def test_as_many_arrays_and_registers_as_there_may_be():
    rng = np.random.default_rng(2)
    lines = [("load", i, i, "all") for i in range(MOST_ARRAYS)]
    lines += [("add", r, r - 1, r - MOST_ARRAYS) for r in range(MOST_ARRAYS, MOST_REGISTERS)]
    arrays = rng.standard_normal((MOST_ARRAYS, 4, 6))
    compared([*lines, ("store", 0, MOST_REGISTERS - 1, 0)], [], list(arrays), 1, (4, 6), "float64")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_not_hidden(value):
    X = np.array([[value, 1.0]])
    for name in [*OF_ONE]:
        lines = [("load", 0, 0, "all"), (name, 1, 0, 0), ("store", 0, 1, 0)]
        got = walk_unchecked(coded(lines), np.empty(0), [X], 1, (1, 2))
        with np.errstate(all="ignore"):
            want = walk(lines, [], [X], 1, (1, 2))
        if np.isnan(value):
            assert np.isnan(got[0, 0, 0]), name
        elif name != "gelu":  # -inf Φ(-inf) is 0 in the limit
            np.testing.assert_allclose(got, want, rtol=1e-14, err_msg=name)


def test_comparisons_at_ties_and_beside_nan():
    X = np.array([[1.0, 1.0, 0.0, np.nan, 1.0, np.inf, -np.inf, np.nan]])
    Y = np.array([[1.0, 2.0, -1.0, 1.0, np.nan, np.inf, 3.0, np.nan]])
    for name in ("maximum", "greater"):
        lines = [("load", 0, 0, "all"), ("load", 1, 1, "all"), (name, 2, 0, 1), ("store", 0, 2, 0)]
        with np.errstate(invalid="ignore"):
            got = compared(lines, [], [X, Y], 1, (1, 8), "float64")[0, 0]
        assert not np.isnan(got[[0, 1, 2, 5, 6]]).any()
        assert np.array_equal(got[:3], [1, 2, 0] if name == "maximum" else [0.5, 0, 1])
        assert np.isnan(got[[3, 4, 7]]).all()


@pytest.mark.skipif(settings.DISABLE_JIT, reason="one thread")
def test_the_same_bits_for_any_number_of_threads():
    rng = np.random.default_rng(3)
    rows = 2 * PARALLEL_SIZE // 100
    X, b = rng.standard_normal((rows, 100)).astype(np.float32), rng.standard_normal(100).astype(np.float32)
    lines = [("load", 0, 0, "all"), ("load", 1, 1, "row"), ("add", 2, 0, 1), ("tanh", 2, 2, 0), ("store", 0, 2, 0)]
    found = []
    before = k.get_num_threads()
    try:
        for n in range(1, k.max_num_threads() + 1):
            k.set_num_threads(n)
            found.append(walk_unchecked(coded(lines), np.empty(0, np.float32), [X, b], 1, X.shape).tobytes())
    finally:
        k.set_num_threads(before)
    assert len(set(found)) == 1
    few = walk_unchecked(coded(lines), np.empty(0, np.float32), [X[:3], b], 1, (3, 100))
    assert np.array_equal(few[0], np.frombuffer(found[0], np.float32).reshape(X.shape)[:3])
