"""The optimizer update kernels against their float64 twins, over several steps."""

import itertools

import numpy as np
import pytest

import nnmat_kernels as updates
from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.reference.optimizers import updates as twin
from nnmat_kernels.runtime.parallel import PARALLEL_SIZE
from tests.kernels.guards import same_bits_for_any_threads

ADAM = {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}
RMS = {"lr": 0.01, "alpha": 0.9, "eps": 1e-8}
# name, number of state vectors, options; `step` and `first` are added for each step
CASES = {
    "sgd": ("sgd_update", 0, {"lr": 0.1}),
    "sgd, L2, clipped": ("sgd_update", 0, {"lr": 0.1, "weight_decay": 0.05, "scale": 0.3}),
    "momentum": ("sgd_update", 1, {"lr": 0.1, "momentum": 0.9}),
    "momentum, dampening": ("sgd_update", 1, {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1}),
    "nesterov": ("sgd_update", 1, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "scale": 0.5}),
    "adam": ("adam_update", 2, ADAM),
    "adam, L2": ("adam_update", 2, {**ADAM, "weight_decay": 0.1, "scale": 0.5}),
    "adamw": ("adam_update", 2, {**ADAM, "weight_decay": 0.1, "decoupled": True}),
    "amsgrad": ("adam_update", 3, {**ADAM, "weight_decay": 0.1}),
    "amsgrad, decoupled": ("adam_update", 3, {**ADAM, "weight_decay": 0.1, "decoupled": True, "scale": -1.0}),
    "nadam": ("nadam_update", 2, {**ADAM, "product": 0.25, "weight_decay": 0.1, "scale": 0.5}),
    "nadam, decoupled": ("nadam_update", 2, {**ADAM, "product": 0.25, "weight_decay": 0.1, "decoupled": True}),
    "adagrad": ("adagrad_update", 1, {"lr": 0.1, "eps": 1e-6, "weight_decay": 0.1, "scale": -0.5}),
    "lion": ("lion_update", 1, {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.1, "scale": 0.5}),
    "rmsprop": ("rmsprop_update", 1, {**RMS, "weight_decay": 0.1}),
    "rmsprop, centred": ("rmsprop_update", 3, {**RMS, "centered": True}),
    "rmsprop, momentum": ("rmsprop_update", 3, {**RMS, "momentum": 0.8, "scale": 0.5}),
    "rmsprop, both": ("rmsprop_update", 3, {**RMS, "centered": True, "momentum": 0.8, "weight_decay": 0.1}),
}
STEPPED = ("adam_update", "nadam_update")
SIZES = [0, 1, 7, 64, 1001, 70_001]


def run(module, case, n, dtype, steps=4, seed=0):
    name, states, options = CASES[case]
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=n).astype(dtype)
    vectors = [np.zeros(n, theta.dtype) for _ in range(states)]
    for k in range(steps):
        g = rng.normal(size=n).astype(dtype)
        before = g.copy()
        more = {"sgd_update": {"first": k == 0}}.get(name, {"step": k + 1} if name in STEPPED else {})
        if module is twin:
            theta, g, vectors = theta.astype(np.float64), g.astype(np.float64), [v.astype(np.float64) for v in vectors]
        getattr(module, name)(theta, g, *vectors, **options, **more)
        assert (g == before).all()
    return [theta, *vectors]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_updates_equal_their_twins(case, dtype):
    tolerance = 2e-6 if dtype == np.float32 else 2e-14
    for n in SIZES:
        for got, expected in zip(run(updates, case, n, dtype), run(twin, case, n, dtype), strict=True):
            assert got.dtype == dtype
            assert got.shape == (n,)
            # The entries of theta are of size 1.
            assert np.linalg.norm(got - expected) <= tolerance * max(np.linalg.norm(expected), np.sqrt(n))


@pytest.mark.parametrize("case", CASES)
def test_bits_do_not_depend_on_the_number_of_threads_nor_on_cuts(case):
    n = 200_003
    assert n >= PARALLEL_SIZE
    same_bits_for_any_threads(lambda: run(updates, case, n, np.float32, steps=2))


def test_wrong_formulas_are_told_apart(rng):
    theta, g = rng.normal(size=50), rng.normal(size=50)

    def step(decoupled, **options):
        t, m, v = theta.copy(), np.zeros(50), np.zeros(50)
        for k in range(3):
            updates.adam_update(t, g + k, m, v, step=k + 1, decoupled=decoupled, **{**ADAM, **options})
        return t

    def wrong(correct, root):
        t, m, v = theta.copy(), np.zeros(50), np.zeros(50)
        for k in range(1, 4):
            m, v = 0.9 * m + 0.1 * (g + k - 1), 0.99 * v + 0.01 * (g + k - 1) ** 2
            c1, c2 = (1 - 0.9**k, 1 - 0.99**k) if correct else (1, 1)
            t -= 0.01 * m / c1 / (np.sqrt(v / c2 + 1e-2) if root else np.sqrt(v / c2) + 1e-2)
        return t

    right = step(False, eps=1e-2)
    assert np.abs(right - wrong(True, False)).max() < 1e-14
    assert np.abs(right - wrong(False, False)).max() > 1e-4  # without the correction of the bias
    assert np.abs(right - wrong(True, True)).max() > 1e-5  # eps inside the root
    assert np.abs(step(False, weight_decay=0.1) - step(True, weight_decay=0.1)).max() > 1e-4  # L2 is not AdamW


