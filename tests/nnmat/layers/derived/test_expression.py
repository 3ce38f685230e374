"""Layers given as expressions: equal to the built-in ones, as programs too; what is refused before it runs."""

import numpy as np
import pytest

import nnmat
from nnmat import SGD, Expression, Linear, Sequential, Sigmoid, SoftmaxCrossEntropy, compile_step, gradcheck
from nnmat.calculus import evaluate, log, matrix, ones, parse, sigmoid, vector
from nnmat.calculus.errors import NotDerivable, ParseError
from nnmat.calculus.language.operators import ATTRIBUTES
from nnmat.errors import ConfigError, ShapeError
from nnmat.layers import layer_from_expression
from nnmat_kernels.runtime.config import settings
from tests.nnmat.expressions.both_ways import values_by_hand_and_compiled

AFFINE = {"parameters": {"W": ("M", "N"), "b": ("M",)}, "sizes": {"M": 4}}


def test_an_affine_layer_is_linear(rng):
    mine = Expression("X @ W.T + ones(B) @ b.T", **AFFINE).build((3,), rng=0, dtype=np.float64)
    other = Linear(3, 4).build((3,), rng=0, dtype=np.float64)
    assert np.array_equal(mine.parameters()[0].value, other.weight.value)
    X, G = rng.standard_normal((5, 3)), rng.standard_normal((5, 4))
    np.testing.assert_allclose(mine.forward(X, training=True), other.forward(X, training=True), atol=1e-14)
    np.testing.assert_allclose(mine.backward(G), other.backward(G), atol=1e-14)
    for p, q in zip(mine.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(p.grad, q.grad, atol=1e-14)
    assert mine.by_hand == ""
    assert "GᵀX" in str(mine.derivations["W"].gradient)


def test_gradients_accumulate_and_parameters_can_be_left_alone(rng):
    layer = Expression("tanh(X @ W.T + ones(B) @ b.T)", **AFFINE).build((3,), rng=0, dtype=np.float64)
    X, G = rng.standard_normal((5, 3)), rng.standard_normal((5, 4))
    layer.forward(X, training=True)
    layer.backward(G)
    once = [p.grad.copy() for p in layer.parameters()]
    layer.forward(X, training=True)
    layer.backward(G, accumulate=True)
    for p, g in zip(layer.parameters(), once, strict=True):
        np.testing.assert_allclose(p.grad, 2 * g)
    layer.forward(X, training=True)
    gX = layer.backward(G, parameters=False)
    np.testing.assert_allclose(layer.parameters()[0].grad, 2 * once[0])
    assert gX.shape == X.shape


def test_an_elementwise_expression_takes_any_shape(rng):
    layer = Expression("X * sigmoid(X)").build((2, 3, 4), rng=0, dtype=np.float64)
    assert layer.output_shape((2, 3, 4)) == (2, 3, 4)
    assert gradcheck(layer, rng.standard_normal((3, 2, 3, 4))).passed


def test_an_expression_of_the_calculus():
    X, W, b = matrix("X", "B", "N"), matrix("W", "M", "N"), vector("b", "M")
    layer = layer_from_expression(sigmoid(X @ W.T + ones("B") @ b.T), sizes={"M": 2})
    assert layer.shapes == {"W": ("M", "N"), "b": ("M",)}
    assert layer.build((3,)).output_shape((3,)) == (2,)


def test_the_input_of_an_expression_of_the_calculus_has_the_names_of_its_dimensions():
    for shape, said in ((("B", 4), "(B, 4)"), (("P", "N"), "(P, N)")):
        with pytest.raises(ShapeError) as error:
            layer_from_expression(matrix("X", *shape) @ matrix("W", shape[1], 3))
        assert f"expected X of shape (B, N), got {said}. Write X = matrix('X', 'B', 'N')." in str(error.value)


def test_an_operator_without_a_kernel_runs_by_hand(rng):
    layer = Expression("X @ inv(A)", parameters={"A": ("N", "N")}).build((3,), rng=0, dtype=np.float64)
    assert layer.by_hand == "inv"
    assert gradcheck(layer, rng.standard_normal((4, 3))).passed
    model = Sequential([Expression("X @ inv(A)", parameters={"A": ("N", "N")})], input_shape=(3,), seed=0)
    step = compile_step(model, SoftmaxCrossEntropy(), SGD(model, lr=0.01))
    X, y = rng.standard_normal((4, 3)).astype(np.float32), np.array([0, 1, 2, 0])
    for _ in range(4):
        step(X, y)
    assert "there is no kernel for inv" in step.why_not(X, y) or settings.DISABLE_JIT


@pytest.mark.skipif(settings.DISABLE_JIT, reason="programs need the JIT")
def test_steps_are_programs_with_the_same_bits(rng):
    def model():
        return Sequential(
            [Linear(6, 5), Expression("X * sigmoid(s * X)", parameters={"s": ()}), Linear(5, 3)],
            input_shape=(6,),
            seed=0,
        )

    X, y = rng.standard_normal((16, 6)).astype(np.float32), rng.integers(0, 3, 16)
    by_hand, compiled = values_by_hand_and_compiled(lambda: (model(), SoftmaxCrossEntropy()), X, y)
    assert by_hand == compiled


def test_the_curve_of_the_built_in_layer(rng):
    X, y = rng.standard_normal((64, 6)), rng.integers(0, 3, 64)
    curves = []
    for unit in (Sigmoid, lambda: Expression("1 / (1 + exp(-X))")):
        model = Sequential([Linear(6, 8), unit(), Linear(8, 3)], input_shape=(6,), seed=0, dtype=np.float64)
        trainer = nnmat.Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.5))
        curves.append(trainer.fit((X, y), epochs=20, batch_size=16, progress=False)["loss"])
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-9)


