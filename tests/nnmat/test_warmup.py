"""After `warmup`, steps neither compile a kernel nor read one from the cache; what a helper is told of a training."""

import os
import sys
import time

import numpy as np
import pytest

import nnmat
from nnmat import (
    SGD,
    Adam,
    ConfigError,
    Conv2d,
    Dropout,
    DtypeError,
    Flatten,
    Layer,
    Linear,
    Loss,
    MaxPool2d,
    MeanSquaredError,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropy,
    Trainer,
)
from nnmat.warmup import describe, describe_run, own_parts, warmup, work
from nnmat_kernels.runtime.cache import KernelCache

MODELS = {
    "dense": lambda dtype: Sequential([Linear(784, 128), Sigmoid(), Linear(128, 10)], input_shape=(784,), dtype=dtype),
    "images": lambda dtype: Sequential(
        [Conv2d(1, 8, 5), ReLU(), MaxPool2d(2), Conv2d(8, 16, 5), ReLU(), MaxPool2d(2), Flatten(), Linear(256, 10)],
        input_shape=(28, 28, 1),
        dtype=dtype,
    ),
}


@pytest.fixture
def needed(monkeypatch):
    """The names of the kernels that had to be compiled or read since the start of the test."""
    names = []
    load = KernelCache.load_overload

    def recorded(self, signature, target):
        names.append(f"{self.name} {signature}")
        return load(self, signature, target)

    monkeypatch.setattr(KernelCache, "load_overload", recorded)
    return names


@pytest.fixture
def refused(monkeypatch):
    """The names of the kernels that had to be compiled and cannot be stored: every process would compile them again."""
    names = []
    save = KernelCache.save_overload

    def recorded(self, signature, data):
        if data.library.has_dynamic_globals or any(not lifted.can_cache for lifted in data.lifted):
            names.append(self.name)
        save(self, signature, data)

    monkeypatch.setattr(KernelCache, "save_overload", recorded)
    return names


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_after_a_warmup_steps_need_no_other_kernel(dtype, needed, refused, capsys):
    nnmat.warmup(dtype=dtype, progress=False)
    assert refused == []
    needed.clear()
    for make in MODELS.values():
        model, loss = make(dtype), SoftmaxCrossEntropy()
        optimizer = SGD(model, lr=0.01, momentum=0.9)
        for B in (1, 32, 128):
            X, y = np.ones((B, *model.input_shape), dtype), np.arange(B) % 10
            loss.forward(model.forward(X, training=True), y)
            model.backward(loss.backward(), input_gradient=False)
            optimizer.step()
            model.forward(X, record=False)
    assert needed == []
    assert capsys.readouterr().err == ""


def test_a_kernel_that_is_not_there_is_noticed(needed):
    """The test above can fail: an array of three axes is a kernel of its own."""
    if os.environ.get("NUMBA_DISABLE_JIT") == "1":
        pytest.skip("nothing is compiled")
    KernelCache.load_overload(KernelCache(warmup), (), _NoTarget())
    assert needed == ["warmup ()"]


class _NoTarget:
    def codegen(self):
        raise OSError

    def refresh(self):
        pass


def test_warmup_says_which_dtypes_there_are():
    with pytest.raises(DtypeError, match="float16"):
        warmup(dtype=np.float16, progress=False)


class Own(Layer):
    """A user's layer round one of nnmat's."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def output_shape(self, input_shape):
        return self.inner.output_shape(input_shape)

    def named_children(self):
        return [("inner", self.inner)]

    def forward(self, X, call):
        return self.inner.forward(X, call)

    def backward(self, G, call):
        return self.inner.backward(G, call)


class OwnLoss(Loss):
    """A user's loss."""

    def forward(self, H, y, call):
        call.G, call.divisor = H - y, float(len(y))
        return 0.0


def images(**options):
    layers = [Conv2d(1, 3, 3), ReLU(), Dropout(0.5), Flatten(), Linear(108, 4)]
    return Sequential(layers, input_shape=(8, 8, 1), **options)


