"""The explicit convolution matrix, against a convolution of nested loops that shares no code with it."""

import numpy as np
import pytest

from nnmat.errors import ConfigError, DtypeError, ShapeError
from nnmat.explicit_convolution import Triplets, khat, khat_pattern, shift_matrix


def loop_convolution(X, K, stride, padding, dilation, groups):
    """Y of one image X (H, W, Ci), straight from the definition."""
    (H, W, Ci), (Co, kh, kw, Cg) = X.shape, K.shape
    Ho = (H + 2 * padding[0] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    Wo = (W + 2 * padding[1] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    padded = np.zeros((H + 2 * padding[0], W + 2 * padding[1], Ci))
    padded[padding[0] : padding[0] + H, padding[1] : padding[1] + W] = X
    Y = np.zeros((Ho, Wo, Co))
    for o in range(Co):
        first = o // (Co // groups) * Cg
        for i in range(Ho):
            for j in range(Wo):
                for a in range(kh):
                    for b in range(kw):
                        x = padded[i * stride[0] + a * dilation[0], j * stride[1] + b * dilation[1], first : first + Cg]
                        Y[i, j, o] += x @ K[o, a, b]
    return Y


def configuration(seed: int) -> tuple[np.random.Generator, np.ndarray, tuple, dict]:
    """A random kernel, input shape and options that fit together."""
    rng = np.random.default_rng(seed)
    while True:
        groups = int(rng.integers(1, 4))
        Cg, Cog = (int(n) for n in rng.integers(1, 4, 2))
        kh, kw = (int(n) for n in rng.integers(1, 4, 2))
        H, W = (int(n) for n in rng.integers(1, 8, 2))
        stride, dilation = (tuple(int(n) for n in rng.integers(1, 4, 2)) for _ in range(2))
        padding = tuple(int(n) for n in rng.integers(0, 3, 2))
        sizes = [n + 2 * p - d * (k - 1) for n, p, d, k in zip((H, W), padding, dilation, (kh, kw), strict=True)]
        if min(sizes) >= 1:
            K = rng.standard_normal((groups * Cog, kh, kw, Cg))
            options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
            return rng, K, (H, W, groups * Cg), options


@pytest.mark.parametrize("seed", range(60))
def test_all_forms_agree_with_the_loops(seed):
    rng, K, shape, options = configuration(seed)
    X = rng.standard_normal(shape)
    Y = loop_convolution(X, K, **options)
    dense = khat(K, shape, **options)
    assert dense.shape == (Y.size, X.size)
    assert np.allclose(dense @ X.ravel(), Y.ravel(), rtol=0, atol=1e-12)

    triplets = khat(K, shape, **options, form="triplets")
    rows, columns, values, full = triplets
    assert full == dense.shape
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) == len(values)
    assert np.array_equal(triplets.dense(), dense)
    g = rng.standard_normal(Y.size)
    assert np.allclose(triplets.product(X.ravel()), dense @ X.ravel(), rtol=0, atol=1e-12)
    assert np.allclose(triplets.transpose_product(g), dense.T @ g, rtol=0, atol=1e-12)

    operator = khat(K, shape, **options, form="operator")
    assert operator.shape == dense.shape
    assert operator.T.shape == dense.T.shape
    assert np.allclose(operator @ np.eye(X.size), dense, rtol=0, atol=1e-14)
    assert np.allclose(operator.T @ np.eye(Y.size), dense.T, rtol=0, atol=1e-14)
    assert np.allclose(operator.matvec(X.ravel()), Y.ravel(), rtol=0, atol=1e-12)
    batch = rng.standard_normal((3, X.size))
    assert np.allclose(batch @ operator.T, batch @ dense.T, rtol=0, atol=1e-12)
    assert np.allclose(operator.T.T @ batch.T, dense @ batch.T, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(60, 85))
def test_it_is_the_sum_of_kronecker_products_of_shift_matrices(seed):
    _, K, shape, options = configuration(seed)
    (Co, kh, kw, Cg), (H, W, Ci), groups = K.shape, shape, options["groups"]
    s, p, d = options["stride"], options["padding"], options["dilation"]
    total = 0.0
    for a in range(kh):
        for b in range(kw):
            Kbar = np.zeros((Co, Ci))
            for q in range(groups):
                o, c = slice(q * Co // groups, (q + 1) * Co // groups), slice(q * Cg, (q + 1) * Cg)
                Kbar[o, c] = K[o, a, b]
            R, C = shift_matrix(H, a, kh, s[0], p[0], d[0]), shift_matrix(W, b, kw, s[1], p[1], d[1])
            total = total + np.kron(np.kron(R, C), Kbar)
    assert np.array_equal(khat(K, shape, **options), total)


@pytest.mark.parametrize("seed", range(100, 130))
def test_the_pattern_gathers_the_gradient_of_the_kernel(seed):
    rng, K, shape, options = configuration(seed)
    P = khat_pattern(K.shape, shape, **options)
    dense = khat(K, shape, **options)
    assert isinstance(P, Triplets)
    assert P.shape == (dense.size, K.size)
    assert np.array_equal(P.product(K.ravel()), dense.ravel())
    x, g = rng.standard_normal(dense.shape[1]), rng.standard_normal(dense.shape[0])
    gK = P.transpose_product(np.outer(g, x).ravel()).reshape(K.shape)

    # The convolution is linear in K: <gK, D> must be <g, conv(x, D)> for any D.
    D = rng.standard_normal(K.shape)
    assert np.isclose(np.vdot(gK, D), g @ loop_convolution(x.reshape(shape), D, **options).ravel(), rtol=1e-10)

    if P.shape[0] * P.shape[1] < 3e6:
        full = khat_pattern(K.shape, shape, **options, form="dense")
        assert set(np.unique(full)) <= {0.0, 1.0}
        assert full.sum(axis=1).max() <= 1  # the columns have disjoint supports
        gram = full.T @ full
        assert np.array_equal(gram, np.diag(np.diag(gram)))
        s, p, d = options["stride"], options["padding"], options["dilation"]
        rows = [shift_matrix(shape[0], a, K.shape[1], s[0], p[0], d[0]).sum() for a in range(K.shape[1])]
        columns = [shift_matrix(shape[1], b, K.shape[2], s[1], p[1], d[1]).sum() for b in range(K.shape[2])]
        counts = np.broadcast_to(np.outer(rows, columns)[None, :, :, None], K.shape)
        assert np.array_equal(np.diag(gram), counts.ravel())


def test_the_example_of_a_3_by_3_image_and_a_2_by_2_kernel():
    K = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    expected = [
        [1, 2, 0, 3, 4, 0, 0, 0, 0],
        [0, 1, 2, 0, 3, 4, 0, 0, 0],
        [0, 0, 0, 1, 2, 0, 3, 4, 0],
        [0, 0, 0, 0, 1, 2, 0, 3, 4],
    ]
    assert np.array_equal(khat(K, (3, 3, 1)), expected)


def test_a_column_major_vec_is_wrong():
    rng = np.random.default_rng(0)
    K, X = rng.standard_normal((1, 2, 2, 1)), rng.standard_normal((3, 3, 1))
    Y = loop_convolution(X, K, (1, 1), (0, 0), (1, 1), 1)
    wrong = khat(K, (3, 3, 1)) @ X.ravel(order="F")
    assert np.abs(wrong - Y.ravel()).max() > 1e-3


def test_shift_matrices_of_a_padded_strided_axis():
    assert np.array_equal(shift_matrix(4, 0, 3, 2, 1, 1), [[0, 0, 0, 0], [0, 1, 0, 0]])
    assert np.array_equal(shift_matrix(4, 2, 3, 2, 1, 1), [[0, 1, 0, 0], [0, 0, 0, 1]])
    with pytest.raises(ConfigError, match="tap from 0 to 2, got 3"):
        shift_matrix(4, 3, 3)


def test_one_number_stands_for_both_axes():
    K = np.random.default_rng(0).standard_normal((2, 2, 3, 1))
    assert np.array_equal(khat(K, (6, 7, 2), 2, 1, 2, 2), khat(K, (6, 7, 2), (2, 2), (1, 1), (2, 2), 2))


def test_float32_stays_float32_and_nothing_is_changed():
    K = np.random.default_rng(0).standard_normal((2, 2, 2, 3)).astype(np.float32)
    before = K.copy()
    x = np.ones(5 * 4 * 3, np.float32)
    operator = khat(K, (5, 4, 3), form="operator")
    assert khat(K, (5, 4, 3)).dtype == np.float32
    assert khat(K, (5, 4, 3), form="triplets").values.dtype == np.float32
    assert operator.dtype == (operator @ x).dtype == (operator.T @ (operator @ x)).dtype == np.float32
    assert np.array_equal(K, before)
    assert np.array_equal(x, np.ones_like(x))


def test_a_kernel_that_is_a_strided_view():
    K = np.random.default_rng(0).standard_normal((3, 2, 2, 2)).transpose(3, 1, 2, 0)
    for form in ("dense", "triplets"):
        given, copied = khat(K, (4, 4, 3), form=form), khat(K.copy(order="C"), (4, 4, 3), form=form)
        assert np.array_equal(given[2] if form == "triplets" else given, copied[2] if form == "triplets" else copied)


def test_big_images_work_as_an_operator():
    K = np.random.default_rng(0).standard_normal((8, 3, 3, 4)).astype(np.float32)
    shape = (128, 128, 4)
    with pytest.raises(ConfigError, match=r'2 GiB, this one takes .*form="triplets" or form="operator"'):
        khat(K, shape)
    operator = khat(K, shape, form="operator")
    x = np.random.default_rng(1).standard_normal(128 * 128 * 4).astype(np.float32)
    y = operator @ x
    g = np.random.default_rng(2).standard_normal(len(y)).astype(np.float32)
    assert np.isclose(np.vdot(g, y), np.vdot(operator.T @ g, x), rtol=1e-3)
    with pytest.raises(ConfigError, match='Use form="operator"'):
        khat(np.zeros((64, 5, 5, 64)), (256, 256, 64), form="triplets")
    with pytest.raises(ConfigError, match='Use form="triplets"'):
        khat_pattern(K.shape, (32, 32, 4), form="dense")
    with pytest.raises(ConfigError, match="Use the triplets"):
        khat(K, shape, form="triplets").dense()


K = np.zeros((4, 3, 3, 2))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        ((K.tolist(), (5, 5, 2)), {}, DtypeError, "K to be a NumPy array, got list"),
        ((K.astype(int), (5, 5, 2)), {}, DtypeError, "got int64"),
        ((K[0], (5, 5, 2)), {}, ShapeError, r"K's shape .* of 4 whole numbers >= 1, got \(3, 3, 2\)"),
        ((K, (5, 5)), {}, ShapeError, r"input_shape \(H, W, Ci\) of 3 whole numbers"),
        ((K, (5, 0, 2)), {}, ShapeError, r"input_shape .*got \(5, 0, 2\)"),
        ((K, (5, 5, 3)), {}, ShapeError, "for 3 input channels and groups = 1"),
        ((K, (5, 5, 6)), {"groups": 3}, ShapeError, "Co a multiple of groups"),
        ((K, (5, 5, 2)), {"groups": 0}, ConfigError, "groups to be a whole number >= 1, got 0"),
        ((K, (2, 5, 2)), {}, ShapeError, r"expected a window that fits .* on an image of \(2, 5\)"),
        ((K, (5, 5, 2)), {"dilation": 3}, ShapeError, "expected a window that fits"),
        ((K, (5, 5, 2)), {"stride": 0}, ConfigError, "stride to be a whole number >= 1"),
        ((K, (5, 5, 2)), {"stride": (1, 2, 3)}, ConfigError, "stride .* or a pair of them"),
        ((K, (5, 5, 2)), {"padding": -1}, ConfigError, "padding to be a whole number >= 0"),
        ((K, (5, 5, 2)), {"dilation": 1.5}, ConfigError, "dilation to be a whole number >= 1"),
        ((K, (5, 5, 2)), {"form": "sparse"}, ConfigError, "form to be one of dense, triplets, operator, got 'sparse'"),
    ],
)
def test_wrong_arguments_are_named(arguments, options, error, text):
    with pytest.raises(error, match=text):
        khat(*arguments, **options)


def test_wrong_operands_are_named():
    operator = khat(np.ones((1, 2, 2, 1)), (3, 3, 1), form="operator")
    with pytest.raises(ShapeError, match=r"expected 9 rows .* got shape \(3, 3, 1\)"):
        operator @ np.ones((3, 3, 1))
    with pytest.raises(ShapeError, match="expected 4 rows"):
        np.ones((2, 9)) @ operator
    triplets = khat(np.ones((1, 2, 2, 1)), (3, 3, 1), form="triplets")
    with pytest.raises(ShapeError, match=r"vector of shape \(9,\), got \(4,\)"):
        triplets.product(np.ones(4))
    with pytest.raises(ConfigError, match="form to be one of dense, triplets, got 'operator'"):
        khat_pattern((1, 2, 2, 1), (3, 3, 1), form="operator")
