"""Convolution and its two gradients against naive twins that know no patch matrix, and against each other."""

import re
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.convolution import conv2d as module
from nnmat_kernels.convolution.conv2d import planned
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.convolution import conv2d as naive
from tests.kernels.convolution.configurations import CONFIGURATIONS, LARGE, arrays, convolution, dtypes
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads
from tests.kernels.linear_algebra import frozen, integers, within_rounding

everything = [*CONFIGURATIONS, *(pytest.param(c, marks=pytest.mark.slow) for c in LARGE)]


@st.composite
def configurations(draw):
    """Any convolution that fits: non-square images, kernels, strides, paddings, dilations; groups up to depthwise."""
    kernel, stride, dilation = (tuple(draw(st.integers(1, most)) for _ in "hw") for most in (4, 3, 3))
    padding = tuple(draw(st.integers(0, 3)) for _ in "hw")
    least = [max(1, d * (size - 1) + 1 - 2 * p) for size, p, d in zip(kernel, padding, dilation, strict=True)]
    H, W = (draw(st.integers(size, size + 6)) for size in least)
    groups, width, filters = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    shape, weights = (draw(st.sampled_from([1, 2, 3, 35])), H, W, groups * width), (groups * filters, *kernel, width)
    return shape, weights, stride, padding, dilation, groups


def check(configuration, dtype, rng):
    """All three kernels on whole numbers, where they must be exact, between guards, with read-only inputs."""
    X, K, bias, G = arrays(lambda s: frozen(integers(rng, s, dtype)), configuration)
    rest = configuration[2:]
    Y, intact = guarded(G.shape, dtype)
    assert k.conv2d(X, K, None, *rest, out=Y) is Y
    np.testing.assert_array_equal(Y, naive.conv2d(X, K, None, *rest))
    np.testing.assert_array_equal(k.conv2d(X, K, bias, *rest), naive.conv2d(X, K, bias, *rest))
    intact()
    gX, intact = guarded(X.shape, dtype)
    assert k.conv2d_input_gradient(G, K, X.shape, *rest, out=gX) is gX
    np.testing.assert_array_equal(gX, naive.conv2d_input_gradient(G, K, X.shape, *rest))
    intact()
    terms = integers(rng, X.shape[3:], dtype)  # of a transposed convolution
    k.conv2d_input_gradient(G, K, X.shape, *rest, out=gX, bias=terms)
    np.testing.assert_array_equal(gX, naive.conv2d_input_gradient(G, K, X.shape, *rest, bias=terms))
    gX[...] -= terms
    intact()
    gK, intact = guarded(K.shape, dtype)
    gbias, alone = guarded(bias.shape, dtype)
    assert k.conv2d_weight_gradient(X, G, K.shape, *rest, out=gK) is gK
    np.testing.assert_array_equal(gK, naive.conv2d_weight_gradient(X, G, K.shape, *rest))
    intact()
    gK[...] = np.nan
    k.conv2d_weight_gradient(X, G, K.shape, *rest, out=gK, bias_gradient=gbias)
    np.testing.assert_array_equal(gK, naive.conv2d_weight_gradient(X, G, K.shape, *rest))
    np.testing.assert_array_equal(gbias, G.sum(axis=(0, 1, 2)))
    intact()
    alone()
    assert np.vdot(G, Y) == np.vdot(gX, X) == np.vdot(gK, K)  # Tr(GᵀY) = Tr(FᵀX) = Tr(GᵀK), exact on whole numbers
    before, sums = integers(rng, K.shape, dtype), integers(rng, bias.shape, dtype)
    gK[...], gbias[...] = before, sums
    k.conv2d_weight_gradient(X, G, K.shape, *rest, out=gK, accumulate=True, bias_gradient=gbias)
    np.testing.assert_array_equal(gK, naive.conv2d_weight_gradient(X, G, K.shape, *rest, before, True, sums))
    np.testing.assert_array_equal(gbias, sums)  # the twin has added to it
    intact()
    alone()
    assert {A.dtype for A in (Y, gX, gK)} == {np.dtype(dtype)}


@dtypes
@pytest.mark.parametrize("configuration", everything)
def test_value_and_gradients(configuration, dtype, rng):
    check(configuration, dtype, rng)


@settings(max_examples=100, deadline=None)
@given(configuration=configurations(), seed=st.integers(0, 2**32 - 1))
def test_any_convolution(configuration, seed):
    check(configuration, np.float32, np.random.default_rng(seed))