def test_tiny_gradients_still_move_as_adam_says():
    theta, m, v = np.zeros(1), np.zeros(1), np.zeros(1)
    updates.adam_update(theta, np.array([1e-10]), m, v, lr=1.0, beta1=0.9, beta2=0.999, eps=1e-8, step=1)
    assert -theta[0] == pytest.approx(1e-10 / (1e-10 + 1e-8), rel=1e-12)  # 0.0099; with eps inside the root 1e-6


def test_centred_variance_that_rounds_below_zero_gives_no_nan():
    theta, v, a, b = (np.zeros(64, np.float32) for _ in range(4))
    g = np.full(64, 0.1, np.float32)
    for _ in range(3000):
        updates.rmsprop_update(theta, g, v, a, b, lr=1e-6, alpha=0.9, eps=1e-2, centered=True)
    assert np.isfinite(theta).all()


@pytest.mark.parametrize("case", CASES)
def test_nan_gradients_are_not_hidden(case):
    name, states, options = CASES[case]
    theta, g = np.ones(9), np.ones(9)
    g[4] = np.nan
    more = {"step": 1} if name in STEPPED else {}
    getattr(updates, name)(theta, g, *(np.zeros(9) for _ in range(states)), **options, **more)
    assert np.flatnonzero(np.isnan(theta)).tolist() == [4]


@pytest.mark.parametrize("step", [1.5, 2.0, "1", None, -1])
def test_steps_are_integers(step):
    with pytest.raises(
        ValueError, match=rf"^adam_update: expected step to be an integer >= 1, got {step!r}\. The first"
    ):
        updates.adam_update(*np.zeros((4, 4)), **ADAM, step=step)


@pytest.mark.parametrize("case", ["momentum", "adam", "rmsprop, both"])
def test_scalars_are_numbers(case):
    """NumPy turns None into NaN, which would end in the parameters."""
    name, states, options = CASES[case]
    more = {"step": 1} if name in STEPPED else {}
    for option, wrong in itertools.product([o for o in options if type(options[o]) is not bool], [None, "a", 1j]):
        with pytest.raises(ValueError, match=rf"^{name}: expected {option} to be a number, got {wrong!r}\. Try"):
            getattr(updates, name)(*np.zeros((2 + states, 4)), **{**options, option: wrong}, **more)
    integers = {option: np.int64(0) for option in options}
    getattr(updates, name)(*np.zeros((2 + states, 4)), **integers, **more)


def test_errors_say_who_what_and_what_to_try():
    x, y, z = np.zeros(4), np.zeros(5), np.zeros(4)
    for function, arguments, options, kind, text in [
        (updates.sgd_update, (x, y), {"lr": 0.1}, ShapeError, r"sgd_update: expected g of shape \(4,\).*got \(5,\)"),
        (updates.sgd_update, (x[:, None], x), {"lr": 0.1}, ShapeError, r"sgd_update: expected theta with 1 dim"),
        (updates.sgd_update, (x, x.astype("f4")), {"lr": 0.1}, DtypeError, r"g of dtype float64.*got float32"),
        (updates.sgd_update, (x, [0.0] * 4), {"lr": 0.1}, DtypeError, r"expected g to be a NumPy array, got list"),
        (updates.sgd_update, (np.zeros(8)[::2], x), {"lr": 0.1}, ShapeError, r"theta to be aligned, writable and"),
        (updates.sgd_update, (x, z), {"lr": 0.1, "momentum": 0.9}, ValueError, r"expected v with momentum, got None"),
        (
            updates.adam_update,
            tuple(np.zeros((4, 4))),
            {**ADAM, "step": 0},
            ValueError,
            r"adam_update: expected step to be an integer >= 1, got 0\.",
        ),
        (updates.adam_update, (x, x, x, y), {**ADAM, "step": 1}, ShapeError, r"adam_update: expected v of shape"),
        (
            updates.rmsprop_update,
            tuple(np.zeros((3, 4))),
            {**RMS, "centered": True},
            ValueError,
            r"expected a and b if centered",
        ),
    ]:
        with pytest.raises(kind, match=text):
            function(*arguments, **options)


@pytest.mark.parametrize("case", [case for case, (name, states, _) in CASES.items() if name == "sgd_update" and states])
def test_the_first_step_does_not_read_v(case):
    _, _, options = CASES[case]
    results = []
    for v in (np.zeros(9), np.full(9, np.nan)):
        theta = np.arange(9.0)
        updates.sgd_update(theta, np.ones(9), v, first=True, **options)
        results.append((theta, v))
    np.testing.assert_array_equal(results[0], results[1])


@pytest.mark.parametrize("case", CASES)
def test_vectors_may_not_overlap(case):
    name, states, options = CASES[case]
    more = {"step": 1} if name in STEPPED else {}
    for first in range(2 + states):
        for second in range(first):
            memory = np.ones(12)
            vectors = [np.ones(8) for _ in range(2 + states)]
            vectors[first], vectors[second] = memory[:8], memory[4:]
            with pytest.raises(ValueError, match=rf"^{name}: \w+ shares memory with \w+\. Pass another"):
                getattr(updates, name)(*vectors, **options, **more)
            assert (memory == 1).all()
    memory = np.ones(8 * (2 + states))  # side by side is no overlap
    getattr(updates, name)(*memory.reshape(2 + states, 8), **options, **more)
