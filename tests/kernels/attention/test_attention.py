"""Attention against the twin that writes the weights out, and difference quotients; masks, edges, dropout, threads."""

import tracemalloc

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.attention import attention as naive
from tests.kernels.derivatives import assert_close, assert_gradient
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
# batch, heads, queries, keys, size, value size
SIZES = [(1, 1, 1, 1, 1, 1), (2, 3, 5, 7, 4, 6), (0, 2, 3, 4, 2, 2), (2, 2, 0, 4, 2, 2), (2, 2, 4, 0, 2, 2)]
SIZES += [(1, 1, 4, 5, 2, 0), (1, 1, 2, 3, 0, 2)]
# Without the JIT these take too long: both sides of a vector, a block of queries, a block of keys.
large = [(1, 2, 33, 31, 16, 5), (2, 1, 65, 64, 17, 33), (1, 1, 3, 200, 8, 8), (1, 2, 130, 70, 3, 2)]
large += [(1, 1, 70, 450, 40, 8)]
SIZES += [pytest.param(sizes, marks=pytest.mark.slow) for sizes in large]
PACKED = [(2, 2, 6, 6, 3, 3)]
PACKED += [pytest.param(sizes, marks=pytest.mark.slow) for sizes in ((2, 3, 40, 40, 5, 5), (1, 2, 64, 64, 32, 32))]


def example(sizes, dtype, rng):
    B, heads, Tq, Tk, d, dv = sizes
    shapes = (B, Tq, heads * d), (B, Tk, heads * d), (B, Tk, heads * dv), (B, Tq, heads * dv)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def masks(sizes, dtype, rng):
    """Options by name; some rows of some see no key."""
    B, heads, Tq, Tk, _, _ = sizes
    some = np.where(rng.uniform(size=(B, heads, Tq, Tk)) < 0.3, -np.inf, rng.standard_normal((B, heads, Tq, Tk)))
    key_mask = rng.uniform(size=(B, Tk)) < 0.6
    return {
        "none": {},
        "causal": {"causal": True},
        "causal, keys before": {"causal": True, "before": max(0, Tk - Tq)},
        "keys": {"key_mask": key_mask},
        "nothing is seen": {"key_mask": np.zeros((B, Tk), np.bool_)},
        "mask": {"mask": some.astype(dtype)},
        "one mask": {
            "mask": some[:1, :1].mean(axis=(0, 1)).astype(dtype) if B and Tq and Tk else np.zeros((Tq, Tk), dtype)
        },
        "mask of a head": {"mask": rng.standard_normal((B, heads, 1 if Tq else 0, Tk)).astype(dtype)},
        "all": {"causal": True, "key_mask": key_mask, "mask": some.astype(dtype), "rate": 0.3, "key": 5, "counter": 9},
        "dropout": {"rate": 0.5, "key": 2**60, "counter": 3},
        "all dropped": {"rate": 1.0},
    }


OPTIONS = list(masks((1, 1, 1, 1, 1, 1), np.float64, np.random.default_rng(0)))


@dtypes
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("sizes", SIZES)
def test_values_and_gradients(sizes, option, dtype, rng):
    Q, K, V, G = example(sizes, dtype, rng)
    options = masks(sizes, dtype, rng)[option]
    before = [A.copy() for A in (Q, K, V, G)]
    O, lse = k.attention(Q, K, V, sizes[1], **options)  # noqa: E741
    expected = naive.attention(Q, K, V, sizes[1], **options)
    assert_close(O, expected[0], dtype, factor=60)
    assert_close(lse, expected[1], dtype, factor=60)
    result = k.attention_backward(G, Q, K, V, O, lse, sizes[1], **options)
    right = naive.attention_backward(G, Q, K, V, None, None, sizes[1], **options)
    for given, wanted in zip(result, right, strict=True):
        assert_close(given, wanted, dtype, factor=200)
    for A, was in zip((Q, K, V, G), before, strict=True):
        np.testing.assert_array_equal(A, was)


@dtypes
@pytest.mark.parametrize("option", ["none", "causal", "keys", "mask", "all"])
@pytest.mark.parametrize("sizes", PACKED)
def test_packed(sizes, option, dtype, rng):
    """Queries, keys and values in one array give the bits of separate ones."""
    Q, K, V, G = example(sizes, dtype, rng)
    options, heads = masks(sizes, dtype, rng)[option], sizes[1]
    QKV = np.concatenate([Q, K, V], axis=2)
    O, lse = k.self_attention(QKV, heads, **options)  # noqa: E741
    separate = k.attention(Q, K, V, heads, **options)
    np.testing.assert_array_equal(O, separate[0])
    np.testing.assert_array_equal(lse, separate[1])
    gQKV = k.self_attention_backward(G, QKV, O, lse, heads, **options)
    parts = k.attention_backward(G, Q, K, V, O, lse, heads, **options)
    np.testing.assert_array_equal(gQKV, np.concatenate(parts, axis=2))
    assert_close(O, naive.self_attention(QKV, heads, **options)[0], dtype, factor=60)
    expected = naive.self_attention_backward(G, QKV, None, None, heads, **options)
    assert_close(gQKV, expected, dtype, factor=200)


