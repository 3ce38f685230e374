"""The passes round a layer's equations: what is checked, kept, handed out, and left alone."""

import copy
import inspect
import sys
import threading

import numpy as np
import pytest

import nnmat
from nnmat import GELU, AvgPool2d, Conv2d, Dropout, Layer, Linear, MaxPool2d, Parameter, Sequential, ShapeError, Sigmoid
from nnmat_kernels.runtime.launch import Recorder
from tests.composites import Added, TiedAutoencoder


@pytest.mark.parametrize(
    "make",
    [
        lambda: Linear(6, 6),
        lambda: GELU(),
        lambda: Conv2d(6, 6, 3, padding=1),
        lambda: MaxPool2d(3, 1, 1),
        lambda: AvgPool2d(3, 1, 1),
        lambda: Sequential([Linear(6, 6), Sigmoid()]),
        lambda: Sequential([Linear(6, 6), Sigmoid(), Linear(6, 6)]),
    ],
)
@pytest.mark.parametrize("part", [lambda A: A, lambda A: A[1:]])
def test_a_result_may_be_the_next_input(make, part, rng):
    """Whether the caller copies what it got makes no difference."""
    X, G = rng.standard_normal((2, 3, 4, 5, 6))

    def passes(given):
        """Iterated forward and backward; `given` is what becomes of a result before it is passed in again."""
        layer, found = make().build((4, 5, 6), rng=1, dtype=np.float64), []
        Y = layer.forward(X, training=True)
        found.append(layer.forward(given(part(Y)), training=True).copy())
        gX = layer.backward(given(part(G)), keep=True)
        found += [gX.copy(), *(p.grad.copy() for p in layer.parameters())]
        found.append(layer.backward(given(gX), keep=True).copy())
        gX = layer.backward(given(part(G)), keep=True)
        found.append(layer.forward(given(gX), training=True).copy())
        found.append(layer.backward(given(part(G))).copy())
        return [*found, *(p.grad for p in layer.parameters())]

    for A, B in zip(passes(lambda A: A), passes(np.copy), strict=True):
        np.testing.assert_array_equal(A, B)


def test_a_result_for_several_inputs_may_be_the_next_input(rng):
    one, other = (Added(4).build(((4,), (4,)), rng=1, dtype=np.float64) for _ in range(2))
    X, G = tuple(rng.standard_normal((2, 3, 4))), rng.standard_normal((3, 4))
    for layer, given in ((one, lambda A: A), (other, np.copy)):
        layer.forward(X, training=True)
        layer.forward(tuple(map(given, layer.backward(G))), training=True)
        layer.backward(-G, keep=True)
        layer.backward(-G)  # the first one wrote the input gradient
    np.testing.assert_array_equal(one.flat_gradients, other.flat_gradients)


class Scale(Layer):
    """Y = X diag(w); `seen` are the calls that its equations got."""

    def __init__(self):
        super().__init__()
        self.weight, self.seen = Parameter("weight"), []

    def output_shape(self, input_shape):
        return input_shape

    def own_parameters(self):
        return [self.weight]

    def declare(self, input_shape, rng):
        self.weight.declare(input_shape, lambda rng, shape: rng.standard_normal(shape))

    def forward(self, X, call):
        self.seen.append(call)
        call.keep(X=X)
        return X * self.weight.value

    def backward(self, G, call):
        self.seen.append(call)
        if gw := call.into(self.weight):
            gw.write((G * call.X).sum(axis=0))
        return G * self.weight.value if call.wants_input else None


