"""The losses: contract, gradients, options, errors."""

import inspect
import json

import numpy as np
import pytest

from nnmat import (
    L1,
    SGD,
    Huber,
    KLDivergence,
    Linear,
    MeanSquaredError,
    PoissonNegativeLogLikelihood,
    Sequential,
    SigmoidBinaryCrossEntropy,
    SmoothL1,
    SoftmaxCrossEntropy,
    Trainer,
    compile_step,
    gradcheck,
)
from nnmat.errors import ConfigError, DtypeError, LabelError, ShapeError, StateError
from nnmat.losses import Loss


def labels(rng, shape):
    return rng.integers(0, shape[-1], shape[:-1])


def targets(rng, shape):
    return rng.uniform(0, 1, shape)


def labels_of_entries(rng, shape):
    return rng.poisson(1.5, shape)


# loss for M classes, targets for it
CASES = {
    "labels": (lambda M: SoftmaxCrossEntropy(), labels),
    "targets": (lambda M: SoftmaxCrossEntropy(), targets),
    "labels, smoothing": (lambda M: SoftmaxCrossEntropy(label_smoothing=0.2), labels),
    "labels, ignored": (lambda M: SoftmaxCrossEntropy(ignore_index=0), labels),
    "labels, classes": (lambda M: SoftmaxCrossEntropy(class_weight=np.linspace(0.5, 2, M)), labels),
    "labels, all": (lambda M: SoftmaxCrossEntropy(0.1, ignore_index=0, class_weight=np.linspace(0.5, 2, M)), labels),
    "targets, all": (lambda M: SoftmaxCrossEntropy(0.1, class_weight=np.linspace(0.5, 2, M)), targets),
    "binary": (lambda M: SigmoidBinaryCrossEntropy(), targets),
    "binary, weight": (lambda M: SigmoidBinaryCrossEntropy(positive_weight=3.0), targets),
    "squares": (lambda M: MeanSquaredError(), targets),
    "absolute": (lambda M: L1(), targets),
    "huber": (lambda M: Huber(0.7), targets),
    "smooth": (lambda M: SmoothL1(0.7), targets),
    "divergence": (lambda M: KLDivergence(), targets),
    "divergence, logarithms": (lambda M: KLDivergence(log_target=True), targets),
    "counts": (lambda M: PoissonNegativeLogLikelihood(full=True), labels_of_entries),
}
SUMS = {
    "labels, sum": (lambda M: SoftmaxCrossEntropy(0.1, ignore_index=0, reduction="sum"), labels),
    "targets, sum": (lambda M: SoftmaxCrossEntropy(class_weight=np.linspace(0.5, 2, M), reduction="sum"), targets),
    "binary, sum": (lambda M: SigmoidBinaryCrossEntropy(np.linspace(0.5, 2, M), reduction="sum"), targets),
    "squares, sum": (lambda M: MeanSquaredError(reduction="sum"), targets),
    "huber, sum": (lambda M: Huber(0.5, reduction="sum"), targets),
    "divergence, sum": (lambda M: KLDivergence(reduction="sum"), targets),
    "counts, sum": (lambda M: PoissonNegativeLogLikelihood(reduction="sum"), labels_of_entries),
}
ENTRIES = {name: case for name, case in {**CASES, **SUMS}.items() if not name.startswith(("labels", "targets"))}
SHAPES = [(1, 2), (7, 5), (2, 3, 4), (40, 1), (1, 50)]


@pytest.mark.parametrize("case", [*CASES, *SUMS])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_the_slopes_of_the_values(rng, case, shape):
    make, draw = {**CASES, **SUMS}[case]
    H, y, loss = 2 * rng.normal(size=shape), draw(rng, shape), make(shape[-1])
    if shape[-1] == 1 and isinstance(loss, SoftmaxCrossEntropy):
        with pytest.raises(ShapeError, match=r"got shape \(40, 1\): .* SigmoidBinaryCrossEntropy"):
            loss.forward(H, y)
        return
    for s in (None, rng.uniform(0, 2, shape[:-1]), *([rng.uniform(0, 2, shape)] if case in ENTRIES else [])):
        report = gradcheck(loss, H, y, sample_weight=s)
        assert report.passed, str(report)
        assert report.error < 1e-7