@dtypes
@pytest.mark.parametrize(
    "configuration", [CONFIGURATIONS[2], *(pytest.param(c, marks=pytest.mark.slow) for c in LARGE)]
)
def test_rounding_stays_within_its_bound(configuration, dtype, rng):
    X, K, bias, G = arrays(lambda s: rng.standard_normal(s).astype(dtype), configuration)
    rest, taps, pixels = configuration[2:], K[0].size, G[..., 0].size
    calls = [
        ("conv2d", (X, K, bias), taps),
        ("conv2d_input_gradient", (G, K), G.shape[3] * K.shape[1] * K.shape[2]),
        ("conv2d_weight_gradient", (X, G), pixels),
    ]
    for name, inputs, terms in calls:
        shape = {"conv2d": (), "conv2d_input_gradient": (X.shape,), "conv2d_weight_gradient": (K.shape,)}[name]
        exact = getattr(naive, name)(*inputs, *shape, *rest)
        magnitude = getattr(naive, name)(*map(abs, inputs), *shape, *rest)
        within_rounding(getattr(k, name)(*inputs, *shape, *rest), exact, magnitude, terms, dtype)


@pytest.mark.slow
@dtypes
@pytest.mark.parametrize("configuration", LARGE)
def test_same_bits_for_any_number_of_threads(configuration, dtype, rng):
    X, K, bias, G = arrays(lambda s: rng.standard_normal(s).astype(dtype), configuration)
    rest = configuration[2:]
    same_bits_for_any_threads(lambda: k.conv2d(X, K, bias, *rest))
    same_bits_for_any_threads(lambda: k.conv2d_input_gradient(G, K, X.shape, *rest))
    same_bits_for_any_threads(lambda: k.conv2d_weight_gradient(X, G, K.shape, *rest))


@dtypes
@pytest.mark.parametrize("configuration", [CONFIGURATIONS[0], CONFIGURATIONS[4], LARGE[0], LARGE[3], LARGE[6]])
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_an_activation_has_the_bits_of_its_own_kernel(configuration, activation, dtype, rng):
    X, K, bias, _ = arrays(lambda s: rng.standard_normal(s).astype(dtype), configuration)
    X[0, 2, 2, 0] = np.nan
    rest = configuration[2:]
    expected = getattr(k, activation)(k.conv2d(X, K, bias, *rest))
    assert np.isnan(expected).any()
    assert k.conv2d(X, K, bias, *rest, activation=activation).tobytes() == expected.tobytes()