class Residual(Layer):
    """Y = X + F(X)."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def output_shape(self, input_shape):
        return input_shape

    def named_children(self):
        return [("inner", self.inner)]

    def forward(self, X, call):
        return X + self.inner.forward(X, call)

    def backward(self, G, call):
        return G + self.inner.backward(G, call)


def test_a_layer_of_ones_own_is_called_as_every_layer(rng):
    layer = Scale().build((4,), dtype=np.float64)
    w, (X, G) = layer.weight.value, rng.standard_normal((2, 3, 4))
    np.testing.assert_array_equal(layer.forward(X), X * w)
    np.testing.assert_array_equal(layer(X, training=True), X * w)
    np.testing.assert_array_equal(layer.backward(G, keep=True), G * w)
    np.testing.assert_array_equal(layer.weight.grad, (G * X).sum(axis=0))
    layer.backward(G, accumulate=True, keep=True)
    np.testing.assert_array_equal(layer.weight.grad, 2 * (G * X).sum(axis=0))
    layer.backward(G, parameters=False, keep=True)
    np.testing.assert_array_equal(layer.weight.grad, 2 * (G * X).sum(axis=0))
    assert layer.backward(G, input_gradient=False) is None


def test_a_container_of_ones_own(rng):
    model = Sequential([Residual(Sequential([Scale(), Linear(4, 4)])), Linear(4, 2)], (4,), dtype=np.float64)
    assert [p.name for p in model.parameters()][:2] == ["0.inner.0.weight", "0.inner.1.weight"]
    assert nnmat.gradcheck(model, rng.standard_normal((3, 4))).passed
    assert [layer.kind for layer in model.modules()] == [
        "Sequential", "Residual", "Sequential", "Scale", "Linear", "Linear"
    ]  # fmt: skip
    assert [layer.kind for layer in model.children()] == ["Residual", "Linear"]
    assert [layer.kind for layer in model[0].children()] == ["Sequential"]
    assert model[1].children() == []


def test_a_nested_call_belongs_to_the_pass_of_its_container(rng):
    part = Scale()
    model = Residual(part).build((4,), dtype=np.float64)
    X = rng.standard_normal((3, 4))
    model.forward(X, training=True)
    model.backward(X, accumulate=True)
    model.forward(X, training=False, record=True)
    model.backward(X, parameters=False)
    model.forward(X, training=True, record=False)
    model.forward(X)
    first, second, third, fourth, *alone = part.seen
    assert first is second  # forward and its backward
    assert third is fourth
    assert len({first, third, *alone}) == 4  # each pass has its own
    assert [call.record for call in part.seen] == [True, True, True, True, False, False]
    assert [call.training for call in part.seen] == [True, True, False, False, True, False]
    assert first.accumulate
    assert not third.wants_parameters


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("parameters", [False, True])
@pytest.mark.parametrize("input_gradient", [False, True])
def test_what_is_asked_of_a_container_reaches_its_parts(accumulate, parameters, input_gradient, rng):
    class First(Residual):
        def forward(self, X, call):
            return self.inner.forward(X, call)

        def backward(self, G, call):
            return self.inner.backward(G, call, input_gradient=call.wants_input)

    part, X = Scale(), rng.standard_normal((3, 4))
    model = First(part).build((4,), dtype=np.float64)
    model.forward(X, training=True)
    model.flat_gradients[...] = 1
    gX = model.backward(X, accumulate, parameters, input_gradient)
    call = part.seen[-1]
    assert (call.accumulate, call.wants_parameters, call.wants_input) == (accumulate, parameters, input_gradient)
    assert (gX is not None) == input_gradient
    expected = (X * X).sum(axis=0) + accumulate if parameters else np.ones(4)
    np.testing.assert_allclose(part.weight.grad, expected, rtol=1e-12)


def test_a_frozen_part(rng):
    class Half(Residual):
        def backward(self, G, call):
            return G + self.inner.backward(G, call, parameters=False)

    model = Half(Scale()).build((4,), dtype=np.float64)
    X = rng.standard_normal((3, 4))
    model.forward(X, training=True)
    np.testing.assert_array_equal(model.backward(X), X + X * model.inner.weight.value)
    assert not model.flat_gradients.any()


def test_checks_act_on_the_outermost_call_only(monkeypatch, rng):
    model = Sequential([Linear(4, 4), Sequential([Dropout(0.1), Linear(4, 4)]), Sigmoid()], input_shape=(4,))
    checked = []
    passes = sys.modules["nnmat.layers.passes"]
    check = passes.check_batch
    monkeypatch.setattr(passes, "check_batch", lambda layer, *rest: checked.append(layer.kind) or check(layer, *rest))
    X = rng.standard_normal((3, 4)).astype(np.float32)
    model.forward(X, training=True)
    model.backward(X)
    model.forward(X)
    assert checked == ["Sequential"] * 3


@pytest.mark.parametrize("bad", [np.zeros((3, 5)), np.zeros((3, 4), np.float32), [[0.0] * 4] * 3])
def test_what_a_container_of_ones_own_passes_on_is_checked_before_a_kernel_sees_it(bad, rng):
    class Careless(Residual):
        def forward(self, X, call):
            return self.inner.forward(X if self.good else bad, call)

        def backward(self, G, call):
            return self.inner.backward(bad, call)

    model = Sequential([Careless(Linear(4, 4))], input_shape=(4,), dtype=np.float64)
    X = rng.standard_normal((3, 4))
    for record in (False, True):
        model[0].good = False
        with pytest.raises((nnmat.ShapeError, nnmat.DtypeError), match=r"^Linear '0.inner': expected X"):
            model.forward(X, record=record)
    model[0].good = True
    model.forward(X, training=True)
    with pytest.raises((nnmat.ShapeError, nnmat.DtypeError), match=r"^Linear '0.inner': expected G"):
        model.backward(X)


def test_a_part_without_a_record_is_named(rng):
    class Forgetful(Residual):
        def forward(self, X, call):
            return X

    model = Forgetful(Linear(4, 4)).build((4,), dtype=np.float64)
    X = rng.standard_normal((3, 4))
    model.forward(X, training=True)
    with pytest.raises(nnmat.StateError, match="^Linear 'inner': backward needs a recorded forward"):
        model.backward(X)


def test_a_layer_called_twice_in_a_pass_is_refused_where_a_backward_may_follow(rng):
    class Twice(Residual):
        """F(F(X)), rightly differentiated, if a part held two records."""

        def forward(self, X, call):
            return self.inner.forward(self.inner.forward(X, call), call)

        def backward(self, G, call):
            return self.inner.backward(self.inner.backward(G, call), call)

    for inner in (Linear(4, 4), Sequential([Linear(4, 4), Sigmoid()]), Scale()):
        twin = copy.deepcopy(inner).build((4,), dtype=np.float64)
        model, X = Twice(inner).build((4,), dtype=np.float64), rng.standard_normal((3, 4))
        twin.flat_parameters[...] = model.flat_parameters
        np.testing.assert_array_equal(model.forward(X), twin.forward(twin.forward(X)))
        with pytest.raises(nnmat.StateError, match=rf"^{inner.kind} 'inner': it is called twice in one pass"):
            model.forward(X, training=True)
        with pytest.raises(nnmat.StateError, match="^Twice: backward needs a recorded forward"):
            model.backward(X)


def test_keep_reaches_the_parts(rng):
    model = Sequential([Residual(Sequential([Scale(), Linear(4, 4)])), Linear(4, 2)], (4,), dtype=np.float64)
    X, G = rng.standard_normal((3, 4)), rng.standard_normal((3, 2))
    model.forward(X, training=True)
    first = model.backward(G, keep=True)
    np.testing.assert_array_equal(model.backward(G), first)
    with pytest.raises(nnmat.StateError, match="^Sequential: backward needs a recorded forward"):
        model.backward(G)
    with pytest.raises(nnmat.StateError, match="^Scale '0.inner.0': backward needs a recorded forward"):
        model[0].inner[0].backward(X)


def test_a_part_that_changes_what_it_got_changes_no_record(rng):
    """What a container from outside gets of its parts is its own, as for any caller."""

    class Scribbling(Residual):
        def forward(self, X, call):
            Y = self.inner.forward(X, call)
            Y += X
            return Y

        def backward(self, G, call):
            gX = self.inner.backward(G, call)
            gX += G
            return gX

    X = rng.standard_normal((3, 4))
    model = Scribbling(Sequential([Linear(4, 4), Sigmoid()])).build((4,), dtype=np.float64)
    assert nnmat.gradcheck(model, X).passed


@pytest.mark.parametrize("record", [False, True])
def test_a_layer_of_ones_own_that_returns_an_array_of_its_own(record, rng):
    class Constant(Layer):
        def __init__(self):
            super().__init__()
            self.result = np.arange(12.0).reshape(3, 4)

        def output_shape(self, input_shape):
            return input_shape

        def forward(self, X, call):
            return self.result

        def backward(self, G, call):
            return self.result

    layer = Constant()
    model = Sequential([Linear(4, 4), layer], (4,), dtype=np.float64)
    X = rng.standard_normal((3, 4))
    for A in (model.forward(X, record=record), layer.forward(X, record=record)):
        assert not np.shares_memory(A, layer.result)
    if record:
        assert not np.shares_memory(layer.backward(X), layer.result)


def test_a_derived_class_reaches_the_equations_that_it_overrides(rng):
    class Doubled(Scale):
        def forward(self, X, call):
            call.keep(mask=1)
            return 2 * super().forward(X, call)

        def backward(self, G, call):
            assert call.mask == 1
            return 2 * super().backward(2 * G, call) / 2

    layer = Doubled().build((4,), dtype=np.float64)
    X = rng.standard_normal((3, 4))
    np.testing.assert_array_equal(layer.forward(X), 2 * X * layer.weight.value)
    assert nnmat.gradcheck(layer, X).passed
    assert nnmat.gradcheck(Sequential([layer.__class__(), Linear(4, 2)], (4,), dtype=np.float64), X).passed


def test_nothing_kept_in_an_earlier_pass_is_seen(rng):
    class Masked(Layer):
        def output_shape(self, input_shape):
            return input_shape

        def forward(self, X, call):
            if call.training:
                call.keep(mask=X > 0)
            return X * (X > 0) if call.training else X + 0

        def backward(self, G, call):
            return G * getattr(call, "mask", 1)

    layer, X = Masked().build((4,), dtype=np.float64), rng.standard_normal((3, 4))
    layer.forward(X, training=True)
    np.testing.assert_array_equal(layer.backward(X), X * (X > 0))
    layer.forward(X, training=False, record=True)
    np.testing.assert_array_equal(layer.backward(X), X)


def test_a_forward_that_fails_leaves_no_record(rng):
    class Once(Scale):
        def forward(self, X, call):
            if self.fails:
                raise ZeroDivisionError
            return super().forward(X, call)

    model = Sequential([Linear(4, 4), Once(), Sigmoid()], input_shape=(4,), dtype=np.float64)
    X = rng.standard_normal((3, 4))
    model[1].fails = False
    model.forward(X, training=True)
    with pytest.raises(nnmat.ShapeError):  # refused before anything is done
        model.forward(X.T, training=True)
    model.backward(X)
    model[1].fails = True
    with pytest.raises(ZeroDivisionError):
        model.forward(X, training=True)
    with pytest.raises(nnmat.StateError, match="backward needs a recorded forward"):
        model.backward(X)


def everything_seen(model, X, G):
    """What the layers hand on in a forward and a backward, as an observer sees it, and what the caller gets."""
    seen = []
    with nnmat.observe(lambda layer, Y: seen.append(Y), lambda layer, gX: seen.append(gX)):
        seen += [model.forward(X, training=True), model.backward(G)]
    return seen


def test_arrays_of_a_pass_stay_what_they_are(rng):
    layers = [Conv2d(2, 3, 3), nnmat.ReLU(), MaxPool2d(2), nnmat.Flatten(), Dropout(0.5), Linear(None, 4), Sigmoid()]
    parts = [Linear(4, 4), None]
    layers += [nnmat.Add(parts), nnmat.Concatenate([None, Linear(4, 2)]), nnmat.Softmax(), GELU()]
    model = Sequential(layers, input_shape=(6, 6, 2), dtype=np.float64)
    seen, copies = [], []
    for _ in range(3):
        X = rng.standard_normal((3, 6, 6, 2))
        G = rng.standard_normal((3, 6))
        seen += [X, G, *everything_seen(model, X, G)]
        copies += [A.copy() for A in seen[len(copies) :]]
    assert len(seen) == 3 * (4 + 2 * 14)
    for A, B in zip(seen, copies, strict=True):
        np.testing.assert_array_equal(A, B)


@pytest.mark.parametrize("record", [False, True])
def test_a_caller_gets_an_array_of_its_own_and_no_copy_where_nobody_else_has_it(record, rng):
    X, G = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
    for layer in (Linear(4, 4), nnmat.Flatten(), Dropout(0.3), nnmat.Add([None]), Sequential([Linear(4, 4)])):
        seen = []
        layer.build((4,), dtype=np.float64)
        with nnmat.observe(lambda layer, Y, to=seen: to.append(Y), lambda layer, gX, to=seen: to.append(gX)):
            Y = layer.forward(X, record=record)
            found = [Y, layer.backward(G)] if record else [Y]
        fresh = isinstance(layer, Linear | Sequential)
        assert (Y is seen[len(seen) // 2 - 1 if record else -1]) == (fresh and not record)
        assert (found[-1] is seen[-1]) == fresh
        for A, given in zip(found, (X, G), strict=False):
            assert A.base is None
            assert not np.shares_memory(A, given)


def test_two_gradients_of_several_inputs_are_two_arrays(rng):
    model = Sequential([nnmat.Add(), Linear(4, 4)], ((4,), (4,)), dtype=np.float64)
    X, G = tuple(rng.standard_normal((2, 3, 4))), rng.standard_normal((3, 4))
    model.forward(X, training=True)
    first, second = model.backward(G)
    assert not np.shares_memory(first, second)


def test_what_was_kept_is_given_back_when_it_was_used(rng):
    model = Sequential([Linear(4, 4), Sigmoid()], input_shape=(4,), dtype=np.float64)
    X = rng.standard_normal((3, 4))
    G = model.forward(X, training=True)
    assert model[0].recorded()[0] is X
    model.backward(G, keep=True)
    assert model[0].recorded()[0] is X
    model.backward(G)
    assert model[0].recorded() == model[1].recorded() == (None, None)
    model.forward(X, training=True)
    model[0].drop_record()
    assert model[0].recorded() == (None, None)
    with pytest.raises(nnmat.StateError, match="^Linear '0': backward needs a recorded forward"):
        model.backward(G)


def test_all_work_of_built_in_layers_is_seen_by_a_recorder(rng):
    """The results come from operations and from nothing else, copies for the caller included."""
    part = Linear(6, 6)
    layers = [Conv2d(2, 3, 3, padding=1), nnmat.Tanh(), AvgPool2d(2), nnmat.Flatten(), Linear(None, 6), part]
    layers += [nnmat.Tied(part), Dropout(0.5), nnmat.Concatenate([nnmat.LeakyReLU(), None]), nnmat.Softmax()]
    model = Sequential(layers, input_shape=(4, 4, 2), dtype=np.float64)
    assert all(layer.recordable for layer in model.modules())
    X, G = rng.standard_normal((3, 4, 4, 2)), rng.standard_normal((3, 12))
    with Recorder() as recorder:
        Y = model.forward(X, training=True)
        gX = model.backward(G)
    made = [A for operation in recorder.operations for A in operation.made.values()]
    assert any(A is Y for A in made)
    assert any(A is gX for A in made)
    written = [operation.arguments[name] for operation in recorder.operations for name in operation.driver.writes]
    for p in model.parameters():
        assert any(A is not None and np.shares_memory(A, p.grad) for A in written), p.name


def state(model):
    """All that a pass may write to a model and its parts, as it is now."""
    found = []
    for layer in model.modules():
        found.append(({**layer.__dict__}, {**layer._call.__dict__}))
    return found


@pytest.mark.parametrize("training", [False, True])
def test_threads_may_share_a_model_whose_passes_are_not_recorded(training, rng):
    layers = [Residual(Linear(6, 6)), Linear(6, 8), Sigmoid(), Dropout(0.3), Linear(8, 4), TiedAutoencoder(3)]
    model = Sequential(layers, input_shape=(6,), dtype=np.float64)
    inputs = [rng.standard_normal((5 + i, 6)) for i in range(4)]
    model.forward(inputs[0], training=True)
    before = state(model)
    expected = [model.forward(X, training, record=False) for X in inputs]
    wrong = []

    def run(X, Y):
        for _ in range(200):
            if not np.array_equal(model.forward(X, training, record=False), Y):
                wrong.append(X)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=run, args=pair) for pair in zip(inputs, expected, strict=True)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    finally:
        sys.setswitchinterval(interval)
    assert not wrong
    for was, now in zip(before, state(model), strict=True):
        for attributes, attributes_now in zip(was, now, strict=True):
            assert attributes.keys() == attributes_now.keys()
            assert all(attributes_now[name] is value for name, value in attributes.items())
    assert len(before) == 11


@pytest.mark.parametrize("cls", [Linear, Conv2d, Sequential, Scale, Residual])
def test_callers_see_their_own_signature_and_readers_the_equations(cls):
    forward, backward = inspect.signature(cls.forward), inspect.signature(cls.backward)
    assert list(forward.parameters) == ["self", "X", "training", "record"]
    assert list(backward.parameters) == ["self", "G", "accumulate", "parameters", "input_gradient", "keep"]
    assert forward == inspect.signature(Layer.forward)
    assert cls.forward.__doc__ == Layer.forward.__doc__
    assert cls.backward.__doc__.startswith("gX = the derivative of the recorded forward")
    assert "def forward(self, X, call" in inspect.getsource(cls.forward)
    assert "def backward(self, G, call" in inspect.getsource(cls.backward)
    assert cls.forward.__qualname__ == f"{cls.__name__}.forward"


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("_forward", r"forward\(self, X, call\)"),
        ("_backward", r"backward\(self, G, call\)"),
        ("_declare", r"declare\(self, input_shape, rng\)"),
        ("_own_parameters", r"own_parameters\(self\)"),
        ("_own_buffers", r"own_buffers\(self\)"),
        ("_parts", r"named_children\(self\)"),
        ("_children", r"named_children\(self\) and, .* child_shapes\(self, input_shape\)"),
        ("leaves", r"modules\(self\)"),
    ],
)
def test_a_class_with_an_old_method_is_refused_when_it_is_made(name, new):
    text = rf"^Mine: expected {new}.*, got {name}, which stood for it in an earlier version.*docs/tour\.md"
    for base in (Layer, Linear, Scale):
        with pytest.raises(nnmat.ConfigError, match=text):
            type("Mine", (base,), {name: lambda self: None})


@pytest.mark.parametrize(
    ("method", "text"),
    [
        (("forward", lambda self, X: X), r"^Mine: expected forward\(self, X, call\), got forward\(self, X\)\."),
        (
            ("backward", lambda self, G: G),
            r"^Mine: expected backward\(self, G, call\), got backward\(self, G\)\. See docs/tour\.md",
        ),
        (("forward", 3), r"^Mine: expected forward\(self, X, call\), got forward = 3"),
    ],
)
def test_equations_that_take_no_call_are_refused_when_the_class_is_made(method, text):
    with pytest.raises(nnmat.ConfigError, match=text):
        type("Mine", (Layer,), dict([method]))


def test_a_class_without_equations_is_abstract():
    class Half(Layer):
        def output_shape(self, input_shape):
            return input_shape

        def forward(self, X, call):
            return X

    with pytest.raises(TypeError, match=r"abstract.*backward"):
        Half()


@pytest.mark.parametrize("below", [Layer, Linear])
def test_the_equations_of_a_mixin_are_wrapped_like_any_other(below, rng):
    class Doubling:
        def forward(self, X, call):
            call.keep(X=X)
            return 2 * X

        def backward(self, G, call):
            return 2 * G

        def output_shape(self, input_shape):
            return input_shape

    Mixed = type("Mixed", (Doubling, below), {})
    arguments = (3, 3) if below is Linear else ()
    X = rng.standard_normal((4, 3)).astype(np.float32)
    alone = Mixed(*arguments).build((3,))
    inside = Sequential([Mixed(*arguments)], input_shape=(3,))
    for model in (alone, inside):
        np.testing.assert_array_equal(model.forward(X, training=True), 2 * X)
        np.testing.assert_array_equal(model.backward(X), 2 * X)
        with pytest.raises(ShapeError):
            model.forward(X[:, :2])


class Returning(Layer):
    """A layer of one's own whose passes return whatever it is told to."""

    def __init__(self, Y=None, gX=None):
        super().__init__()
        self.Y, self.gX = Y, gX

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, X, call):
        return X if self.Y is None else self.Y

    def backward(self, G, call):
        return G if self.gX is None else self.gX


