"""Compiled steps have the bits of steps by hand: layers, losses, optimizers, sizes, threads; and their errors."""

import copy
import gc
import itertools
import weakref

import numpy as np
import pytest

import nnmat as nm
import nnmat_kernels as k
from nnmat.programs.compiled_step import compile_step
from nnmat_kernels.runtime.config import settings

STEPS = 12
only_compiled = pytest.mark.skipif(bool(settings.DISABLE_JIT), reason="nothing is compiled")
OPTIMIZERS = {
    "SGD": lambda m: nm.SGD(m, lr=0.01),
    "momentum": lambda m: nm.SGD(m, lr=nm.schedules.Cosine(0.1, 40), momentum=0.9, nesterov=True, weight_decay=1e-3),
    "Adam, clipped": lambda m: nm.Adam(m, clip_norm=0.5),
    "AdamW": lambda m: nm.AdamW(m, lr=lambda step: 1e-3 / (1 + step)),
    "amsgrad, uphill": lambda m: nm.AdamW(m, amsgrad=True, maximize=True, clip_norm=0.5),
    "NAdam": lambda m: nm.NAdam(m, lr=nm.schedules.Cosine(0.01, 20)),
    "Adagrad": nm.Adagrad,
    "Lion": lambda m: nm.Lion(m, lr=nm.schedules.Cosine(0.01, 20), weight_decay=0.1),
    "Muon": lambda m: nm.Muon(m, lr=nm.schedules.Cosine(0.01, 20), clip_norm=0.5),
    "groups": lambda m: nm.AdamW(
        m,
        lr=nm.schedules.Cosine(0.01, 20),
        groups=[{"parameters": lambda p: p.name.endswith("bias"), "lr_factor": 0.3, "weight_decay": 0.1}],
    ),
    "RMSProp": lambda m: nm.RMSProp(m, momentum=0.9, centered=True, weight_decay={"bias": 0.1}),
}
LOSSES = {
    "labels": (nm.SoftmaxCrossEntropy, lambda rng, B, dtype: rng.integers(0, 10, B)),
    "targets": (nm.SoftmaxCrossEntropy, lambda rng, B, dtype: rng.dirichlet(np.ones(10), B).astype(dtype)),
    "squares": (nm.MeanSquaredError, lambda rng, B, dtype: rng.standard_normal((B, 10)).astype(dtype)),
    "binary": (nm.SigmoidBinaryCrossEntropy, lambda rng, B, dtype: rng.random((B, 10)).astype(dtype)),
}
MIDDLES = {
    "sigmoid": [nm.Sigmoid()],
    "tanh, dropout": [nm.Tanh(), nm.Dropout(0.3)],
    "gelu": [nm.GELU()],
    "softmax, relu": [nm.Softmax(), nm.ReLU()],
}


def dense(middle, dtype="float32", inner=32):
    layers = [nm.Linear(16, inner), *copy.deepcopy(middle), nm.Linear(inner, 10)]
    return nm.Sequential(layers, input_shape=(16,), seed=0, dtype=dtype)


def images(middle, dtype="float32"):
    layers = [
        nm.Conv2d(1, 8, 5), *copy.deepcopy(middle), nm.MaxPool2d(2), nm.Conv2d(8, 16, 3, stride=2, padding=1, groups=2),
        nm.LeakyReLU(), nm.AvgPool2d(2), nm.Flatten(), nm.Linear(None, 10),
    ]  # fmt: skip
    return nm.Sequential(layers, input_shape=(16, 16, 1), seed=0, dtype=dtype)


def by_hand(model, loss, optimizer, X, y, weight=None):
    value = loss.forward(model.forward(X, training=True), y, weight)
    model.backward(loss.backward())
    optimizer.step()
    return value


def compared(model, loss, optimizer, targets, rng, batches=(32, 32, 7), steps=STEPS):
    """Two copies, one compiled and one by hand, on the same batches."""
    other = copy.deepcopy(model)
    losses, optimizers = (loss(), loss()), (optimizer(model), optimizer(other))
    step = compile_step(model, losses[0], optimizers[0])
    for i in range(steps):
        B = batches[i % len(batches)]
        X = rng.standard_normal((B, *model.input_shape)).astype(model.dtype)
        y = targets(rng, B, model.dtype)
        assert step(X, y) == by_hand(other, losses[1], optimizers[1], X, y), i
        assert model.flat_parameters.tobytes() == other.flat_parameters.tobytes(), i
        assert model.flat_gradients.tobytes() == other.flat_gradients.tobytes(), i
    for name, A in model.buffers().items():
        assert A.tobytes() == other.buffers()[name].tobytes()
    for name, vector in optimizers[0].state_vectors().items():
        assert vector.tobytes() == optimizers[1].state_vectors()[name].tobytes()
    assert optimizers[0].steps == optimizers[1].steps == steps
    return step.why_not(X, y)


