"""After `warmup`, the steps of the usual networks neither compile a kernel nor read one from the cache."""

import os

import numpy as np
import pytest

import nnmat
from nnmat import SGD, Conv2d, DtypeError, Flatten, Linear, MaxPool2d, ReLU, Sequential, Sigmoid, SoftmaxCrossEntropy
from nnmat.warmup import warmup
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
    nnmat.warmup(dtype, progress=False)
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
        warmup(np.float16, progress=False)