@pytest.mark.parametrize(
    ("A", "error", "text"),
    [
        (np.zeros((2, 4)), nnmat.DtypeError, r"of dtype float32, got float64"),
        (np.zeros((2, 5), np.float32), nnmat.ShapeError, r"of shape \(2, 4\), got \(2, 5\)"),
        (np.zeros((1, 4), np.float32), nnmat.ShapeError, r"of shape \(2, 4\), got \(1, 4\)"),
        ([[0.0] * 4] * 2, nnmat.DtypeError, r"to be a NumPy array, got list"),
    ],
)
def test_what_a_layer_of_ones_own_returns_is_checked_before_a_kernel_sees_it(A, error, text):
    X = np.ones((2, 4), np.float32)
    for returning, name in ((Returning(Y=A), "forward"), (Returning(gX=A), "backward")):
        model = Sequential([Linear(4, 4), returning, Linear(4, 4)], input_shape=(4,))
        with pytest.raises(error, match=rf"Returning '1': expected the result of {name} {text}"):
            model.backward(model.forward(X, training=True))


def test_what_a_layer_of_ones_own_returns_is_made_contiguous(rng):
    Y = np.asfortranarray(rng.standard_normal((2, 4)).astype(np.float32))
    model = Sequential([Returning(Y=Y), Linear(4, 3)], input_shape=(4,))
    expected = Y @ model[1].weight.value.T + model[1].bias.value
    np.testing.assert_allclose(model.forward(np.ones((2, 4), np.float32)), expected, rtol=1e-5)