@only_compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("middle", MIDDLES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("make", [dense, images])
def test_layers_and_losses(make, loss, middle, dtype, rng):
    kind, targets = LOSSES[loss]
    assert compared(make(MIDDLES[middle], dtype), kind, OPTIMIZERS["momentum"], targets, rng) == ""


@only_compiled
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("make", [dense, images])
def test_optimizers(make, optimizer, rng):
    kind, targets = LOSSES["labels"]
    assert compared(make(MIDDLES["tanh, dropout"]), kind, OPTIMIZERS[optimizer], targets, rng, steps=24) == ""


@only_compiled
@pytest.mark.parametrize("inner", [1, 31, 2048, 3000])
@pytest.mark.parametrize("B", [1, 5, 64])
def test_sizes_on_both_sides_of_the_thresholds(inner, B, rng):
    kind, targets = LOSSES["labels"]
    assert compared(dense(MIDDLES["sigmoid"], inner=inner), kind, OPTIMIZERS["momentum"], targets, rng, (B,), 8) == ""


@only_compiled
@pytest.mark.parametrize("seed", range(12))
def test_models_of_any_depth(seed):
    rng = np.random.default_rng(seed)
    widths = [16, *rng.integers(1, 90, rng.integers(0, 12)), 10]
    activations = [nm.ReLU, nm.Sigmoid, nm.Tanh, nm.GELU, nm.LeakyReLU, lambda: nm.Dropout(0.2)]
    layers = []
    for N, M in itertools.pairwise(widths):
        layers += [nm.Linear(int(N), int(M), bias=bool(rng.integers(2))), activations[rng.integers(6)]()]
    model = nm.Sequential(layers, input_shape=(16,), seed=seed)
    kind, targets = LOSSES["squares"]
    optimizer = OPTIMIZERS[list(OPTIMIZERS)[seed % len(OPTIMIZERS)]]
    assert compared(model, kind, optimizer, targets, rng, (int(rng.integers(1, 70)),)) == ""


@only_compiled
def test_tied_and_frozen_parameters(rng):
    first = nm.Linear(16, 16)
    model = nm.Sequential([first, nm.Tanh(), nm.Tied(first), nm.Linear(16, 10)], input_shape=(16,), seed=1)
    kind, targets = LOSSES["labels"]
    assert compared(model, kind, OPTIMIZERS["momentum"], targets, rng) == ""
    model.parameters()[-1].trainable = False
    assert compared(model, kind, OPTIMIZERS["momentum"], targets, rng) == ""


@only_compiled
def test_what_changes_between_steps_counts(rng):
    model = dense(MIDDLES["sigmoid"])
    other = copy.deepcopy(model)
    kinds = [nm.SGD(m, lr=0.1, momentum=0.5) for m in (model, other)]
    losses = [nm.SoftmaxCrossEntropy(), nm.SoftmaxCrossEntropy()]
    step = compile_step(model, losses[0], kinds[0])
    for i in range(40):
        X, y = rng.standard_normal((8, 16)).astype("float32"), rng.integers(0, 10, 8)
        for m, o in zip((model, other), kinds, strict=True):
            if i == 8:
                o.lr = 0.01
            if i == 16:
                o.momentum = 0.9
            if i == 24:
                o.clip_norm = 0.1
            if i == 32:
                m.parameters()[0].trainable = False
        assert step(X, y) == by_hand(other, losses[1], kinds[1], X, y)
        assert model.flat_parameters.tobytes() == other.flat_parameters.tobytes(), i


@only_compiled
@pytest.mark.parametrize("threads", [1, 2])
def test_threads(threads, rng):
    before = k.get_num_threads()
    k.set_num_threads(min(threads, k.max_num_threads()))
    try:
        kind, targets = LOSSES["labels"]
        model = nm.Sequential([nm.Linear(400, 300), nm.ReLU(), nm.Linear(300, 10)], input_shape=(400,))
        assert compared(model, kind, OPTIMIZERS["Adam, clipped"], targets, rng, (256, 100)) == ""
    finally:
        k.set_num_threads(before)


class Doubled(nm.Layer):
    """2 X, computed with NumPy."""

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, X, call):
        return 2 * X

    def backward(self, G, call):
        return 2 * G