def test_saved_and_loaded(tmp_path, rng):
    model = Sequential([Expression("X @ W.T + ones(B) @ b.T", **AFFINE)], input_shape=(3,), seed=1)
    nnmat.save(model, tmp_path / "m.npz")
    other = nnmat.load(tmp_path / "m.npz")
    X = rng.standard_normal((2, 3)).astype(np.float32)
    assert np.array_equal(model.forward(X), other.forward(X))


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (("X @ )",), ParseError, "column 5"),
        (("sum(X)",), ShapeError, "a row for each of the B samples"),
        (("X @ W.T",), ConfigError, "expected an expression of X, got W in it. Declare it as a parameter."),
        (("ones(B) @ b.T", {"b": ("N",)}), ConfigError, "expected an expression with X in it"),
        (("X", {"W": ("M", "N")}), ConfigError, "expected an expression with W in it"),
        (("X @ W.T", {"W": ("M", "N")}), ConfigError, "Give sizes={'M': 10}"),
        (("X @ W.T", {"W": ("M", "N")}, {"M": 0}), ConfigError, "sizes"),
        (("X", {"X": ("M", "N")}), ConfigError, "beside X"),
        (("X * s", {"s": 1.5}), ConfigError, "expected parameters such as"),
        ((3,), ConfigError, "expected the expression as text"),
        (("X * s", ["s"]), ConfigError, "expected parameters such as"),
        (("X @ W.T", {"W": ("M", "N")}, [4]), ConfigError, "expected sizes such as"),
        (("X @ W.T", {"W": ("M", "N")}, {"M": 4, "Q": 2}), ConfigError, "got one for Q"),
        (("X", None, {"B": 2}), ConfigError, "got one for B. Leave it out."),
        (("X * W", {"W": ("B", "N")}), ConfigError, "got W: ('B', 'N'), where B is the number of samples"),
        (("X @ X.T",), ShapeError, "B is the number of samples"),
        (
            ("digamma(exp(X))",),
            NotDerivable,
            "no kernel of the function trigamma is known. Known are sums,",
        ),
        (
            ("X * sum(expm(X.T @ X))",),
            NotDerivable,
            "no compiled form of the operator expm of expm(XᵀX). Known are sums",
        ),
        (
            ("digamma(exp(X))",),
            NotDerivable,
            "the functions abs, arctan, clip, cos, cosh, digamma, elu, erf, exp, gelu,",
        ),
        (
            ("hstack(X, X)",),
            NotDerivable,
            "no form of hstack for a layer or a loss is known. Known are sums, products,",
        ),
    ],
)
def test_what_is_wrong_is_said(arguments, kind, said):
    expression, parameters, sizes = (*arguments, None, None)[:3]
    with pytest.raises(kind) as error:
        Expression(expression, parameters=parameters, sizes=sizes)
    assert said in str(error.value)