@pytest.mark.parametrize("configuration", [CONFIGURATIONS[2], CONFIGURATIONS[4], LARGE[0], LARGE[3]])
def test_a_plan_serves_several_threads_at_once(configuration, rng):
    X, K, bias, G = arrays(lambda s: rng.standard_normal(s).astype(np.float32), configuration)
    shape, weights, *rest = configuration
    own = convolution(shape, weights, *rest)
    assert own.output_shape == G.shape
    expected = (
        k.conv2d(X, K, bias, *rest),
        k.conv2d_input_gradient(G, K, shape, *rest),
        k.conv2d_weight_gradient(X, G, weights, *rest),
    )
    wrong = []

    def work():
        Y, gX, gK, gbias = np.empty_like(G), np.empty_like(X), np.empty_like(K), np.empty_like(bias)
        for _ in range(10):
            own.forward(X, K, bias, Y)
            own.input_gradient(G, K, gX)
            own.weight_gradient(X, G, gK, False, gbias)
            for result, right in zip((Y, gX, gK), expected, strict=True):
                if result.tobytes() != right.tobytes():
                    wrong.append(right.shape)
                result[...] = np.nan

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@dtypes
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_convolution_is_the_patch_matrix_times_the_weights(groups, dtype, rng):
    X, K = integers(rng, (2, 6, 5, 4), dtype), integers(rng, (4, 3, 2, 4 // groups), dtype)
    Y = k.conv2d(X, K, None, 1, 1, 1, groups)
    for g in range(groups):
        part = slice(g * (4 // groups), (g + 1) * (4 // groups))
        U = k.im2col(X[..., part], (3, 2), 1, 1)
        np.testing.assert_array_equal(
            k.matmul(U, K[part].reshape(4 // groups, -1), transpose_b=True), Y[..., part].reshape(-1, 4 // groups)
        )


@dtypes
def test_layouts(dtype, rng):
    X, K = integers(rng, (2, 4, 6, 2), dtype), integers(rng, (4, 2, 2, 2), dtype)
    Y = naive.conv2d(X, K)
    G = integers(rng, Y.shape, dtype)
    for layout in awkward_layouts(X):
        Xl, Kl, Gl = (awkward_layouts(A)[layout] for A in (X, K, G))
        np.testing.assert_array_equal(k.conv2d(Xl, Kl), Y, layout)
        gX = k.conv2d_input_gradient(Gl, Kl, X.shape)
        np.testing.assert_array_equal(gX, naive.conv2d_input_gradient(G, K, X.shape), layout)
        gK = k.conv2d_weight_gradient(Xl, Gl, K.shape)
        np.testing.assert_array_equal(gK, naive.conv2d_weight_gradient(X, G, K.shape), layout)


@dtypes
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_nan_reaches_exactly_the_entries_that_it_should(groups, dtype, rng):
    X, K = integers(rng, (2, 6, 7, 4), dtype), integers(rng, (4, 3, 2, 4 // groups), dtype)
    X[1, 2, 3, 1], X[0, 5, 6, 3] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        Y, expected = k.conv2d(X, K, None, 1, 1, 1, groups), naive.conv2d(X, K, None, 1, 1, 1, groups)
    assert np.isnan(expected).any()
    assert np.isfinite(expected).any()
    np.testing.assert_array_equal(Y, expected)


X, K, G = np.ones((2, 5, 6, 4), np.float32), np.ones((3, 2, 2, 4), np.float32), np.ones((2, 4, 5, 3), np.float32)
WRONG = [
    (lambda: k.conv2d(X[0], K), ShapeError, "conv2d: expected X with 4 dimensions, got shape (5, 6, 4)."),
    (
        lambda: k.conv2d(X, K.astype(float)),
        DtypeError,
        "conv2d: expected arrays of one dtype, got X float32, K float64.",
    ),
    (
        lambda: k.conv2d(X, K[..., :3]),
        ShapeError,
        "conv2d: expected X with 3 channels (weights (3, 2, 2, 3), groups 1), got (2, 5, 6, 4). Images are (B",
    ),
    (
        lambda: k.conv2d(X, K[..., :2], groups=2),
        ShapeError,
        "conv2d: expected a number of output channels divisible by groups=2, got 3.",
    ),
    (lambda: k.conv2d(X, K, groups=0), ShapeError, "conv2d: expected groups to be an integer of at least 1, got 0."),
    (
        lambda: k.conv2d(X, K, groups=1.0),
        ShapeError,
        "conv2d: expected groups to be an integer of at least 1, got 1.0.",
    ),
    (lambda: k.conv2d(X, K, K[0, 0, 0]), ShapeError, "conv2d: expected bias of shape (3,), got (4,)."),
    (
        lambda: k.conv2d(X, K, activation="gelu"),
        ValueError,
        "conv2d: expected activation to be one of None, 'relu', 'sigmoid', 'tanh', got 'gelu'. Try",
    ),
    (
        lambda: k.conv2d_weight_gradient(X, G, K.shape, bias_gradient=K[0, 0, 0]),
        ShapeError,
        "conv2d_weight_gradient (bias_gradient): expected out of shape (3,), got (4,).",
    ),
    (
        lambda: convolution((2, 5, 6, 4), (3, 2, 2, 3)),
        ShapeError,
        "Convolution: expected images with 3 channels (weights (3, 2, 2, 3), groups 1), got (2, 5, 6, 4).",
    ),
    (lambda: k.conv2d(X, K, stride=0), ShapeError, "conv2d: expected stride of at least 1, got 0."),
    (
        lambda: k.conv2d(X, K, dilation=5),
        ShapeError,
        "conv2d: expected a window that fits into the padded image, got kernel",
    ),
    (lambda: k.conv2d(X, K, out=X), ShapeError, "conv2d: expected out of shape (2, 4, 5, 3), got (2, 5, 6, 4)."),
    (
        lambda: k.conv2d_input_gradient(G, K, X.shape, stride=2),
        ShapeError,
        "conv2d_input_gradient: expected G of shape (2, 2, 3, 3), the convolution's output, got (2, 4, 5, 3). Try",
    ),
    (
        lambda: k.conv2d_input_gradient(G, K, (2, 5, 6)),
        ShapeError,
        "conv2d_input_gradient: expected input_shape to be four sizes, got (2, 5, 6).",
    ),
    (
        lambda: k.conv2d_input_gradient(G, K, (2, 5.5, 6, 4)),
        ShapeError,
        "conv2d_input_gradient: expected input_shape to be four sizes, got (2, 5.5, 6, 4).",
    ),
    (
        lambda: k.conv2d_weight_gradient(X, G[..., :2], K.shape),
        ShapeError,
        "conv2d_weight_gradient: expected G of shape (2, 4, 5, 3), the convolution's output, got (2, 4, 5, 2).",
    ),
    (
        lambda: k.conv2d_weight_gradient(X, G, K.shape[1:]),
        ShapeError,
        "conv2d_weight_gradient: expected kernel_shape to be four sizes, got (2, 2, 4).",
    ),
    (
        lambda: k.conv2d_weight_gradient(X, G, K.shape, accumulate=True),
        ValueError,
        "conv2d_weight_gradient: expected out with accumulate=True, got None.",
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), WRONG)
def test_errors_say_what_was_expected(call, error, text):
    with pytest.raises(error, match=re.escape(text)):
        call()


def test_out_may_not_overlap_an_input(rng):
    A = integers(rng, (2, 4, 4, 2), np.float32)
    with pytest.raises(ValueError, match="conv2d: out shares memory with an input"):
        k.conv2d(A, np.ones((2, 1, 1, 2), np.float32), out=A)
    with pytest.raises(ValueError, match="conv2d_input_gradient: out shares memory with an input"):
        k.conv2d_input_gradient(A, np.ones((2, 1, 1, 2), np.float32), A.shape, out=A)


def test_both_doors_share_a_plan_for_each_checked_window(rng):
    """However the options are written; the unchecked functions find it without a check."""
    X, K = integers(rng, (1, 11, 9, 2), np.float32), integers(rng, (3, 2, 2, 2), np.float32)
    k.conv2d(X, K, None, 1, 1, 1, np.int64(1))
    made = planned.cache_info().misses
    Y = k.conv2d(X, K, None, (1, 1), [1, 1])
    out = np.empty_like(Y)
    unchecked.conv2d(X, K, None, (1, 1), (1, 1), (1, 1), 1, out)
    np.testing.assert_array_equal(out, Y)
    assert planned.cache_info().misses == made
    k.conv2d(X.astype(np.float64), K.astype(np.float64), None, 1, 1)
    assert planned.cache_info().misses == made + 1


@dtypes
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_an_unchecked_activation_has_its_bits(activation, dtype, rng):
    X, K = rng.standard_normal((2, 6, 5, 3)).astype(dtype), rng.standard_normal((4, 2, 2, 3)).astype(dtype)
    expected = k.conv2d(X, K, activation=activation)
    out = np.empty_like(expected)
    unchecked.conv2d(X, K, None, (1, 1), (0, 0), (1, 1), 1, out, activation)
    assert out.tobytes() == expected.tobytes()


@dtypes
@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((2, 9, 8, 2), (4, 3), (1, 2, 1, 1)),
        ((2, 9, 8, 2), (4, 3), ((2, 1), (3, 2), (1, 2), 2)),
        ((1, 3, 3, 2), (6, 5), (1, 9, 1, 1)),  # some taps see padding alone
        ((2, 2, 30, 1), (1, 25), (1, 0, 1, 1)),
        ((2, 9, 8, 4), (3, 3), (2, 1, 1, 4)),
    ],
)
def test_large_windows_are_sums_of_parts(shape, kernel, options, dtype, rng, monkeypatch):
    monkeypatch.setattr(module, "LARGE_WINDOW", 5)
    monkeypatch.setattr(module, "PART_SIZE", 4)
    for plans in (module.planned, module._planned_for):
        plans.cache_clear()
    try:
        X, bias = rng.standard_normal(shape).astype(dtype), rng.standard_normal(4).astype(dtype)
        K = rng.standard_normal((4, *kernel, shape[3] // options[3])).astype(dtype)
        exact, eps = naive.conv2d(X, K, bias, *options), float(np.finfo(dtype).eps)
        np.testing.assert_allclose(k.conv2d(X, K, bias, *options), exact, rtol=0, atol=100 * eps)
        Y = k.conv2d(X, K, bias, *options, activation="relu")
        np.testing.assert_allclose(Y, np.maximum(exact, 0), rtol=0, atol=100 * eps)
        gX = k.conv2d_input_gradient(Y, K, shape, *options)
        np.testing.assert_allclose(gX, naive.conv2d_input_gradient(Y, K, shape, *options), rtol=0, atol=500 * eps)
    finally:
        for plans in (module.planned, module._planned_for):
            plans.cache_clear()