class Claimed(Doubled):
    recordable = True


def test_layers_that_compute_in_python_run_by_hand(rng):
    kind, targets = LOSSES["labels"]
    model = nm.Sequential([nm.Linear(16, 16), Doubled(), nm.Linear(16, 10)], input_shape=(16,))
    told = compared(model, kind, OPTIMIZERS["momentum"], targets, rng)
    assert told in ("Doubled '1' computes in Python (recordable is False)", "NUMBA_DISABLE_JIT is set")


@only_compiled
@pytest.mark.parametrize("weights", [True, False])
def test_sample_weights(weights, rng):
    model = dense(MIDDLES["sigmoid"])
    other, losses = copy.deepcopy(model), [nm.SoftmaxCrossEntropy(), nm.SoftmaxCrossEntropy()]
    optimizers = [nm.SGD(m, lr=0.1) for m in (model, other)]
    step = compile_step(model, losses[0], optimizers[0])
    for _ in range(6):
        X, y = rng.standard_normal((8, 16)).astype("float32"), rng.integers(0, 10, 8)
        w = rng.random(8).astype("float32") if weights else None
        assert step(X, y, w) == by_hand(other, losses[1], optimizers[1], X, y, w)
    assert step.why_not(X, y, w) == ""
    assert losses[0].divisor == losses[1].divisor


@only_compiled
def test_several_inputs(rng):
    """Some of them in other orders of memory, as columns of something larger are."""
    model = nm.Sequential(
        [nm.Concatenate([nm.Linear(6, 8), None]), nm.Tanh(), nm.Linear(12, 10)], input_shape=((6,), (4,))
    )
    other, losses = copy.deepcopy(model), [nm.SoftmaxCrossEntropy(), nm.SoftmaxCrossEntropy()]
    optimizers = [nm.SGD(m, lr=0.1, momentum=0.9) for m in (model, other)]
    step = compile_step(model, losses[0], optimizers[0])
    for _ in range(8):
        A, y = rng.standard_normal((8, 10)).astype("float32"), rng.integers(0, 10, 8)
        X = np.asfortranarray(A[:, :6]), A[:, 6:]
        assert step(X, y) == by_hand(other, losses[1], optimizers[1], X, y)
        assert model.flat_parameters.tobytes() == other.flat_parameters.tobytes()
    assert step.why_not(X, y) == ""
    data = tuple(np.asfortranarray(A) for A in np.split(rng.standard_normal((400, 10)).astype("float32"), [6], axis=1))
    found = []
    for compiled in (True, False):
        own = copy.deepcopy(model)
        trainer = nm.Trainer(own, nm.SoftmaxCrossEntropy(), nm.Adam(own), compiled=compiled)
        trainer.fit((data, np.arange(400) % 10), epochs=2, batch_size=8, progress=False)
        found.append(own.flat_parameters.tobytes())
        assert (trainer.program is not None) == compiled
    assert found[0] == found[1]


@only_compiled
def test_a_false_claim_is_found_and_named(rng):
    model = nm.Sequential([nm.Linear(16, 16), Claimed(), nm.Linear(16, 10)], input_shape=(16,))
    step = compile_step(model, nm.SoftmaxCrossEntropy(), nm.SGD(model, lr=0.1))
    step(rng.standard_normal((8, 16)).astype("float32"), rng.integers(0, 10, 8))
    with pytest.raises(
        nm.StateError, match="Linear '2': matmul reads A of shape .*, which Python has made.*recordable = False"
    ):
        step(rng.standard_normal((8, 16)).astype("float32"), rng.integers(0, 10, 8))


@only_compiled
def test_a_class_derived_from_ours_makes_its_own_claim(rng):
    class Shifted(nm.Tanh):
        def forward(self, X, call):
            return super().forward(X, call) + 1

        def backward(self, G, call):
            return super().backward(G, call)

    kind, targets = LOSSES["squares"]
    model = nm.Sequential([nm.Linear(16, 16), Shifted(), nm.Linear(16, 10)], input_shape=(16,))
    assert "Shifted" in compared(model, kind, OPTIMIZERS["momentum"], targets, rng)


