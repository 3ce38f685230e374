"""L-BFGS: quadratics, a network, state, and what it does not do."""

import itertools

import numpy as np
import pytest

from nnmat import (
    LBFGS,
    Armijo,
    ConfigError,
    Linear,
    MeanSquaredError,
    NonFiniteError,
    Sequential,
    StateError,
    Tanh,
    Trainer,
    compile_step,
)
from nnmat.descent import FixedStep


def problem(rng, layers=None, dtype=np.float64, seed=0):
    model = Sequential(layers or [Linear(4, 3)], input_shape=(4,), seed=seed, dtype=dtype)
    X = rng.standard_normal((30, 4)).astype(dtype)
    Y = np.tanh(X @ rng.standard_normal((4, 3))).astype(dtype)
    loss = MeanSquaredError()

    def evaluate():
        value = loss.forward(model.forward(X, training=True), Y)
        model.backward(loss.backward())
        return value

    return model, X, Y, evaluate


def test_least_squares_is_solved_exactly(rng):
    model, X, Y, evaluate = problem(rng)
    optimizer = LBFGS(model, history=20)
    for _ in range(25):
        optimizer.step_by(evaluate)
    ones = np.hstack([X, np.ones((30, 1))])
    best = np.linalg.lstsq(ones, Y, rcond=None)[0]
    parameters = {p.name: p.value for p in model.parameters()}
    np.testing.assert_allclose(parameters["0.weight"], best[:4].T, atol=1e-8)
    np.testing.assert_allclose(parameters["0.bias"], best[4], atol=1e-8)


@pytest.mark.parametrize("search", [None, Armijo()])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_step_raises_the_loss(search, dtype, rng):
    model, *_, evaluate = problem(rng, [Linear(4, 8), Tanh(), Linear(8, 3)], dtype)
    optimizer = LBFGS(model, line_search=search)
    values = [optimizer.step_by(evaluate) for _ in range(40)]
    assert all(b <= a for a, b in itertools.pairwise(values))
    assert values[-1] < 0.1 * values[0]
    assert optimizer.steps == 40


def test_weight_decay_is_part_of_what_is_minimised(rng):
    model, X, Y, evaluate = problem(rng, [Linear(4, 3, bias=False)])
    optimizer = LBFGS(model, weight_decay=0.5)
    for _ in range(20):
        optimizer.step_by(evaluate)
    exact = np.linalg.solve(X.T @ X * (2 / Y.size) + 0.5 * np.eye(4), X.T @ Y * (2 / Y.size))
    np.testing.assert_allclose(model.parameters()[0].value, exact.T, atol=1e-8)


def test_uphill(rng):
    model, *_, evaluate = problem(rng)
    loss, turned = evaluate, LBFGS(model, maximize=True, line_search=FixedStep(1e-3))
    before = turned.step_by(loss)
    assert turned.step_by(loss) > before


def test_frozen_parameters_stay(rng):
    model, *_, evaluate = problem(rng, [Linear(4, 8), Tanh(), Linear(8, 3)])
    optimizer = LBFGS(model)
    for frozen in ("0.weight", "2.bias"):
        for p in model.parameters():
            p.trainable = p.name != frozen
        kept = {p.name: p.value.copy() for p in model.parameters()}
        for _ in range(3):
            optimizer.step_by(evaluate)
        moved = {p.name for p in model.parameters() if (p.value != kept[p.name]).any()}
        assert moved == set(kept) - {frozen}


def test_state_continues_with_the_same_bits(rng):
    model, _X, _Y, evaluate = problem(rng, [Linear(4, 8), Tanh(), Linear(8, 3)])
    first = LBFGS(model, history=3)
    for _ in range(5):
        first.step_by(evaluate)
    state, kept = first.state(), model.flat_parameters.copy()
    values = [first.step_by(evaluate) for _ in range(4)]
    model.flat_parameters[...] = kept
    second = LBFGS(model, history=3)
    second.load_state(state)
    assert [second.step_by(evaluate) for _ in range(4)] == values
    assert second.steps == 9


def test_a_minimum_is_left_alone(rng):
    model, *_, evaluate = problem(rng)
    optimizer = LBFGS(model, history=30)
    for _ in range(60):
        optimizer.step_by(evaluate)
    assert "line search failed" in optimizer.stalled or "gradient is zero" in optimizer.stalled
    kept = model.flat_parameters.copy()
    optimizer.step_by(evaluate)
    assert (model.flat_parameters == kept).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("error", [KeyboardInterrupt, NonFiniteError])
def test_a_step_that_is_interrupted_is_undone(error, dtype, rng):
    model, _X, _Y, evaluate = problem(rng, [Linear(4, 8), Tanh(), Linear(8, 3)], dtype)
    optimizer, twin = LBFGS(model), LBFGS(model)
    for _ in range(3):
        optimizer.step_by(evaluate)
    twin.load_state(optimizer.state())
    kept = model.flat_parameters.copy()
    for last in (1, 2):
        calls = itertools.count(1)

        def interrupted(calls=calls, last=last):
            if next(calls) == last:
                raise error
            return evaluate()

        with pytest.raises(error):
            optimizer.step_by(interrupted)
        assert (model.flat_parameters == kept).all()
        assert optimizer.steps == 3
    value = optimizer.step_by(evaluate)
    moved = model.flat_parameters.copy()
    model.flat_parameters[...] = kept
    assert twin.step_by(evaluate) == value
    assert (model.flat_parameters == moved).all()


def test_errors(rng):
    model, *_, evaluate = problem(rng)
    optimizer = LBFGS(model)
    for call in (optimizer.step, lambda: optimizer.apply(0.1)):
        with pytest.raises(
            StateError, match=r"^LBFGS: expected step_by\(evaluate\), .*got step\. Write optimizer\.step_"
        ):
            call()
    with pytest.raises(ConfigError, match=r"^Trainer: expected an optimizer .*got LBFGS\. Write optimizer\.step_by\("):
        Trainer(model, MeanSquaredError(), optimizer)
    with pytest.raises(ConfigError, match=r"^compile_step: expected an optimizer .*got LBFGS\. Write optimizer\.step_"):
        compile_step(model, MeanSquaredError(), optimizer)
    assert optimizer.steps == 0
    for found in (None, "a", [1, 2]):
        with pytest.raises(
            ConfigError, match=r"^LBFGS\.step_by: expected evaluate\(\) to return the loss, a number, got"
        ):
            optimizer.step_by(lambda found=found: found)
    assert optimizer.steps == 0
    with pytest.raises(ConfigError, match=r"^LBFGS\.step_by: expected a function .*got 1"):
        optimizer.step_by(1)
    with pytest.raises(ConfigError, match=r"^LBFGS: expected line_search as one of nnmat\.descent"):
        LBFGS(model, line_search=Armijo)
    with pytest.raises(ConfigError, match=r"^LBFGS: expected groups without lr_factor"):
        LBFGS(model, groups=[{"parameters": ["0.bias"], "lr_factor": 0.5}])
    model.flat_parameters[0] = np.nan
    with pytest.raises(NonFiniteError, match=r"^LBFGS: expected the loss and its gradient to be finite"):
        LBFGS(model).step_by(evaluate)
