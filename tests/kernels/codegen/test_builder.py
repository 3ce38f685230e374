"""What the code generators share, in small generators of their own against plain Python."""

import numpy as np
import pytest
from numba import types

from nnmat_kernels.codegen.builder import (
    ACTIVATIONS,
    I64,
    NONE,
    PLACE,
    RELU,
    SIGMOID,
    TANH,
    Lanes,
    accumulated,
    begun_with,
    biased_and_activated,
    columns_and_masks,
    data_pointer,
    generated,
    plain_tile,
)
from nnmat_kernels.runtime.config import jit
from nnmat_kernels.runtime.target import VECTOR_BYTES
from tests.kernels.guards import buried
from tests.kernels.linear_algebra import DTYPES, integers


def plain_powers(X, x, n, taps, k, keep, bias, bias_at, f):
    def add_products(row, a):
        for t in range(taps):
            for p in range(k):
                row += t + p

    plain_tile([x], [x], n, X, keep, bias, bias_at, f, add_products)


@generated(plain_powers)
def powers(typing_context, X, x, n, taps, k, keep, bias, bias_at, f):
    """X[x + j] = f((X[x + j] if keep else 0) + sum over t < taps, p < k of t + p, + bias[bias_at + j]), j < n."""

    def generate(context, builder, signature, arguments):
        X, x, n, taps, k, keep, bias, bias_at, f = arguments
        lanes = Lanes(context, builder, signature.args[0].dtype)
        X = lanes.at(data_pointer(context, builder, signature.args[0], X), x)
        bias = data_pointer(context, builder, signature.args[6], bias)
        _, (mask,) = columns_and_masks(lanes, 1, n, True)

        def at_tap(t):
            def add_products(p, sums):
                number = builder.sitofp(builder.add(t, p), lanes.element)
                return [builder.fadd(value, lanes.broadcast(number, lanes.vector)) for value in sums]

            return add_products

        begun = begun_with(lanes, keep, 1, lambda: [lanes.load(X, mask)])
        sums = accumulated(lanes, begun, taps, k, at_tap)
        (value,) = biased_and_activated(lanes, sums, bias_at, f, lambda at: [lanes.load(lanes.at(bias, at), mask)])
        lanes.store(value, X, mask)
        return context.get_dummy_value()

    return types.void(X, PLACE, PLACE, PLACE, PLACE, PLACE, bias, PLACE, PLACE), generate


@jit
def run(X, x, n, taps, k, keep, bias, bias_at, f):
    powers(X, x, n, taps, k, keep, bias, bias_at, f)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("f", [NONE, RELU])
def test_loops_and_endings(dtype, keep, with_bias, f, rng):
    for n in range(1, VECTOR_BYTES // np.dtype(dtype).itemsize + 1):
        for taps, k in ((0, 3), (2, 0), (1, 1), (3, 4)):
            before, terms = integers(rng, n, dtype), integers(rng, n, dtype) - 5
            (X, x), (bias, bias_at) = buried(before), buried(terms)
            run(X, x, n, taps, k, keep, bias, bias_at if with_bias else -1, f)
            expected = keep * before + sum(t + p for t in range(taps) for p in range(k)) + with_bias * terms
            np.testing.assert_array_equal(X[x : x + n], np.maximum(expected, 0) if f == RELU else expected)
            X[x : x + n] = np.nan
            assert np.isnan(X).all(), "wrote outside its columns"


def test_activations_have_one_number_each():
    assert ACTIVATIONS == {None: NONE, "relu": RELU, "sigmoid": SIGMOID, "tanh": TANH}
    assert sorted(ACTIVATIONS.values()) == [0, 1, 2, 3]
    assert str(I64) == "i64"
