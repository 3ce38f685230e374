"""Muon: its equations, what it makes of singular values, and which parameters it is for."""

import numpy as np
import pytest

from nnmat import AdamW, ConfigError, Linear, Muon, Sequential


def newton_schulz(D, iterations=5):
    X = D / np.linalg.norm(D)
    for _ in range(iterations):
        A = X @ X.T
        X = 3.4445 * X + (-4.7750 * A + 2.0315 * A @ A) @ X
    return X


def network(dtype=np.float64):
    layers = [Linear(6, 4), Linear(4, 4, bias=False), Linear(4, 9, bias=False), Linear(9, 3)]
    return Sequential(layers, input_shape=(6,), seed=0, dtype=dtype)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("scaling", ["rms", "width"])
def test_the_equations(nesterov, scaling, rng):
    model = network()
    matrices = [p.name for p in model.parameters() if p.value.ndim == 2 and not p.name.startswith("3")]
    optimizer = Muon(
        model, lr=0.02, momentum=0.9, nesterov=nesterov, scaling=scaling, matrices=matrices, weight_decay=0.1
    )
    W = {p.name: p.value.copy() for p in model.parameters()}
    M = {name: 0.0 for name in W}
    twin = network()
    rest = AdamW(twin, lr=0.02, weight_decay=0.1)
    for _ in range(4):
        model.flat_gradients[...] = rng.standard_normal(model.flat_gradients.size)
        twin.flat_gradients[...] = model.flat_gradients
        optimizer.step()
        rest.step()
        for p, other in zip(model.parameters(), twin.parameters(), strict=True):
            if p.name not in matrices:
                np.testing.assert_array_equal(p.value, other.value)
                continue
            M[p.name] = 0.9 * M[p.name] + 0.1 * p.grad
            D = 0.9 * M[p.name] + 0.1 * p.grad if nesterov else M[p.name]
            m, n = D.shape
            s = 0.2 * np.sqrt(max(m, n)) if scaling == "rms" else np.sqrt(max(1, m / n))
            W[p.name] = (1 - 0.02 * 0.1) * W[p.name] - 0.02 * s * newton_schulz(D)
            np.testing.assert_allclose(p.value, W[p.name], rtol=1e-12, atol=1e-14, err_msg=p.name)


@pytest.mark.parametrize("shape", [(8, 3), (3, 8), (5, 5)])
def test_directions_are_nearly_orthogonal(shape, rng):
    """Whatever the gradient's scale: all singular values of a step are between 0.6 and 1.3."""
    for scale in (1e-30, 1.0, 1e30):
        model = Linear(shape[1], shape[0], bias=False).build((shape[1],), dtype=np.float64)
        before = model.weight.value.copy()
        U, _, Vt = np.linalg.svd(rng.standard_normal(shape), full_matrices=False)
        k = min(shape)
        model.weight.grad = scale * (U * np.linspace(0.1, 1, k)) @ Vt
        Muon(model, lr=1.0, scaling="width", weight_decay=0).step()
        step = (before - model.weight.value) / np.sqrt(max(1, shape[0] / shape[1]))
        found = np.linalg.svd(step, compute_uv=False)
        if scale == 1e-30:  # below the least norm: such a gradient counts as zero
            assert found.max() < 1e-15
        else:
            assert 0.6 < found.min() <= found.max() < 1.3
            assert abs(np.trace(U.T @ step @ Vt.T)) > 0.6 * k


def test_a_zero_gradient_moves_nothing_and_nan_is_seen():
    model = Linear(3, 2, bias=False).build((3,))
    before = model.flat_parameters.copy()
    model.flat_gradients[...] = 0
    Muon(model, weight_decay=0).step()
    assert (model.flat_parameters == before).all()
    model.flat_gradients[0] = np.nan
    Muon(model).step()
    assert np.isnan(model.flat_parameters).all()


def test_state_continues_with_the_same_bits(rng):
    whole, resumed = network(np.float32), network(np.float32)
    first, second = (
        Muon(m, lr=0.01, clip_norm=1.0, matrices=lambda p: p.name[0] in "01" and p.value.ndim == 2)
        for m in (whole, resumed)
    )
    for step in range(6):
        if step == 3:
            resumed.flat_parameters[...] = whole.flat_parameters
            second.load_state(first.state())
        whole.flat_gradients[...] = rng.standard_normal(whole.flat_gradients.size)
        first.step()
        if step >= 3:
            resumed.flat_gradients[...] = whole.flat_gradients
            second.step()
    assert whole.flat_parameters.tobytes() == resumed.flat_parameters.tobytes()


def test_neighbours_of_one_shape_are_two_matrices():
    model = Sequential([Linear(4, 4), Linear(4, 4)], input_shape=(4,))
    assert [s.rule for s in Muon(model).segments()] == ["0.weight", "1.weight", None]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"scaling": "big"}, r"^Muon: expected scaling as 'rms' or 'width', got 'big'"),
        (
            {"matrices": ["0.bias"]},
            r"^Muon: expected matrices with two axes, got 0\.bias of shape \(4,\)\. Leave it to Adam",
        ),
        ({"matrices": "0.weight"}, r"^Muon: expected matrices as a list of names"),
        ({"momentum": 1}, r"^Muon: expected momentum as a number from 0 to below 1"),
        ({"iterations": 0}, r"^Muon: expected iterations as an integer >= 1"),
    ],
)
def test_options(options, text):
    with pytest.raises(ConfigError, match=text):
        Muon(network(), **options)