def test_a_warmup_of_a_model_leaves_it_as_it_is():
    model, loss = images(seed=3), SoftmaxCrossEntropy()
    optimizer = Adam(model)
    before = [A.copy() for A in (model.flat_parameters, model.flat_gradients, *model.buffers().values())]
    nnmat.warmup(model, loss, optimizer, batch_size=5, progress=False)
    after = [model.flat_parameters, model.flat_gradients, *model.buffers().values()]
    assert all(np.array_equal(A, B) for A, B in zip(before, after, strict=True))
    assert optimizer.steps == 0
    assert loss.divisor == 0.0


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("loss", "y"), [(SoftmaxCrossEntropy(), np.arange(7) % 4), (MeanSquaredError(), None)])
def test_after_a_warmup_of_a_model_its_step_needs_no_other_kernel(dtype, loss, y, needed, refused):
    model = images(dtype=dtype)
    optimizer = SGD(model, lr=0.1, momentum=0.9)
    nnmat.warmup(model, loss, optimizer, batch_size=7, progress=False)
    needed.clear()
    X, y = np.ones((7, 8, 8, 1), dtype), np.ones((7, 4), dtype) if y is None else y
    loss.forward(model.forward(X, training=True), y)
    model.backward(loss.backward(), input_gradient=False)
    optimizer.step(optimizer.gradient_norm())
    model.forward(X, record=False)
    assert (needed, refused) == ([], [])


@pytest.mark.parametrize("given", [np.float64, "float64", 3, Linear(2, 3)], ids=str)
def test_what_is_no_model_is_told_so(given):
    with pytest.raises(ConfigError, match=r"expected model as a built layer, got .*write warmup\(dtype=np.float64\)"):
        warmup(given)


def test_parts_of_a_users_own_are_left_out():
    inner, last = Linear(3, 4), Linear(4, 2)
    model = Sequential([Own(inner), Sequential([last, Softmax()])], input_shape=(3,))
    assert own_parts(model) == [inner, model[1]]
    described = describe(model, OwnLoss(), SGD(model))
    assert [shape for _, shape in described["parts"]] == [(3,), (4,)]
    assert described["loss"] is None
    assert described["optimizer"]["kind"] == "SGD"
    assert described["parts"][0][0]["weight_initializer"] == "zeros"
    assert len(work(described | {"batches": [2]})) == 2
    assert own_parts(last) == [last]


def test_what_a_run_needs():
    model = images()
    trainer = Trainer(model, SoftmaxCrossEntropy(), SGD(model), metrics=["accuracy", "top_2", lambda H, y: 0.0])
    X, y = np.zeros((10, 8, 8, 1)), np.zeros(10, np.int64)
    given = {"train": (X, y), "batch_size": 4, "validation": (X, y)}
    found = describe_run(trainer, "fit", given)
    assert (found["batches"], found["evaluated"]) == ([4, 2], [256])
    assert found["y"] == ((), y.dtype.str)
    assert found["metrics"] == ["accuracy", "top_2"]
    assert found["arrays"] == [(X.shape, "<f8"), (y.shape, "<i8")]
    found = describe_run(trainer, "evaluate", {"data": (X, y, np.ones(10)), "batch_size": 256})
    assert (found["batches"], found["evaluated"], found["weighted"]) == ([], [10], True)
    assert found["optimizer"] is None
    for run in (run for stage in work(found) for run in stage):
        run()
    found = describe_run(trainer, "fit", {"train": ((X, X[:, 0]), y), "batch_size": None, "validation": None})
    assert [shape for shape, _ in found["arrays"]] == [X.shape, X[:, 0].shape, y.shape]
    assert describe_run(trainer, "fit", {"train": object(), "batch_size": None, "validation": None}) is None


def test_a_large_model_is_not_built_again(monkeypatch):
    monkeypatch.setattr(sys.modules["nnmat.warmup"], "MOST_BYTES", 100)  # `nnmat.warmup` is the function
    assert describe(images(), None, None)["parts"] == []


def test_the_seconds_of_an_epoch_leave_out_what_is_compiled():
    from nnmat_kernels.runtime.compiling import clock

    class Slow(Loss):
        """Waits for a kernel that is being compiled."""

        def forward(self, H, y, call):
            clock.begin()
            time.sleep(0.3)
            clock.end()
            call.G, call.divisor = np.zeros_like(H), float(len(y))
            return 0.0

    model = Sequential([Linear(2, 1)], input_shape=(2,))
    trainer = Trainer(model, Slow(), SGD(model))
    X = np.zeros((4, 2), np.float32)
    trainer.fit((X, X[:, :1]), epochs=1, batch_size=4, progress=False)  # compiles
    history = trainer.fit((X, X[:, :1]), epochs=1, batch_size=4, progress=False)
    assert history["seconds"][0] < 0.3