@pytest.mark.parametrize("case", [*CASES, *SUMS])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contract(rng, case, dtype):
    make, draw = {**CASES, **SUMS}[case]
    loss = make(5)
    assert isinstance(loss, Loss)
    H, y = rng.normal(size=(6, 5)).astype(dtype), draw(rng, (6, 5))
    H_before, y_before = H.copy(), y.copy()
    with pytest.raises(StateError, match=rf"^{type(loss).__name__}: backward needs.*Call forward\(H, y\) first"):
        loss.backward()
    value, G = loss.forward(H, y), loss.backward()
    assert type(value) is float
    assert type(loss.divisor) is float
    assert G.dtype == dtype
    assert G.shape == H.shape
    assert (H_before == H).all()
    assert (y == y_before).all()
    assert loss.backward() is G
    kept = G.copy()
    loss.forward(2 * H, y)
    assert (kept == G).all()  # a later forward leaves an earlier gradient alone
    with pytest.raises(ShapeError):
        loss.forward(H[0], y)
    with pytest.raises(StateError):  # and no gradient of an older forward is handed out
        loss.backward()
    json.dumps(loss.config())
    again = type(loss)(**loss.config())
    assert repr(again) == repr(loss)
    assert again.forward(H, y) == value


@pytest.mark.parametrize("case", CASES)
def test_parts_of_a_batch_add_up_by_their_divisors(rng, case):
    make, draw = CASES[case]
    loss, H, y, s = make(5), rng.normal(size=(20, 5)), draw(rng, (20, 5)), rng.uniform(0, 1, 20)
    whole, divisor = loss.forward(H, y, s), loss.divisor
    G = loss.backward()
    value, total, parts = 0.0, 0.0, []
    for part in (slice(0, 7), slice(7, 14), slice(14, 20)):
        value += loss.forward(H[part], y[part], s[part]) * loss.divisor
        total += loss.divisor
        parts.append(loss.backward() * loss.divisor)
    assert total == pytest.approx(divisor, rel=1e-13)
    assert value / total == pytest.approx(whole, rel=1e-13)
    np.testing.assert_allclose(np.concatenate(parts) / total, G, rtol=1e-12, atol=1e-16)


def unreduced(loss):
    """The same loss, with its values."""
    return type(loss)(**{**loss.config(), "reduction": "none"})


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", [(1, 2), (7, 5), (2, 3, 4)])
def test_values_and_their_cotangent(rng, case, shape):
    make, draw = CASES[case]
    H, y, loss = 2 * rng.normal(size=shape), draw(rng, shape), make(shape[-1])
    values, s = unreduced(loss), rng.uniform(0.5, 2, shape[:-1])
    total = type(loss)(**{**loss.config(), "reduction": "sum"})
    for weight in (None, s, *([rng.uniform(0, 2, shape)] if case in ENTRIES else [])):
        L = values.forward(H, y, weight)
        assert L.shape == (shape if case in ENTRIES else shape[:-1])
        assert values.divisor == total.forward(H, y, weight) * 0 + 1
        assert L.sum() == pytest.approx(total.forward(H, y, weight), rel=1e-13)
        G = values.backward(np.ones_like(L))
        np.testing.assert_allclose(G, total.backward(), rtol=1e-12, atol=1e-15)
        mean = loss.forward(H, y, weight)
        columns = shape[-1] if case in ENTRIES and not isinstance(loss, KLDivergence) else 1
        assert L.sum() == pytest.approx(mean * loss.divisor * columns, rel=1e-12)
        report = gradcheck(values, H, y, sample_weight=weight)  # a random cotangent
        assert report.passed, str(report)


def test_the_cotangent_is_checked(rng):
    H, y, C = *rng.normal(size=(2, 4, 3)), rng.normal(size=(4, 3))
    loss = MeanSquaredError(reduction="none")
    with pytest.raises(StateError, match=r"Call forward\(H, y\) first"):
        loss.backward(C)
    loss.forward(H, y)
    with pytest.raises(
        ConfigError, match=r"^MeanSquaredError: expected backward\(C\) with the cotangent.*shape \(4, 3\)"
    ):
        loss.backward()
    with pytest.raises(ShapeError, match=r"^MeanSquaredError: expected C of shape \(4, 3\), .*got \(4,\)"):
        loss.backward(C[:, 0])
    with pytest.raises(DtypeError, match=r"expected C of dtype float64, got float32. Try C.astype\(np.float64\)"):
        loss.backward(C.astype(np.float32))
    np.testing.assert_array_equal(loss.backward(C[::-1]), loss.backward(C[::-1].copy()))
    for reduction in ("mean", "sum"):
        loss = MeanSquaredError(reduction=reduction)
        loss.forward(H, y)
        with pytest.raises(ConfigError, match=r"expected backward\(\) without a cotangent.*reduction=\"none\""):
            loss.backward(C)