@pytest.mark.parametrize("bad", ["X", "y", "targets"])
def test_what_stops_a_step_changes_nothing_and_names_the_step(bad, rng):
    model = dense(MIDDLES["tanh, dropout"])
    loss = nm.SoftmaxCrossEntropy() if bad == "y" else nm.MeanSquaredError()
    optimizer = nm.SGD(model, lr=0.1, momentum=0.9)
    step = compile_step(model, loss, optimizer)

    def batch():
        y = rng.integers(0, 10, 8) if bad == "y" else rng.standard_normal((8, 10)).astype("float32")
        return rng.standard_normal((8, 16)).astype("float32"), y

    for _ in range(8):
        step(*batch())
    X, y = batch()
    if bad == "X":
        X[3, 2] = np.nan
    elif bad == "y":
        y[5] = 10
    else:
        y[5, 3] = np.inf
    before = model.flat_parameters.copy(), optimizer.state_vectors()["velocity"].copy(), optimizer.steps
    error, text = {"X": (nm.NonFiniteError, "step 9"), "y": (nm.LabelError, "got 10 in row 5")}.get(
        bad, (nm.LabelError, "inf")
    )
    with pytest.raises(error, match=text):
        step(X, y)
    assert (model.flat_parameters == before[0]).all()
    assert (optimizer.state_vectors()["velocity"] == before[1]).all()
    assert optimizer.steps == before[2]
    assert np.isfinite(step(*batch()))


def ready(loss, optimizer=None, B=8, model=None):
    """A step that runs as a program, its model, and a maker of batches."""
    model = model or dense(MIDDLES["tanh, dropout"])
    optimizer = optimizer or nm.SGD(model, lr=0.1, momentum=0.9)
    rng = np.random.default_rng(3)

    def batch():
        y = rng.integers(0, 10, B) if loss.labels else rng.random((B, 10)).astype("float32")
        return rng.standard_normal((B, 16)).astype("float32"), y

    step = compile_step(model, loss, optimizer)
    for _ in range(6):
        step(*batch())
    return step, model, batch


