"""Losses given as expressions: equal to the built-in ones, as programs too; what is refused before it runs."""

import copy

import numpy as np
import pytest

import nnmat
from nnmat import SGD, ExpressionLoss, Linear, MeanSquaredError, Sequential, SoftmaxCrossEntropy
from nnmat.calculus import frobenius, matrix
from nnmat.calculus.errors import NotDerivable, ParseError
from nnmat.errors import ConfigError, DtypeError, LabelError, ShapeError
from nnmat.losses import loss_from_expression
from nnmat_kernels.runtime.config import settings
from tests.nnmat.expressions.both_ways import values_by_hand_and_compiled

CROSS_ENTROPY = "-inner(Y, log_softmax_rows(H)) / dim(B)"
SQUARES = "frobenius(H - Y)**2 / (dim(B) * dim(M))"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3), (1, 2)])
def test_cross_entropy_and_squares(shape, dtype, rng):
    H = rng.standard_normal(shape).astype(dtype)
    labels, Y = rng.integers(0, shape[-1], shape[:-1]), rng.standard_normal(shape).astype(dtype)
    tolerance = 1e-13 if dtype is np.float64 else 2e-6
    for mine, other, y in (
        (ExpressionLoss(CROSS_ENTROPY, labels=True), SoftmaxCrossEntropy(), labels),
        (ExpressionLoss(SQUARES), MeanSquaredError(), Y),
    ):
        assert mine.forward(H, y) == pytest.approx(other.forward(H, y), rel=tolerance, abs=tolerance)
        G = mine.backward()
        assert (G.shape, G.dtype) == (H.shape, H.dtype)
        np.testing.assert_allclose(G, other.backward(), atol=tolerance)
        assert mine.divisor == other.divisor


def test_its_derivation_and_its_text():
    H, Y = matrix("H", "B", "M"), matrix("Y", "B", "M")
    loss = loss_from_expression(frobenius(H - Y) ** 2 / 2)
    assert str(loss.derivation.gradient) == "H - Y"
    with pytest.raises(ShapeError, match=r"loss_from_expression: expected H of shape \(B, M\), got \(A, M\)"):
        loss_from_expression(frobenius(matrix("H", "A", "M")) ** 2)
    assert "frobenius" in loss.config()["expression"]
    assert copy.deepcopy(loss).forward(np.ones((2, 2)), np.zeros((2, 2))) == 2.0


@pytest.mark.skipif(settings.DISABLE_JIT, reason="programs need the JIT")
def test_steps_are_programs_with_the_same_bits(rng):
    X, y = rng.standard_normal((16, 6)).astype(np.float32), rng.integers(0, 3, 16)

    def made():
        return Sequential([Linear(6, 3)], input_shape=(6,), seed=0), ExpressionLoss(CROSS_ENTROPY, labels=True)

    by_hand, compiled = values_by_hand_and_compiled(made, X, y)
    assert by_hand == compiled


def test_training_ends_where_the_built_in_loss_ends(rng):
    X, y = rng.standard_normal((64, 6)), rng.integers(0, 3, 64)
    curves = []
    for loss in (SoftmaxCrossEntropy(), ExpressionLoss(CROSS_ENTROPY, labels=True)):
        model = Sequential([Linear(6, 3)], input_shape=(6,), seed=0, dtype=np.float64)
        trainer = nnmat.Trainer(model, loss, SGD(model, lr=0.5), metrics=["accuracy"])
        curves.append(trainer.fit((X, y), epochs=10, batch_size=24, progress=False)["loss"])
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-10)