def test_values_train_nothing():
    model = Sequential([Linear(3, 4)], input_shape=(3,), seed=0)
    loss = SoftmaxCrossEntropy(reduction="none")
    for make in (Trainer, compile_step):
        with pytest.raises(ConfigError, match=rf"^{make.__name__}: expected a loss that is one number, got SoftmaxCro"):
            make(model, loss, SGD(model))
    X, y = np.zeros((2, 3), np.float32), np.array([0, 3])
    L = loss.forward(model.forward(X, training=True), y)
    np.testing.assert_allclose(L, np.log(4) * np.ones(2), rtol=1e-6)
    model.backward(loss.backward(np.array([1, 0], np.float32)))
    np.testing.assert_allclose(model.parameters()[1].grad, [-0.75, 0.25, 0.25, 0.25], rtol=1e-6)


def test_a_loss_of_ones_own_with_values(rng):
    class Cubes(Loss):
        def forward(self, H, y, call):
            call.keep(H=H)
            call.divisor = 1.0
            return (H - y) ** 3

        def backward(self, call):
            return 3 * call.cotangent * (call.H - 1) ** 2

    assert gradcheck(Cubes(reduction="none"), rng.normal(size=(3, 2)), np.ones((3, 2))).passed


def test_positive_weights_of_columns(rng):
    H, y, w = rng.normal(size=(6, 3)), rng.integers(0, 2, (6, 3)), [0.5, 1.0, 3.0]
    loss = SigmoidBinaryCrossEntropy(w, reduction="none")
    L = loss.forward(H, y)
    for m in range(3):
        alone = SigmoidBinaryCrossEntropy(w[m], reduction="none").forward(H[:, m : m + 1], y[:, m])
        np.testing.assert_allclose(L[:, m : m + 1], alone, rtol=1e-14)
    with pytest.raises(ShapeError, match=r"expected positive_weight of shape \(4,\), got \(3,\)"):
        loss.forward(np.zeros((2, 4)), np.zeros((2, 4)))
    for bad in ([1.0, -1.0], [np.nan], [[1.0]], [np.inf, 1]):
        with pytest.raises(ConfigError, match=r"^SigmoidBinaryCrossEntropy: expected positive_weight as "):
            SigmoidBinaryCrossEntropy(bad)


def test_divisors():
    H = np.zeros((4, 3))
    y, w, s = np.array([0, 2, 2, 1]), np.array([1.0, 2, 4]), np.array([1, 0.5, 0, 2])
    for loss, weight, expected in [
        (SoftmaxCrossEntropy(), None, 4),
        (SoftmaxCrossEntropy(), s, 3.5),
        (SoftmaxCrossEntropy(ignore_index=2), None, 2),
        (SoftmaxCrossEntropy(class_weight=w), None, 1 + 4 + 4 + 2),
        (SoftmaxCrossEntropy(class_weight=w, ignore_index=1), s, 1 + 0.5 * 4 + 0),
        (SoftmaxCrossEntropy(class_weight=w, ignore_index=1, label_smoothing=0.3), s, 1 + 0.5 * 4 + 0),
    ]:
        loss.forward(H, y, weight)
        assert loss.divisor == expected
    Y = np.array([[0.5, 0, 0], [0, 1, 1], [0, 0, 0], [1, 1, 1]])
    loss = SoftmaxCrossEntropy()
    loss.forward(H, Y)
    assert loss.divisor == 4  # rows, whatever their sums
    loss = SoftmaxCrossEntropy(class_weight=w)
    loss.forward(H, Y)
    assert loss.divisor == pytest.approx(1 + 3 + 7 / 3 + 7 / 3)
    for loss in (MeanSquaredError(), SigmoidBinaryCrossEntropy()):
        loss.forward(H, Y)
        assert loss.divisor == 4
        loss.forward(H, Y, s)
        assert loss.divisor == 3.5