@pytest.mark.parametrize("option", ["none", "causal", "mask", "dropout"])
def test_gradients_are_derivatives(option, rng):
    sizes = (2, 2, 4, 5, 3, 2)
    Q, K, V, G = example(sizes, np.float64, rng)
    options = masks(sizes, np.float64, rng)[option]
    O, lse = k.attention(Q, K, V, 2, **options)  # noqa: E741
    gradients = k.attention_backward(G, Q, K, V, O, lse, 2, **options)
    for i, gradient in enumerate(gradients):

        def value(A, i=i):
            arrays = [Q, K, V]
            arrays[i] = A
            return np.sum(G * k.attention(*arrays, 2, **options)[0])

        assert_gradient(value, [Q, K, V][i], gradient, rng)


@dtypes
def test_what_nobody_sees_gets_nothing(dtype, rng):
    """Rows without keys are zero, and keys that no query may see have zero gradients."""
    Q, K, V, G = example((2, 2, 6, 9, 4, 3), dtype, rng)
    key_mask = np.ones((2, 9), np.bool_)
    key_mask[0], key_mask[1, [2, 5]] = False, False
    O, lse = k.attention(Q, K, V, 2, key_mask=key_mask)  # noqa: E741
    gQ, gK, gV = k.attention_backward(G, Q, K, V, O, lse, 2, key_mask=key_mask)
    for A in (O[0], lse[0], gQ[0], gK[0], gV[0], gK[1, [2, 5]], gV[1, [2, 5]]):
        assert not A.any()
    assert O[1].all()
    O, lse = k.attention(Q, K, V, 2, causal=True)  # noqa: E741
    gQ, gK, gV = k.attention_backward(G, Q, K, V, O, lse, 2, causal=True)
    assert not gK[:, 6:].any()
    assert not gV[:, 6:].any()
    np.testing.assert_array_equal(O[:, 0], V[:, 0])


@dtypes
def test_large_scores_and_equal_ones(dtype, rng):
    Q, K, V, _ = example((1, 1, 5, 40, 8, 4), dtype, rng)
    assert_close(k.attention(1000 * Q, K, V)[0], naive.attention(1000 * Q, K, V)[0], dtype, factor=5000)
    assert_close(k.attention(0 * Q, K, V)[0], np.broadcast_to(V.mean(axis=1, dtype=np.float64), (1, 5, 4)), dtype)


@dtypes
def test_nan_is_seen(dtype, rng):
    Q, K, V, G = example((1, 1, 6, 6, 4, 3), dtype, rng)
    Q[0, 2, 1] = np.nan
    O, lse = k.attention(Q, K, V)  # noqa: E741
    np.testing.assert_array_equal(np.isnan(O[0]).all(axis=1), np.arange(6) == 2)
    assert np.isnan(k.attention_backward(G, Q, K, V, O, lse)[1]).all()
    Q, K, V, G = example((1, 1, 6, 6, 4, 3), dtype, rng)
    K[0, 3] = np.nan
    assert np.isnan(k.attention(Q, K, V)[0]).all()
    np.testing.assert_array_equal(np.isnan(k.attention(Q, K, V, causal=True)[1])[0, 0], np.arange(6) >= 3)


@pytest.mark.slow
def test_a_query_has_the_bits_of_its_block(rng):
    """What comes behind a query, or beside it in the batch, does not touch it."""
    Q, K, V, _ = example((2, 2, 70, 70, 8, 8), np.float32, rng)
    O, _ = k.attention(Q, K, V, 2, causal=True)  # noqa: E741
    one, _ = k.attention(Q[1:], K[1:], V[1:], 2, causal=True)
    np.testing.assert_array_equal(one, O[1:])


@pytest.mark.slow
def test_one_query_after_the_other_is_all_of_them(rng):
    """Keys and values of the past are kept: query t sees t of them before its own."""
    Q, K, V, _ = example((1, 2, 20, 20, 8, 8), np.float64, rng)
    O, _ = k.attention(Q, K, V, 2, causal=True)  # noqa: E741
    for t in range(20):
        past = slice(0, t + 1)
        one, _ = k.attention(Q[:, t : t + 1], K[:, past], V[:, past], 2, causal=True, before=t)
        assert_close(one, O[:, t : t + 1], np.float64)


