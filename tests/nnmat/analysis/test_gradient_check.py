"""The gradient checker, and that it catches what it is for."""

import copy
import functools

import numpy as np
import pytest

from nnmat import (
    Dropout,
    Flatten,
    Linear,
    MeanSquaredError,
    ReLU,
    Sequential,
    Sigmoid,
    SoftmaxCrossEntropy,
    gradcheck,
)
from nnmat.analysis import gradient_check
from nnmat.errors import ConfigError, DtypeError, ShapeError, StateError
from nnmat.layers.base import Layer
from nnmat.losses import Loss
from nnmat.parameters import Parameter


def batch(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


class Scale(Layer):
    """Y = sin(X) ⊙ v, with errors on request."""

    def __init__(self, input_factor=1.0, parameter_factor=1.0, wrong_element=None):
        super().__init__()
        self.v = Parameter("v")
        self.input_factor, self.parameter_factor, self.wrong_element = input_factor, parameter_factor, wrong_element

    def output_shape(self, input_shape):
        return input_shape

    def own_parameters(self):
        return [self.v]

    def declare(self, input_shape, rng):
        self.v.declare(input_shape, lambda rng, shape: rng.standard_normal(shape))

    def forward(self, X, call):
        call.keep(X=X)
        return np.sin(X) * self.v.value

    def backward(self, G, call):
        if gv := call.into(self.v):
            g = self.parameter_factor * (G * np.sin(call.X)).sum(axis=0)
            if self.wrong_element is not None:
                g.flat[self.wrong_element] *= 1.5
            gv.write(g)
        return self.input_factor * G * np.cos(call.X) * self.v.value


class RunningMean(Layer):
    """Y = X³ - (running mean), which each forward in training moves; it counts as a constant."""

    def __init__(self):
        super().__init__()
        self.mean = np.zeros(1)

    def output_shape(self, input_shape):
        return input_shape

    def own_buffers(self):
        return {"mean": self.mean}

    def forward(self, X, call):
        call.keep(X=X)
        Y = X**3 - self.mean
        if call.training:
            self.mean += 0.1 * (X.mean() - self.mean)
        return Y

    def backward(self, G, call):
        return 3 * G * call.X**2


class Product(Layer):
    """Y = A ⊙ B of two inputs."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def output_shape(self, input_shape):
        return input_shape[0]

    def forward(self, X, call):
        call.keep(X=X)
        return X[0] * X[1]

    def backward(self, G, call):
        A, B = call.X
        return G * B, self.factor * G * A


class Noisy(Layer):
    """Y = X + noise from a generator that is not a buffer."""

    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(0)

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, X, call):
        return X + self.rng.standard_normal(X.shape)

    def backward(self, G, call):
        return G


class Cube(Loss):
    """mean of |h|³ with a factor in its gradient."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def forward(self, H, y, call):
        D = H - y
        call.G, call.divisor = self.factor * 3 * D * np.abs(D) / D.size, float(len(H))
        return float(np.mean(np.abs(D) ** 3))


def test_right_gradients_pass_with_room_to_spare():
    report = gradcheck(Scale(), batch(3, 4))
    assert report
    assert report.passed
    assert report.error < 1e-9
    assert [tensor.name for tensor in report.tensors] == ["X", "v"]
    assert [tensor.shape for tensor in report.tensors] == [(3, 4), (4,)]


@pytest.mark.parametrize("arguments", [(1.001, 1.0), (1.0, 1.001), (1 - 1e-6, 1.0), (-1.0, 1.0), (1.0, 0.0)])
@pytest.mark.parametrize("only", [{}, {"directions": 0}, {"elementwise": False}])
def test_a_gradient_that_is_wrong_by_a_thousandth_is_caught(arguments, only):
    report = gradcheck(Scale(*arguments), batch(3, 4), **only)
    assert not report
    size = max(abs(1 - factor) for factor in arguments)
    assert report.error > 0.3 * min(size, 1)
    wrong = "X" if arguments[0] != 1 else "v"
    assert {tensor.name: tensor.error > 1e-7 for tensor in report.tensors} == {"X": wrong == "X", "v": wrong == "v"}


def test_one_wrong_element_is_named():
    report = gradcheck(Scale(wrong_element=5), batch(3, 4, 2), elementwise=True)
    assert not report.passed
    index, backward, difference = report.tensors[1].worst
    assert index == (2, 1)
    assert np.isclose(backward, 1.5 * difference)
    assert "worst at [2, 1]" in str(report)
    assert "FAILED" in str(report)
    assert report.tensors[0].probes == 4 + 24


def test_a_nan_does_not_pass():
    report = gradcheck(Scale(input_factor=np.nan), batch(2, 3))
    assert not report.passed
    assert np.isnan(report.error)
    assert "FAILED" in str(report)


@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_losses(factor):
    report = gradcheck(Cube(factor), batch(4, 3), batch(4, 3, seed=1))
    assert report.passed == (factor == 1.0)
    assert report.subject == "Cube"


def test_the_losses_of_the_framework():
    assert gradcheck(SoftmaxCrossEntropy(), batch(5, 4), np.array([0, 3, 1, 1, 2]), elementwise=True).error < 1e-8
    weight = np.array([1.0, 0.5, 2.0, 0.0, 3.0])
    assert gradcheck(MeanSquaredError(), batch(5, 4), batch(5, 4, seed=1), sample_weight=weight).error < 1e-8


@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_models_with_and_without_a_loss(factor):
    def model():
        layers = [Flatten(), Linear(6, 5), Sigmoid(), Scale(parameter_factor=factor), Linear(5, 3)]
        return Sequential(layers, input_shape=(2, 3), dtype=np.float64, seed=1)

    y = np.array([0, 2, 1, 1])
    for report in (
        gradcheck(model(), batch(4, 2, 3)),
        gradcheck(model(), batch(4, 2, 3), y, loss=SoftmaxCrossEntropy()),
        gradcheck(model(), batch(4, 2, 3), y, loss=SoftmaxCrossEntropy(), sample_weight=np.array([1.0, 2.0, 0.5, 1.0])),
    ):
        assert report.passed == (factor == 1.0), report
        names = [tensor.name for tensor in report.tensors]
        assert names == ["X", "1.weight", "1.bias", "3.v", "4.weight", "4.bias"]
        assert all((tensor.error > 1e-7) == (factor != 1 and tensor.name == "3.v") for tensor in report.tensors)


def test_a_wrong_loss_behind_a_model_is_caught():
    model = Sequential([Linear(3, 2)], input_shape=(3,), dtype=np.float64)
    assert not gradcheck(model, batch(4, 3), batch(4, 2, seed=1), loss=Cube(1.001))


def test_the_state_of_the_model_is_left_as_it_was():
    model = Sequential([Linear(6, 5), Dropout(0.3), RunningMean(), Linear(5, 2)], input_shape=(6,), dtype=np.float64)
    X = batch(4, 6)
    model.forward(X, training=True)
    before = copy.deepcopy(model)
    gradients = model.flat_gradients.copy()
    X_before = X.copy()
    report = gradcheck(model, X)
    assert report.passed, report
    assert np.array_equal(model.flat_parameters, before.flat_parameters)
    assert np.array_equal(model.flat_gradients, gradients)
    assert list(model.buffers()) == ["1.stream", "2.mean"]
    for name, A in model.buffers().items():
        assert np.array_equal(A, before.buffers()[name]), name
    assert np.array_equal(X, X_before)
    model.backward(batch(4, 2))  # what it recorded is still there


def test_a_loss_keeps_what_it_recorded():
    loss = MeanSquaredError()
    H, y = batch(3, 2), batch(3, 2, seed=1)
    loss.forward(H, y)
    G = loss.backward().copy()
    gradcheck(loss, 2 * H, y)
    assert np.array_equal(loss.backward(), G)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_checked_with_one_mask(training):
    assert gradcheck(Dropout(0.5), batch(6, 5), training=training).error < 1e-9


def test_randomness_that_cannot_be_held_is_refused():
    with pytest.raises(StateError, match="the same output for the same input, got two different ones"):
        gradcheck(Noisy(), batch(2, 3))


@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_several_inputs(factor):
    report = gradcheck(Product(factor), (batch(3, 2), batch(3, 2, seed=1)))
    assert [tensor.name for tensor in report.tensors] == ["X[0]", "X[1]"]
    assert report.passed == (factor == 1.0)


@pytest.mark.parametrize("distance", [1e-3, 1e-4, 1e-5])
def test_a_kink_nearby_does_no_harm_and_hides_nothing(distance):
    X = np.array([[distance, -distance, 1.0, -1.0, 2 * distance]])
    assert gradcheck(ReLU(), X, elementwise=True).passed
    wrong = Sequential([ReLU(), Scale(input_factor=1.001)], input_shape=(5,), dtype=np.float64)
    assert not gradcheck(wrong, X, elementwise=True).passed


def test_a_kink_at_the_very_point_is_said():
    class Absolute(Layer):
        def output_shape(self, input_shape):
            return input_shape

        def forward(self, X, call):
            return np.maximum(X, 0) ** 1.5

        def backward(self, G, call):
            return G * 0

    report = gradcheck(Absolute(), np.zeros((1, 3)), elementwise=True)
    assert report.tensors[0].unsettled > 0
    assert "did not settle: is there a kink?" in str(report)


def test_gradients_of_zero_pass():
    assert gradcheck(ReLU(), -1 - np.abs(batch(3, 4))).passed
    loss = MeanSquaredError()
    assert gradcheck(loss, batch(3, 2), batch(3, 2)).passed


def test_the_report_is_the_same_for_the_same_seed():
    first, again = (gradcheck(Scale(), batch(9, 8), elementwise=3, seed=4) for _ in range(2))
    assert str(first) == str(again)
    assert str(gradcheck(Scale(), batch(9, 8), elementwise=3, seed=5)) != str(first)


def test_float32_is_refused_with_the_remedy():
    X = batch(3, 4)
    with pytest.raises(DtypeError, match=r"expected X as an array of float64, got float32.*X\.astype\(np\.float64\)"):
        gradcheck(Scale(), X.astype(np.float32))
    with pytest.raises(
        DtypeError, match=r"expected X to be a NumPy array, got list\. Try np\.asarray\(X, dtype=np\.float64\)"
    ):
        gradcheck(Scale(), X.tolist())
    model = Sequential([Linear(4, 2)], input_shape=(4,))
    with pytest.raises(DtypeError, match=r"in float64, got float32. Build it with dtype=np.float64"):
        gradcheck(model, X)


@pytest.mark.parametrize(
    ("what", "arguments", "options", "error", "text"),
    [
        (Scale, (batch(2, 3), np.zeros(2)), {}, ConfigError, "both y and loss="),
        (Scale, (batch(2, 3),), {"loss": MeanSquaredError()}, ConfigError, "both y and loss="),
        (MeanSquaredError, (batch(2, 3),), {}, ConfigError, r"gradcheck\(loss, H, y\)"),
        (lambda: 3, (batch(2, 3),), {}, ConfigError, "a layer, a model or a loss, got int"),
        (Scale, (batch(2, 3),), {"directions": -1}, ConfigError, "directions to be a whole number >= 0"),
        (Scale, (batch(2, 3),), {"elementwise": 1.5}, ConfigError, "elementwise to be True, False or a count"),
        (Scale, (batch(2, 3),), {"directions": 0, "elementwise": 0}, ConfigError, "leave nothing to compare"),
        (Scale, (batch(2, 3),), {"h": 0}, ConfigError, "h between 0 and 1"),
        (Scale, (batch(2, 3),), {"tolerance": 2}, ConfigError, "tolerance between 0 and 1"),
        (lambda: Linear(4, 2), (batch(2, 3),), {}, ShapeError, "Linear"),
        (ReLU, (np.zeros((2, 3), np.int64),), {}, DtypeError, "ReLU"),
    ],
)
def test_wrong_arguments_are_named(what, arguments, options, error, text):
    with pytest.raises(error, match=text):
        gradcheck(what(), *arguments, **options)


class UsedUp(Scale):
    """Takes from its record what it has kept, as a list that is popped."""

    def forward(self, X, call):
        call.keep(stack=[X])
        return np.sin(X) * self.v.value

    def backward(self, G, call):
        call.keep(X=call.stack.pop())
        return super().backward(G, call)


class UsedUpLoss(Loss):
    """The mean of squares, with a record that one backward uses up."""

    def forward(self, H, y, call):
        call.keep(stack=[2 * (H - y) / len(H)])
        call.divisor = float(len(H))
        return float(((H - y) ** 2).sum() / len(H))

    def backward(self, call):
        return call.stack.pop()


@pytest.mark.parametrize("wrap", [lambda layer: layer, lambda layer: Sequential([Linear(4, 4), layer])])
@pytest.mark.parametrize("factor", [1.0, 1.1])
def test_a_record_that_is_used_up_by_one_backward(wrap, factor):
    model, X, y = wrap(UsedUp(parameter_factor=factor)), batch(3, 4), batch(3, 4, seed=1)
    assert gradcheck(model, X).passed == (factor == 1.0)
    assert gradcheck(wrap(UsedUp(parameter_factor=factor)), X, y, loss=UsedUpLoss()).passed == (factor == 1.0)
    assert gradcheck(UsedUpLoss(), X, y).passed


def test_a_long_check_shows_a_bar(capsys, monkeypatch):
    check = gradient_check
    gradcheck(Linear(4, 4), batch(3, 4))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(check, "PATIENCE", 1e-6)
    monkeypatch.setattr(check, "_bar", functools.partial(slow_bar, check._bar))
    gradcheck(Linear(4, 4), batch(3, 4), progress=False)
    assert capsys.readouterr().err == ""
    gradcheck(Linear(4, 4), batch(3, 4))
    said = capsys.readouterr()
    assert said.out == ""
    assert "gradcheck Linear:" in said.err
    assert "/44 [" in said.err  # 4 directions each of X, weight and bias; 12, 16 and 4 elements


def slow_bar(make, *arguments):
    """A bar that is drawn at every update."""
    bar = make(*arguments)
    bar.mininterval = 0
    return bar