def test_values_by_hand():
    H = np.log(np.array([[1.0, 2, 5], [4, 4, 2]]))
    assert SoftmaxCrossEntropy().forward(H, np.array([2, 0])) == pytest.approx(-(np.log(5 / 8) + np.log(4 / 10)) / 2)
    assert SigmoidBinaryCrossEntropy().forward(np.zeros((3, 2)), np.ones((3, 2))) == pytest.approx(np.log(2))
    assert MeanSquaredError().forward(np.array([[1.0, 2], [3, 4]]), np.zeros((2, 2))) == pytest.approx(30 / 4)
    # a column of logits takes labels 0 and 1 without the last axis
    column = np.array([[0.0], [np.log(3)]])
    assert SigmoidBinaryCrossEntropy().forward(column, np.array([1, 1])) == pytest.approx(
        (np.log(2) + np.log(4 / 3)) / 2
    )


def test_check_targets():
    SoftmaxCrossEntropy().check_targets(np.array([0, 9, 3]), (10,))
    SoftmaxCrossEntropy(ignore_index=-1).check_targets(np.array([[0, -1], [3, 4]]), (2, 10))
    SoftmaxCrossEntropy().check_targets(np.ones((3, 10)), (10,))
    SigmoidBinaryCrossEntropy().check_targets(np.array([0, 1, 1]), (1,))
    MeanSquaredError().check_targets(np.zeros((3, 4)), (4,))
    for loss, y, shape, kind, text in [
        (
            SoftmaxCrossEntropy(),
            np.array([0, 10, 3]),
            (10,),
            LabelError,
            r"^SoftmaxCrossEntropy: .* 0 to 9, got 10 in row 1",
        ),
        (SoftmaxCrossEntropy(), np.array([0, 1]), (), ShapeError, r"last layer must give M numbers per row"),
        (SoftmaxCrossEntropy(), np.array([0, 1]), (5, 5, 3), ShapeError, r"labels y of shape \(2, 5, 5\), got \(2,\)"),
        (SoftmaxCrossEntropy(), np.array([0.5, 1]), (3,), ShapeError, r"Class labels are integers"),
        (SigmoidBinaryCrossEntropy(), np.array([0, 2]), (1,), LabelError, r"targets from 0 to 1, got 2 in row 1"),
        (MeanSquaredError(), np.zeros((3, 5)), (4,), ShapeError, r"^MeanSquaredError: .*\(3, 4\), got \(3, 5\)"),
        (MeanSquaredError(), np.array([["a"]]), (1,), DtypeError, r"^MeanSquaredError: .*got <U1"),
    ]:
        with pytest.raises(kind, match=text):
            loss.check_targets(y, shape)


def test_option_errors():
    for make, text in [
        (lambda: SoftmaxCrossEntropy(label_smoothing=1.1), r"SoftmaxCrossEntropy: expected label_smoothing .*got 1.1"),
        (
            lambda: SoftmaxCrossEntropy(label_smoothing="a"),
            r"label_smoothing as a finite number >= 0 and <= 1, got 'a'",
        ),
        (lambda: SoftmaxCrossEntropy(ignore_index=1.0), r"ignore_index as an integer or None, got 1.0"),
        (lambda: SoftmaxCrossEntropy(class_weight=[1, -1]), r"one finite number >= 0 per class, got \[1, -1\]. Try"),
        (lambda: SoftmaxCrossEntropy(class_weight="abc"), r"one finite number >= 0 per class, got 'abc'"),
        (lambda: SoftmaxCrossEntropy(class_weight=[[1.0]]), r"one finite number >= 0 per class"),
        (lambda: MeanSquaredError(reduction="avg"), r"expected reduction as one of 'mean', 'sum', 'none', got 'avg'"),
        (lambda: SigmoidBinaryCrossEntropy(positive_weight=-1), r"positive_weight as a finite number >= 0, got -1"),
    ]:
        with pytest.raises(ConfigError, match=text):
            make()
    with pytest.raises(ShapeError, match=r"^SoftmaxCrossEntropy: expected class_weight of shape \(3,\), got \(2,\)"):
        SoftmaxCrossEntropy(class_weight=[1, 2]).forward(np.zeros((4, 3)), np.zeros(4, int))


def test_a_loss_of_ones_own(rng):
    class MeanAbsoluteError(Loss):
        def forward(self, H, y, call):
            call.G, call.divisor = np.sign(H - y) / H.size, float(len(H))
            return float(np.abs(H - y).mean())

    report = gradcheck(MeanAbsoluteError(), rng.normal(size=(3, 4)), rng.normal(size=(3, 4)))
    assert report.passed, str(report)


class Sum(Loss):
    """L = L1 + a L2, with the divisor of the first."""

    def __init__(self, first, second, a):
        super().__init__()
        self.first, self.second, self.a = first, second, a

    def forward(self, H, y, call):
        value = self.first.forward(H, y, call) + self.a * self.second.forward(H, y, call)
        call.keep(parts=2)
        call.divisor = self.first.divisor
        return value

    def backward(self, call):
        assert call.parts == 2
        return self.first.backward(call) + self.a * self.second.backward(call)