@dtypes
def test_layouts_and_out(dtype, rng):
    arrays = example((2, 2, 9, 9, 4, 4), dtype, rng)
    Q, K, V, G = arrays
    O, lse = k.attention(Q, K, V, 2)  # noqa: E741
    gradients = k.attention_backward(G, Q, K, V, O, lse, 2)
    for layout in awkward_layouts(Q):
        own = [awkward_layouts(A)[layout] for A in arrays]
        np.testing.assert_array_equal(k.attention(*own[:3], 2)[0], O, err_msg=layout)
        for given, right in zip(k.attention_backward(own[3], *own[:3], O, lse, 2), gradients, strict=True):
            np.testing.assert_array_equal(given, right, err_msg=layout)
    out, intact = guarded(O.shape, dtype)
    assert k.attention(Q, K, V, 2, out=out)[0] is out
    np.testing.assert_array_equal(out, O)
    intact()
    QKV = np.concatenate([Q, K, V], axis=2)
    out, intact = guarded(QKV.shape, dtype)
    assert k.self_attention_backward(G, QKV, O, lse, 2, out=out) is out
    np.testing.assert_array_equal(out, np.concatenate(gradients, axis=2))
    intact()
    made = unchecked.self_attention(QKV, 2)
    np.testing.assert_array_equal(made[0], O)
    gK = np.empty_like(K)
    gQ, gV = unchecked.attention_backward(G, Q, K, V, O, lse, 2, gK=gK)
    for given, right in zip((gQ, gK, gV), gradients, strict=True):
        np.testing.assert_array_equal(given, right)


@pytest.mark.parametrize("sizes", [(3, 2, 70, 70, 16, 16), (1, 1, 300, 300, 8, 8)])
def test_threads(sizes, rng):
    Q, K, V, G = example(sizes, np.float32, rng)

    def compute():
        O, lse = k.attention(Q, K, V, sizes[1], causal=True, rate=0.1)  # noqa: E741
        return O, lse, *k.attention_backward(G, Q, K, V, O, lse, sizes[1], causal=True, rate=0.1)

    same_bits_for_any_threads(compute)


@pytest.mark.slow
def test_arrays_grow_linearly(rng):
    """Python's own measure sees the arrays of drivers: none of Tq x Tk."""
    Q, K, V, G = example((1, 1, 600, 600, 2, 2), np.float32, rng)
    O, lse = k.attention(Q, K, V)  # noqa: E741
    k.attention_backward(G, Q, K, V, O, lse)
    tracemalloc.start()
    try:
        O, lse = k.attention(Q, K, V)  # noqa: E741
        k.attention_backward(G, Q, K, V, O, lse)
        assert tracemalloc.get_traced_memory()[1] < 600 * 600 * 4 / 2
    finally:
        tracemalloc.stop()


def test_errors():
    Q, K, V = np.zeros((2, 3, 4)), np.zeros((2, 5, 4)), np.zeros((2, 5, 6))
    with pytest.raises(ShapeError, match=r"^attention: expected Q \(B, Tq, heads d\), K .* got"):
        k.attention(Q, K[:1], V)
    with pytest.raises(ShapeError, match=r"^attention: expected 4 heads to divide the 4 columns of Q and the 6 of V"):
        k.attention(Q, K, V, 4)
    for heads in (0, 1.5, True):
        with pytest.raises(ValueError, match=r"^attention: expected heads to be an integer from 1 on, got"):
            k.attention(Q, K, V, heads)
    with pytest.raises(DtypeError, match=r"^attention: expected arrays of one dtype, got Q float64, K float32"):
        k.attention(Q, K.astype(np.float32), V)
    with pytest.raises(ShapeError, match=r"^attention: expected a mask of shape \(3, 5\), or \(2, 2, 3, 5\) where"):
        k.attention(Q, K, V, 2, mask=np.zeros((5, 3)))
    with pytest.raises(DtypeError, match=r"^attention: expected a mask of numbers .* got booleans\. Where True means"):
        k.attention(Q, K, V, 2, mask=np.ones((3, 5), bool))
    with pytest.raises(ShapeError, match=r"^attention: expected key_mask of shape \(2, 5\), got \(2, 3\)"):
        k.attention(Q, K, V, 2, key_mask=np.ones((2, 3), bool))
    with pytest.raises(DtypeError, match=r"^attention: expected key_mask to hold booleans, True where a key counts"):
        k.attention(Q, K, V, 2, key_mask=np.ones((2, 5)))
    with pytest.raises(ValueError, match=r"^attention: expected rate to be a number in \[0, 1\], got 1\.5"):
        k.attention(Q, K, V, 2, rate=1.5)
    with pytest.raises(ValueError, match=r"^attention: expected before, a number of keys, to be an integer"):
        k.attention(Q, K, V, 2, before=-1)
    with pytest.raises(ValueError, match=r"^attention: expected key to be an integer in \[0, 2\*\*64\), got -1"):
        k.attention(Q, K, V, 2, key=-1)
    with pytest.raises(ShapeError, match=r"^self_attention: expected QKV \(B, T, 3 heads d\): 6 to divide its columns"):
        k.self_attention(Q, 2)
    with pytest.raises(
        ShapeError, match=r"^attention_backward: expected G and O of shape \(2, 3, 6\) and lse of shape"
    ):
        k.attention_backward(Q, Q, K, V, Q, np.zeros((2, 2, 3)), 2)
    QKV = np.zeros((1, 2, 6))
    with pytest.raises(ValueError, match=r"^self_attention: out shares memory"):
        k.self_attention(QKV, out=QKV.reshape(-1)[:4].reshape(1, 2, 2))