def test_images_are_flattened_first():
    with pytest.raises(ShapeError, match=r"Put Flatten\(\) before it"):
        Expression("X @ W.T + ones(B) @ b.T", **AFFINE).build((2, 2, 1))


def test_what_cancels_has_a_gradient_of_zeros(rng):
    layer = Expression("0 * X + 2 + s * 0 * X", parameters={"s": ()}).build((3,), rng=0, dtype=np.float64)
    assert np.array_equal(layer.forward(rng.standard_normal((4, 3)), training=True), np.full((4, 3), 2.0))
    assert np.array_equal(layer.backward(rng.standard_normal((4, 3))), np.zeros((4, 3)))
    assert layer.parameters()[0].grad == 0


def test_a_division_by_a_size_of_zero_is_infinite_and_not_hidden():
    layer = Expression("X / (dim(B) - 1)").build((2,), dtype=np.float64)
    with np.errstate(divide="ignore"):  # without the JIT NumPy would warn
        assert np.array_equal(layer.forward(np.array([[1.0, -2.0]])), [[np.inf, -np.inf]])
    assert np.array_equal(layer.forward(np.ones((3, 2))), np.full((3, 2), 0.5))


@pytest.mark.parametrize("word", sorted(ATTRIBUTES))
def test_a_parameter_with_an_attribute_is_refused(word):
    """Training keeps no attribute, and a layer without it would be another one."""
    X, S = matrix("X", "B", "N"), matrix("S", "N", "N", **{word: True})
    with pytest.raises(ConfigError) as error:
        layer_from_expression(X @ S)
    assert f"expected parameters without attributes, got S, declared {word}: training does not keep it." in str(
        error.value
    )
    with pytest.raises(ConfigError, match=f"declared {word}"):
        layer_from_expression(X @ S, parameters={"S": ("N", "N")})


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("symmetric", "Take (S + S.T) / 2 of a plain S."),
        ("lower_triangular", "Take tril(S) of a plain S."),
        ("positive", "Take exp(S) of a plain S."),
        ("orthogonal", "Declare it without."),
    ],
)
def test_what_to_write_in_its_place(word, instead):
    with pytest.raises(ConfigError) as error:
        layer_from_expression(matrix("X", "B", "N") @ matrix("S", "N", "N", **{word: True}))
    assert str(error.value).endswith(instead)
    if instead.startswith("Take"):
        instead = parse(instead.removeprefix("Take ").partition(" of a plain")[0], S=("N", "N"))
        layer = layer_from_expression(matrix("X", "B", "N") @ instead).build((3,), rng=0, dtype=np.float64)
        assert gradcheck(layer, np.random.default_rng(0).standard_normal((4, 3))).passed


def test_attributes_of_the_input_change_nothing():
    layer = layer_from_expression(log(matrix("X", "B", "N", positive=True)))
    assert str(layer.derivations["X"].gradient) == "G ⊘ X"


