"""Softmax cross-entropy against its float64 twin, finite differences and wrong formulas; what all losses share."""

import itertools

import numpy as np
import pytest

from nnmat_kernels.errors import DtypeError, LabelError, ShapeError
from nnmat_kernels.losses import softmax_cross_entropy as cross_entropy
from nnmat_kernels.losses.elementwise_losses import (
    mean_squared_error,
    sigmoid_binary_cross_entropy,
    weighted_mean_squared_error,
    weighted_sigmoid_binary_cross_entropy,
)
from nnmat_kernels.losses.softmax_cross_entropy import softmax_cross_entropy, weighted_softmax_cross_entropy
from nnmat_kernels.reference.losses import softmax_cross_entropy as twin
from nnmat_kernels.runtime.parallel import PARALLEL_SIZE
from tests.kernels.guards import guarded, same_bits_for_any_threads
from tests.kernels.losses.measures import TOLERANCE, differences, error

SIZES = [(1, 1), (1, 7), (5, 1), (6, 4), (3, 33), (129, 10), (60, 300), (3, 6000)]


def softmax(H):
    E = np.exp(H - H.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", SIZES)
def test_value_and_gradient_equal_the_twin_for_all_options(rng, size, dtype):
    B, M = size
    H = (3 * rng.normal(size=size)).astype(dtype)
    labels, targets = rng.integers(0, M, B), rng.uniform(0, 1, size).astype(dtype)
    options = itertools.product(
        [0.0, 0.1, 1.0], [None, M - 1], [None, rng.uniform(0.5, 2, M)], [None, rng.uniform(0, 2, B)]
    )
    for smoothing, ignored, w, s in options:
        for y in (labels, targets):
            if y is targets and ignored is not None:  # they have no labels to be ignored
                with pytest.raises(DtypeError, match="expected integer labels with ignore_index="):
                    weighted_softmax_cross_entropy(H, y, smoothing, ignored, w, s)
                continue
            value, G, divisor = weighted_softmax_cross_entropy(H, y, smoothing, ignored, w, s)
            expected = twin.weighted_softmax_cross_entropy(H, y, smoothing, ignored, w, s)
            assert isinstance(value, float)
            assert G.dtype == dtype
            assert G.shape == H.shape
            assert error(value, expected[0]) < TOLERANCE[dtype]
            # Relative to the terms p and t that are subtracted: their difference has fewer digits.
            assert np.linalg.norm(G - expected[1]) < TOLERANCE[dtype] * max(np.linalg.norm(expected[1]), 1 / np.sqrt(B))
            assert divisor == pytest.approx(expected[2], rel=1e-14)


@pytest.mark.parametrize("smoothing", [0.0, 0.15])
def test_gradients_are_the_slopes_of_the_values(rng, smoothing):
    H, labels, targets = 2 * rng.normal(size=(6, 5)), rng.integers(0, 5, 6), rng.uniform(0, 2, (6, 5))
    s, w = rng.uniform(0, 2, 6), rng.uniform(0.5, 2, 5)
    for y in (labels, targets):
        ignored = 2 if y is labels else None
        options = {"label_smoothing": smoothing, "ignore_index": ignored, "class_weight": w, "sample_weight": s}
        G = softmax_cross_entropy(H, y, **options)[1]
        assert error(G, differences(lambda H, y=y, o=options: softmax_cross_entropy(H, y, **o)[0], H)) < 1e-9
    G = sigmoid_binary_cross_entropy(H, targets / 2, 3.0, s)[1]
    assert error(G, differences(lambda H: sigmoid_binary_cross_entropy(H, targets / 2, 3.0, s)[0], H)) < 1e-9
    G = mean_squared_error(H, targets, s)[1]
    assert error(G, differences(lambda H: mean_squared_error(H, targets, s)[0], H)) < 1e-9


def test_wrong_formulas_are_told_apart(rng):
    H, labels, Y = rng.normal(size=(6, 5)), rng.integers(0, 5, 6), rng.uniform(0, 2, (6, 5))
    P, onehot, eps = softmax(H), np.eye(5)[labels], 0.1
    # p - y holds only for targets whose sum is 1.
    G = softmax_cross_entropy(H, Y)[1]
    assert error(G, (Y.sum(axis=1, keepdims=True) * P - Y) / 6) < 1e-14
    assert error(G, (P - Y) / 6) > 1e-4
    # Smoothing spreads eps over all M classes, not over the M - 1 others.
    G = softmax_cross_entropy(H, labels, label_smoothing=eps)[1]
    assert error(G, (P - (1 - eps) * onehot - eps / 5) / 6) < 1e-14
    assert error(G, (P - (1 - eps) * onehot - eps / 4 * (1 - onehot)) / 6) > 1e-4
    # Class weights divide by the sum of the rows' weights, not by the number of rows.
    w = rng.uniform(0.5, 2, 5)
    G = softmax_cross_entropy(H, labels, class_weight=w)[1]
    assert error(G, w[labels][:, None] * (P - onehot) / w[labels].sum()) < 1e-14
    assert error(G, w[labels][:, None] * (P - onehot) / 6) > 1e-4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_logits_neither_overflow_nor_cancel(dtype):
    H = np.array([[1000, 999, 0], [-1000, -1001, -3000]], dtype)
    value, G = softmax_cross_entropy(H, np.array([0, 1]))
    small = np.log1p(np.exp(-1.0))
    assert value == pytest.approx((small + 1 + small) / 2, rel=1e-6)
    assert np.isfinite(G).all()
    # log(max(p, 1e-12)) would have the gradient 0 here.
    assert softmax_cross_entropy(np.array([[0, 50]], dtype), np.array([0]))[1].tolist() == [[-1, 1]]
    # The label's class is right and sure: a rounded p_1 = 1 would give 0 for both.
    value, G = softmax_cross_entropy(np.array([[0, 50]], dtype), np.array([1]))
    assert value == pytest.approx(np.exp(-50.0), rel=1e-6)
    np.testing.assert_allclose(G, [[np.exp(-50.0), -np.exp(-50.0)]], rtol=1e-6)
    value, G = softmax_cross_entropy(np.array([[0, 50]], dtype), np.array([[0, 1]], dtype))
    np.testing.assert_allclose(G, [[np.exp(-50.0), -np.exp(-50.0)]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_logit_of_minus_infinity_excludes_its_class(rng, dtype):
    H = rng.normal(size=(4, 5)).astype(dtype)
    y = np.array([0, 1, 3, 4])
    without = softmax_cross_entropy(H[:, [0, 1, 3, 4]].copy(), np.array([0, 1, 2, 3]), label_smoothing=0.1)
    H[:, 2] = -np.inf
    for targets in (y, np.eye(5, dtype=dtype)[y]):
        value, G = softmax_cross_entropy(H, targets, label_smoothing=0.1)
        assert value == pytest.approx(without[0], rel=1e-6)
        np.testing.assert_allclose(G[:, [0, 1, 3, 4]], without[1], rtol=1e-5, atol=1e-8)
        assert (G[:, 2] == 0).all()
    value, G = softmax_cross_entropy(H, np.array([0, 1, 2, 4]))  # the true class was excluded
    assert value == np.inf
    assert np.isfinite(G).all()


@np.errstate(invalid="ignore")  # of the kernels when they run as plain Python
def test_nan_is_not_hidden_except_in_rows_that_do_not_count(rng):
    H, y = rng.normal(size=(5, 4)), np.array([0, 1, -7, 3, 2])
    H[2] = np.nan
    value, G = softmax_cross_entropy(H, y, ignore_index=-7)
    assert np.isfinite(value)
    assert np.isfinite(G).all()
    assert (G[2] == 0).all()
    for place in range(4):
        H = rng.normal(size=(5, 4))
        H[2, place] = np.nan
        for targets in (y % 4, np.eye(4)[y % 4]):
            value, G = softmax_cross_entropy(H, targets)
            assert np.isnan(value)
            assert np.isnan(G[2]).all()
            assert np.isfinite(G[[0, 1, 3, 4]]).all()
        value, G = sigmoid_binary_cross_entropy(H, np.ones((5, 4)))
        assert np.isnan(value)
        assert np.isnan(G[2, place])
        value, G = mean_squared_error(H, np.ones((5, 4)))
        assert np.isnan(value)
        assert np.isnan(G[2, place])
    assert np.isnan(softmax_cross_entropy(np.full((1, 3), -np.inf), np.array([0]))[0])


def test_nothing_that_counts_gives_zero(rng):
    H = rng.normal(size=(3, 4))
    for arguments in [
        (np.full(3, -1), 0.1, -1, None, None),
        (np.array([0, 1, 2]), 0.0, None, np.array([0.0, 0, 0, 1]), None),
        (np.array([0, 1, 2]), 0.0, None, None, np.zeros(3)),
    ]:
        value, G, divisor = weighted_softmax_cross_entropy(H, *arguments)
        assert (value, divisor) == (0.0, 0.0)
        assert not G.any()
        assert G.shape == H.shape
    empty = np.empty((0, 4), np.float32)
    for result in (
        weighted_softmax_cross_entropy(empty, np.empty(0, np.int64)),
        weighted_softmax_cross_entropy(empty, empty),
        weighted_mean_squared_error(empty, empty),
        weighted_sigmoid_binary_cross_entropy(empty, empty),
    ):
        assert result[0] == 0.0
        assert result[1].shape == (0, 4)
        assert result[2] == 0.0


def test_leading_axes_are_rows(rng):
    H, y, s = rng.normal(size=(3, 4, 5)), rng.integers(0, 5, (3, 4)), rng.uniform(0, 1, 3)
    value, G = softmax_cross_entropy(H, y, sample_weight=s)
    flat = softmax_cross_entropy(H.reshape(12, 5), y.reshape(12), sample_weight=np.repeat(s, 4))
    assert value == flat[0]
    assert (flat[1].reshape(3, 4, 5) == G).all()
    value, G = mean_squared_error(H, 2 * H, sample_weight=s)
    flat = mean_squared_error(H.reshape(12, 5), 2 * H.reshape(12, 5), sample_weight=np.repeat(s, 4))
    assert value == flat[0]
    assert (flat[1].reshape(3, 4, 5) == G).all()
    column = rng.normal(size=(6, 1))
    assert mean_squared_error(column, np.arange(6.0))[0] == mean_squared_error(column, np.arange(6.0)[:, None])[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_of_any_memory_order_and_integer_type(rng, dtype):
    H, y = rng.normal(size=(8, 6)).astype(dtype), rng.integers(0, 6, 8)
    expected = softmax_cross_entropy(H, y)
    before = H.copy()
    wide = np.empty((16, 12), dtype)
    wide[::2, ::2] = H
    for given in (np.asfortranarray(H), wide[::2, ::2]):
        for kind in (np.int8, np.uint8, np.int32, np.uint64):
            value, G = softmax_cross_entropy(given, y.astype(kind))
            assert value == expected[0]
            assert (expected[1] == G).all()
    H.flags.writeable = False
    out = np.empty_like(before)
    assert softmax_cross_entropy(H, y, out=out)[1] is out
    assert (out == expected[1]).all()
    assert (before == H).all()
    onehot = np.eye(6)[y]
    assert softmax_cross_entropy(H, onehot)[0] == pytest.approx(expected[0], rel=1e-6)  # float64 targets, any logits


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_do_not_depend_on_the_number_of_threads(rng, dtype):
    H, s = rng.normal(size=(3000, 50)).astype(dtype), rng.uniform(0, 1, 3000)
    y, Y = rng.integers(0, 50, 3000), rng.uniform(0, 1, H.shape).astype(dtype)
    assert H.size >= max(cross_entropy.CROSS_ENTROPY_PARALLEL_SIZE, PARALLEL_SIZE)
    same_bits_for_any_threads(
        lambda: [
            *softmax_cross_entropy(H, y, 0.1, sample_weight=s),
            *softmax_cross_entropy(H, Y, 0.1, sample_weight=s),
            *sigmoid_binary_cross_entropy(H, Y, 1.0, s),
            *mean_squared_error(H, Y, s),
        ]
    )


H34, Y34 = np.zeros((3, 4)), np.zeros((3, 4))
BAD = [
    (softmax_cross_entropy, (H34, np.zeros(3, int), "a"), {}, ValueError, r"label_smoothing from 0 to 1, got 'a'"),
    (softmax_cross_entropy, (H34, np.zeros(3, int), None), {}, ValueError, r"label_smoothing from 0 to 1, got None"),
    (sigmoid_binary_cross_entropy, (H34, Y34, None), {}, ValueError, r"positive_weight finite.*got None"),
    (sigmoid_binary_cross_entropy, (H34, Y34, "a"), {}, ValueError, r"positive_weight finite.*got 'a'"),
    (sigmoid_binary_cross_entropy, (H34.astype("f4"), Y34, 1e39), {}, ValueError, r"finite in float32.*got 1e\+39"),
    (softmax_cross_entropy, (H34.tolist(), [0, 1, 2]), {}, DtypeError, r"expected H to be a NumPy array, got list"),
    (softmax_cross_entropy, (H34.astype(int), np.zeros(3, int)), {}, DtypeError, r"H of dtype float32 or float64"),
    (softmax_cross_entropy, (H34[0], np.zeros(1, int)), {}, ShapeError, r"at least two axes.*H\[None, :\]"),
    (softmax_cross_entropy, (H34[:, :0], np.zeros(3, int)), {}, ShapeError, r"M >= 1, got \(3, 0\)"),
    (softmax_cross_entropy, (H34, [0, 1, 2]), {}, DtypeError, r"expected y to be a NumPy array, got list"),
    (softmax_cross_entropy, (H34, np.array(["a"] * 3)), {}, DtypeError, r"y of an integer dtype.*got <U1"),
    (softmax_cross_entropy, (H34, np.ones(3, bool)), {}, DtypeError, r"got bool. Try y.astype\(np.int64\)"),
    (softmax_cross_entropy, (H34, np.zeros(4, int)), {}, ShapeError, r"labels y of shape \(3,\), got \(4,\)"),
    (softmax_cross_entropy, (H34, np.zeros((3, 4), int)), {}, ShapeError, r"One-hot targets are floats"),
    (softmax_cross_entropy, (H34, np.zeros(3)), {}, ShapeError, r"got \(3,\). Class labels are integers"),
    (softmax_cross_entropy, (H34, np.zeros((3, 5))), {}, ShapeError, r"shape of H, \(3, 4\), got \(3, 5\)"),
    (softmax_cross_entropy, (H34, np.array([0, 4, 1])), {}, LabelError, r"labels from 0 to 3, got 4 in row 1"),
    (softmax_cross_entropy, (H34, np.array([0, 1, -1])), {}, LabelError, r"got -1 in row 2.*ignore_index"),
    (
        softmax_cross_entropy,
        (H34, np.array([-5, 1, -1])),
        {"ignore_index": -5},
        LabelError,
        r"or ignore_index=-5.*got -1",
    ),
    (
        softmax_cross_entropy,
        (H34, np.full((3, 4), np.nan)),
        {},
        LabelError,
        r"finite targets, got nan in row 0, column 0",
    ),
    (softmax_cross_entropy, (H34, np.full((3, 4), np.inf)), {}, LabelError, r"finite targets, got inf"),
    (softmax_cross_entropy, (H34.astype("f4"), np.full((3, 4), 1e300)), {}, LabelError, r"finite targets, got 1e\+300"),
    (softmax_cross_entropy, (H34, Y34 - 1), {"class_weight": np.ones(4)}, LabelError, r"targets from 0, got -1"),
    (softmax_cross_entropy, (H34, Y34), {"label_smoothing": 1.5}, ValueError, r"label_smoothing from 0 to 1, got 1.5"),
    (
        softmax_cross_entropy,
        (H34, Y34),
        {"label_smoothing": np.nan},
        ValueError,
        r"label_smoothing from 0 to 1, got nan",
    ),
    (
        softmax_cross_entropy,
        (H34, Y34),
        {"class_weight": np.ones(3)},
        ShapeError,
        r"class_weight of shape \(4,\), got \(3,\)",
    ),
    (
        softmax_cross_entropy,
        (H34, Y34),
        {"class_weight": -np.ones(4)},
        ValueError,
        r"not negative, got -1.0 at position 0",
    ),
    (softmax_cross_entropy, (H34, Y34), {"class_weight": [1, 1, 1, 1]}, DtypeError, r"class_weight.*got list"),
    (softmax_cross_entropy, (H34, Y34), {"sample_weight": np.ones(4)}, ShapeError, r"sample_weight of shape \(3,\)"),
    (
        softmax_cross_entropy,
        (H34, Y34),
        {"sample_weight": np.array([1, np.nan, 1])},
        ValueError,
        r"got nan at position 1",
    ),
    (softmax_cross_entropy, (H34, Y34), {"out": np.zeros((4, 3))}, ShapeError, r"out of shape \(3, 4\), got \(4, 3\)"),
    (softmax_cross_entropy, (H34, Y34), {"out": H34}, ValueError, r"shares memory with an input"),
    (sigmoid_binary_cross_entropy, (H34, Y34 + 2), {}, LabelError, r"targets from 0 to 1, got 2.0 in row 0"),
    (sigmoid_binary_cross_entropy, (H34, np.zeros(3, int)), {}, ShapeError, r"shape of H, \(3, 4\), got \(3,\)"),
    (sigmoid_binary_cross_entropy, (H34, Y34), {"positive_weight": -1.0}, ValueError, r"positive_weight.*got -1.0"),
    (mean_squared_error, (H34, np.full((3, 4), np.nan)), {}, LabelError, r"finite targets, got nan"),
    (mean_squared_error, (H34, np.zeros((4, 3))), {}, ShapeError, r"got \(4, 3\). One target per entry"),
]


@pytest.mark.parametrize(("function", "arguments", "options", "kind", "text"), BAD)
def test_errors_say_who_what_and_what_to_try(function, arguments, options, kind, text):
    with pytest.raises(kind, match=rf"^{function.__name__}: .*{text}"):
        function(*arguments, **options)


def test_errors_carry_the_name_of_the_caller():
    with pytest.raises(LabelError, match=r"^SoftmaxCrossEntropy: expected labels"):
        softmax_cross_entropy(H34, np.array([0, 4, 1]), who="SoftmaxCrossEntropy")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(1, 1), (6, 5), (60, 300)])
def test_nothing_is_written_outside_the_output(rng, size, dtype):
    H, Y = rng.normal(size=size).astype(dtype), rng.uniform(0, 1, size).astype(dtype)
    for function, y in [
        (softmax_cross_entropy, rng.integers(0, size[1], size[0])),
        (softmax_cross_entropy, Y),
        (sigmoid_binary_cross_entropy, Y),
        (mean_squared_error, Y),
    ]:
        out, intact = guarded(size, dtype)
        G = function(H, y, out=out)[1]
        assert G is out
        assert np.isfinite(out).all()
        intact()


def test_weights_of_any_memory_order_compile_nothing_new(rng):
    H, y, w = rng.normal(size=(4, 3)), np.array([0, 1, 2, 1]), np.array([0.5, 1, 2])
    expected = softmax_cross_entropy(H, y, class_weight=w)[0]
    bodies = [cross_entropy.weighted_label_rows, cross_entropy.weighted_target_rows]
    softmax_cross_entropy(H, np.eye(3)[y], class_weight=w)
    known = [len(getattr(body, "signatures", [])) for body in bodies]
    read_only = w.copy()
    read_only.flags.writeable = False
    unaligned = np.zeros(3, [("skip", "i1"), ("w", "f8")])["w"]
    unaligned[...] = w
    for given in (read_only, unaligned, np.repeat(w, 2)[::2], w.astype(np.float32), (2 * w).astype(int)):
        value = softmax_cross_entropy(H, y, class_weight=given)[0]
        assert value == pytest.approx(expected, rel=1e-14)
        softmax_cross_entropy(H, np.eye(3)[y], class_weight=given)
    assert [len(getattr(body, "signatures", [])) for body in bodies] == known


@pytest.mark.parametrize("ignored", [1.5, 1.0, "1", True, np.nan])
def test_ignore_index_is_an_integer(ignored):
    with pytest.raises(ValueError, match="expected ignore_index to be an integer or None, got"):
        softmax_cross_entropy(H34, np.array([0, 1, 2]), ignore_index=ignored)