@only_compiled
@pytest.mark.parametrize("B", [8, 2048])
def test_a_wrong_label_is_refused_by_every_kernel(B):
    step, model, batch = ready(nm.SoftmaxCrossEntropy(), B=B)
    X, y = batch()
    y[B // 2] = -1
    before = model.flat_parameters.copy()
    with pytest.raises(nm.LabelError, match=f"got -1 in row {B // 2}"):
        step(X, y)
    assert (model.flat_parameters == before).all()


@only_compiled
@pytest.mark.parametrize("dtype", ["float64", "float16", "int32", "int8"])
def test_another_dtype_is_refused_as_by_hand(dtype):
    step, _, batch = ready(nm.SoftmaxCrossEntropy())
    X, y = batch()
    with pytest.raises(nm.DtypeError):
        step(X.astype(dtype), y)


@only_compiled
def test_targets_out_of_range_are_refused_as_by_hand():
    step, _, batch = ready(nm.SigmoidBinaryCrossEntropy())
    X, y = batch()
    y[2, 3] = 1.5
    with pytest.raises(nm.LabelError):
        step(X, y)


@only_compiled
@pytest.mark.parametrize("change", ["rate", "slope", "first step"])
def test_settings_of_layers_and_the_step_number_count(change, rng):
    layers = [nm.Linear(16, 20), nm.LeakyReLU(0.1), nm.Dropout(0.3), nm.Linear(20, 10)]
    models = [nm.Sequential(copy.deepcopy(layers), input_shape=(16,), seed=2) for _ in range(2)]
    losses = [nm.SoftmaxCrossEntropy() for _ in models]
    optimizers = [nm.SGD(m, lr=0.1, momentum=0.9, dampening=0.5) for m in models]
    step = compile_step(models[0], losses[0], optimizers[0])
    for i in range(16):
        if i == 8:
            for m, o in zip(models, optimizers, strict=True):
                if change == "rate":
                    m[2].rate = 0.6
                elif change == "slope":
                    m[1].negative_slope = 0.5
                else:
                    o.steps = 0
        X, y = rng.standard_normal((8, 16)).astype("float32"), rng.integers(0, 10, 8)
        assert step(X, y) == by_hand(models[1], losses[1], optimizers[1], X, y), i
        assert models[0].flat_parameters.tobytes() == models[1].flat_parameters.tobytes(), i


@only_compiled
def test_inputs_that_are_the_targets(rng):
    model = nm.Sequential([nm.Linear(10, 4), nm.Tanh(), nm.Linear(4, 10)], input_shape=(10,))
    other, losses = copy.deepcopy(model), [nm.MeanSquaredError(), nm.MeanSquaredError()]
    optimizers = [nm.SGD(m, lr=0.1) for m in (model, other)]
    step = compile_step(model, losses[0], optimizers[0])
    for i in range(14):
        A = rng.standard_normal((8, 10)).astype("float32")
        X = A if i < 7 else A + 1
        assert step(X, A) == by_hand(other, losses[1], optimizers[1], X, A), i


@only_compiled
def test_nothing_is_left_for_a_backward_by_hand(rng):
    loss = nm.SoftmaxCrossEntropy()
    step, model, batch = ready(loss)
    model.forward(batch()[0], training=True)
    step(*batch())
    with pytest.raises(nm.StateError):
        model.backward(np.zeros((8, 10), np.float32))
    with pytest.raises(nm.StateError):
        loss.backward()


@only_compiled
def test_an_optimizer_that_computes_with_the_rate_runs_by_hand():
    class Plain(nm.Optimizer):
        recordable = True

        def __init__(self, model, lr):
            super().__init__(model, lr, 0.0, None, [])

        def update(self, segment, lr, scale):
            segment.values[...] -= float(lr) * segment.gradients

        def settings(self):
            return {}

    model = dense(MIDDLES["sigmoid"])
    step, _, batch = ready(nm.SoftmaxCrossEntropy(), Plain(model, 0.1), model=model)
    assert "lr reaches no kernel" in step.why_not(*batch())


def test_arguments():
    model, other = dense([]), dense([])
    with pytest.raises(nm.ConfigError, match="expected loss to be a Loss"):
        compile_step(model, "mse", nm.SGD(model))
    with pytest.raises(nm.ConfigError, match="updates another model"):
        compile_step(model, nm.MeanSquaredError(), nm.SGD(other))
    step = compile_step(model, nm.MeanSquaredError(), nm.SGD(model))
    with pytest.raises(nm.DtypeError, match="float64"):
        step(np.zeros((3, 16)), np.zeros((3, 10)))
    with pytest.raises(nm.ShapeError, match="expected X of shape"):
        step(np.zeros((3, 15), np.float32), np.zeros((3, 10)))


@only_compiled
def test_weights_keep_their_dtype(rng):
    model = dense(MIDDLES["sigmoid"])
    other, losses = copy.deepcopy(model), [nm.SoftmaxCrossEntropy(), nm.SoftmaxCrossEntropy()]
    step = compile_step(model, losses[0], nm.SGD(model, lr=0.1))
    optimizer = nm.SGD(other, lr=0.1)
    for _ in range(6):
        X, y, w = rng.standard_normal((8, 16)).astype("float32"), rng.integers(0, 10, 8), rng.random(8)
        assert step(X, y, w) == by_hand(other, losses[1], optimizer, X, y, w)


@only_compiled
def test_a_parameter_that_is_frozen_and_thawed_has_two_programs(rng):
    model = dense(MIDDLES["sigmoid"])
    step = compile_step(model, nm.SoftmaxCrossEntropy(), nm.SGD(model, lr=0.1))
    for i in range(20):
        model[0].weight.trainable = i % 2 == 0
        X, y = rng.standard_normal((8, 16)).astype("float32"), rng.integers(0, 10, 8)
        step(X, y)
    assert step.why_not(X, y) == ""


@only_compiled
def test_a_step_that_is_deleted_gives_its_memory_back(rng):
    model = dense(MIDDLES["sigmoid"])
    step = compile_step(model, nm.SoftmaxCrossEntropy(), nm.SGD(model, lr=0.1))
    for _ in range(6):
        X = rng.standard_normal((8, 16)).astype("float32")
        step(X, rng.integers(0, 10, 8))
    program, data = weakref.ref(step._programs), weakref.ref(X)
    del X
    gc.disable()
    try:
        del step
        assert program() is None
        assert data() is None
    finally:
        gc.enable()


@only_compiled
def test_noise_that_python_draws_into_an_array_is_found(rng):
    """The layer says that it consists of kernels; the array is one of its own, which a program may read."""

    class Noisy(nm.Layer):
        recordable = True

        def __init__(self):
            super().__init__()
            self.noise = np.zeros((8, 16), np.float32)

        def output_shape(self, input_shape):
            return input_shape

        def forward(self, X, call):
            self.noise[...] = rng.standard_normal((8, 16))
            return k.unchecked.add(X, self.noise)

        def backward(self, G, call):
            return G

    model = nm.Sequential([Noisy(), nm.Linear(16, 10)], input_shape=(16,))
    step = compile_step(model, nm.SoftmaxCrossEntropy(), nm.SGD(model, lr=0.1))
    X, y = rng.standard_normal((8, 16)).astype("float32"), rng.integers(0, 10, 8)
    for _ in range(2):
        step(X, y)
    with pytest.raises(nm.StateError, match="recordable = False"):
        step(X, y)