FUNCTIONS = ("erf", "tan", "arctan", "cosh", "sinh", "log1p", "silu", "elu", "huber", "clip", "lgamma", "gelu", "sqrt")
POSITIVE = ("lgamma", "sqrt", "log1p")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_the_value_and_the_gradient_of_the_calculus(name, rng):
    """Held against `evaluate` and against difference quotients."""
    text = f"{name}(s * {'exp(X)' if name in POSITIVE else 'X'})"
    layer = Expression(text, parameters={"s": ()}).build((4,), rng=0, dtype=np.float64)
    assert layer.by_hand == ""
    layer.parameters()[0].value[:] = 0.7
    X = rng.uniform(-1.2, 1.2, (3, 4))
    want = evaluate(parse(text, X=("B", "N"), s=()), X=X, s=0.7)
    np.testing.assert_allclose(layer.forward(X), want, rtol=1e-13, atol=1e-14)
    assert gradcheck(layer, X).passed
    small = Expression(text, parameters={"s": ()}).build((4,), rng=0)
    small.parameters()[0].value[:] = 0.7
    np.testing.assert_allclose(small.forward(X.astype(np.float32)), want, rtol=3e-6, atol=3e-7)


@pytest.mark.skipif(settings.DISABLE_JIT, reason="programs need the JIT")
@pytest.mark.parametrize(
    "text", ["maximum(X, 0) + lgamma(1 + X * X)", "erf(X) + arctan(X) * huber(X)", "silu(X) + elu(X) - tan(X / 9)"]
)
def test_steps_with_them_are_programs_too(text, rng):
    def model():
        return Sequential([Linear(6, 5), Expression(text), Linear(5, 3)], input_shape=(6,), seed=0)

    X, y = rng.standard_normal((16, 6)).astype(np.float32), rng.integers(0, 3, 16)
    by_hand, compiled = values_by_hand_and_compiled(lambda: (model(), SoftmaxCrossEntropy()), X, y)
    assert by_hand == compiled


@pytest.mark.parametrize(
    ("text", "built_in"), [("silu(X)", nnmat.SiLU), ("elu(X)", nnmat.ELU), ("gelu(X)", nnmat.GELU)]
)
def test_they_are_the_built_in_layers(text, built_in, rng):
    X, G = rng.standard_normal((2, 5, 4))
    mine, other = (layer.build((4,), dtype=np.float64) for layer in (Expression(text), built_in()))
    np.testing.assert_allclose(mine.forward(X, training=True), other.forward(X, training=True), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(mine.backward(G), other.backward(G), rtol=1e-12, atol=1e-13)


GREATER = [
    ("maximum(X, s)", {"s": ()}),
    ("minimum(s, X)", {"s": ()}),
    ("maximum(X, ones(B) @ b.T)", {"b": ("N",)}),
    ("maximum(X, X * X)", {}),
    ("minimum(X @ W.T, 0.1) + X", {"W": ("N", "N")}),
    ("maximum(maximum(X, 0.1 * X), -s * X)", {"s": ()}),
]


@pytest.mark.parametrize(("text", "parameters"), GREATER)
def test_the_greater_of_two(text, parameters, rng):
    layer = Expression(text, parameters=parameters).build((4,), rng=0, dtype=np.float64)
    for p in layer.parameters():
        p.value[:] = rng.uniform(0.2, 0.6, p.shape)
    X = rng.uniform(-1.2, 1.2, (3, 4))
    given = {name: np.squeeze(p.value) for name, p in zip(layer.shapes, layer.parameters(), strict=True)}
    want = evaluate(parse(text, X=("B", "N"), **layer.shapes), X=X, **given)
    np.testing.assert_allclose(layer.forward(X), want, rtol=1e-14)
    assert layer.by_hand == ""
    assert gradcheck(layer, X).passed


def test_what_is_equal_shares_the_gradient():
    layer = Expression("maximum(X, 0)").build((3,), dtype=np.float64)
    layer.forward(np.array([[-1.0, 0.0, 2.0]]), training=True)
    assert np.array_equal(layer.backward(np.ones((1, 3))), [[0.0, 0.5, 1.0]])