def test_a_loss_made_of_losses(rng):
    H, y, s = rng.normal(size=(5, 3)), rng.random((5, 3)), rng.random(5)
    loss = Sum(MeanSquaredError(), SigmoidBinaryCrossEntropy(), 0.5)
    alone = MeanSquaredError().forward(H, y, s) + 0.5 * SigmoidBinaryCrossEntropy().forward(H, y, s)
    assert loss.forward(H, y, s) == alone
    assert loss.divisor == pytest.approx(s.sum())
    assert gradcheck(loss, H, y, sample_weight=s).passed


def test_a_derived_loss_reaches_the_equations_that_it_overrides(rng):
    class Doubled(MeanSquaredError):
        def forward(self, H, y, call):
            value = 2 * super().forward(H, y, call)
            call.G = 2 * call.G
            return value

    H, y = rng.normal(size=(2, 5, 3))
    assert Doubled().forward(H, y) == 2 * MeanSquaredError().forward(H, y)
    assert gradcheck(Doubled(), H, y).passed


def test_what_a_loss_of_ones_own_leaves_out_is_said():
    class Careless(Loss):
        def __init__(self, *, divisor=None, G=None):
            super().__init__()
            self.given = divisor, G

        def forward(self, H, y, call):
            call.divisor, call.G = self.given
            return 0.0

    H = np.zeros((2, 3))
    with pytest.raises(ConfigError, match=r"^Careless: expected forward to set call\.divisor.*float\(len\(y\)\)"):
        Careless(G=H).forward(H, H)
    loss = Careless(divisor=2.0)
    with pytest.raises(StateError, match="^Careless: backward needs the gradient of a forward"):
        loss.backward()
    assert loss.forward(H, H) == 0.0
    with pytest.raises(ConfigError, match=r"^Careless: expected forward to set call\.G, the gradient"):
        loss.backward()


def test_callers_of_a_loss_see_their_own_signature():
    for cls in (SoftmaxCrossEntropy, Sum):
        assert list(inspect.signature(cls.forward).parameters) == ["self", "H", "y", "sample_weight"]
        assert cls.forward.__doc__ == Loss.forward.__doc__
        assert "def forward(self, H, y, call)" in inspect.getsource(cls.forward)


def test_a_loss_with_an_old_method_is_refused_when_it_is_made():
    with pytest.raises(ConfigError, match=r"^Mine: expected forward\(self, H, y, call\) and .*, got _evaluate"):
        type("Mine", (Loss,), {"_evaluate": lambda self: None})
    with pytest.raises(ConfigError, match=r"^Mine: expected forward\(self, H, y, call\), got forward\(self, H, y\)"):
        type("Mine", (Loss,), {"forward": lambda self, H, y: 0.0})


def test_what_a_loss_keeps_belongs_to_one_forward(rng):
    class Sometimes(Loss):
        def forward(self, H, y, call):
            if y.any():
                call.keep(extra=1.0)
            call.G, call.divisor = H - y, float(len(H))
            return 0.0

        def backward(self, call):
            return call.G * getattr(call, "extra", 0.0)

    loss, H = Sometimes(), rng.standard_normal((2, 3))
    loss.forward(H, np.ones((2, 3)))
    assert loss.backward().any()
    loss.forward(H, np.zeros((2, 3)))
    assert not loss.backward().any()


def test_a_loss_cannot_keep_what_is_the_calls_own(rng):
    class Keeps(Loss):
        def forward(self, H, y, call):
            call.keep(divisor=3.0)
            return 0.0

    with pytest.raises(ConfigError, match=r"^call\.keep: divisor is the call's own\."):
        Keeps().forward(rng.standard_normal((2, 3)), np.zeros((2, 3)))


def test_a_loss_that_gives_a_number_for_no_reduction_is_told():
    class Total(Loss):
        def forward(self, H, y, call):
            call.divisor, call.G = 1.0, np.sign(H - y)
            return float(np.abs(H - y).sum())

    loss, H = Total(reduction="none"), np.ones((2, 2))
    with pytest.raises(ConfigError, match=r"Total: expected forward to return an array of losses .* got 4.0"):
        loss.forward(H, 0 * H)
    with pytest.raises(StateError):
        loss.backward(H)