def test_no_rows():
    loss = ExpressionLoss(SQUARES)
    assert loss.forward(np.empty((0, 3)), np.empty((0, 3))) == 0.0
    assert loss.divisor == 0.0
    assert loss.backward().shape == (0, 3)


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (("H - )",), ParseError, "column 5"),
        (("H - Y",), ShapeError, "expected a scalar expression"),
        (("sum(Y)",), ConfigError, "expected an expression with H"),
        (("sum(H @ W)",), ConfigError, "got W in it"),
        (("sum(H * Z)",), ConfigError, "got Z in it"),
        ((3,), ConfigError, "expected the expression as text"),
    ],
)
def test_what_is_wrong_is_said(arguments, kind, said):
    with pytest.raises(kind) as error:
        ExpressionLoss(*arguments)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("y", "kind", "said"),
    [
        (np.array([0, 3]), LabelError, "expected labels from 0 to 2, got 3"),
        (np.array([0, 1, 2]), ShapeError, "labels"),
        (np.array(["a", "b"]), DtypeError, "y"),
    ],
)
def test_wrong_labels(y, kind, said):
    with pytest.raises(kind) as error:
        ExpressionLoss(CROSS_ENTROPY, labels=True).forward(np.zeros((2, 3)), y)
    assert said in str(error.value)


def test_weights_of_samples_are_refused():
    with pytest.raises(ConfigError, match="no sample_weight"):
        ExpressionLoss(SQUARES).forward(np.zeros((2, 3)), np.zeros((2, 3)), np.ones(2))


def test_labels_are_integers_of_the_outputs():
    loss, H = ExpressionLoss(CROSS_ENTROPY, labels=True), np.zeros((2, 3))
    for y, kind, said in (
        (np.array([0.0, 1.5]), DtypeError, r"expected integer labels y, got float64. Class labels are integers: y.as"),
        (np.array([0, 7]), LabelError, "expected labels from 0 to 2"),
    ):
        with pytest.raises(kind, match=said):
            loss.forward(H, y)
        with pytest.raises(kind, match=said):
            loss.check_targets(y, (3,))
    assert loss.forward(H, np.array([0, 2], np.uint8)) == pytest.approx(np.log(3))


def test_what_has_no_kernel_and_sizes_of_nothing_are_refused_when_it_is_made():
    with pytest.raises(NotDerivable, match="no kernel of the function trigamma is known. Known are sums, products"):
        ExpressionLoss("sum(digamma(exp(H - Y)))")
    with pytest.raises(ConfigError, match="of H, Y, got P in it. They are the outputs and the targets."):
        ExpressionLoss("frobenius(P - Y)")
    with pytest.raises(ConfigError, match="got one for Q"):
        ExpressionLoss("sum(H)", sizes={"Q": 2})
    with pytest.raises(ConfigError, match="expected sizes such as"):
        ExpressionLoss("sum(H)", sizes=[2])
    with pytest.raises(ConfigError, match="Its value is one number"):
        ExpressionLoss("sum(H)", reduction="sum")


@pytest.mark.parametrize(
    ("text", "built_in"),
    [
        ("sum(huber(H - Y)) / (dim(B) * dim(M))", nnmat.Huber),
        ("sum(lgamma(1 + Y) + exp(H) - Y * H) / (dim(B) * dim(M))", None),
        ("sum(log(cosh(H - Y))) / dim(B)", None),
        ("sum(arctan((H - Y) * (H - Y))) / dim(B)", None),
        ("1 - sum(erf(H * Y)) / dim(B)", None),
        ("sum(maximum(1 - H * Y, 0)) / dim(B)", None),
    ],
)
def test_losses_of_more_functions(text, built_in, rng):
    """Against the built-in loss, and against difference quotients."""
    H, Y = 2 * rng.standard_normal((4, 3)), rng.uniform(0.1, 3, (4, 3))
    loss = ExpressionLoss(text)
    value = loss.forward(H, Y)
    G = loss.backward().copy()
    if built_in is not None:
        other = built_in()
        assert value == pytest.approx(other.forward(H, Y), rel=1e-13)
        np.testing.assert_allclose(G, other.backward(), atol=1e-15)
    for place in np.ndindex(H.shape):
        step = np.zeros(H.shape)
        step[place] = 1e-6
        slope = (loss.forward(H + step, Y) - loss.forward(H - step, Y)) / 2e-6
        assert G[place] == pytest.approx(slope, rel=1e-6, abs=1e-8)
