"""The likelihood of Gaussians: contract, gradients, one Gaussian for all samples, which the source finds."""

import json

import numpy as np
import pytest

from nnmat import GaussianNegativeLogLikelihood, Linear, Sequential, compile_step, gradcheck, warmup
from nnmat.errors import ConfigError, DataError, LabelError, ShapeError
from nnmat.optimizers import LBFGS

WHO = "GaussianNegativeLogLikelihood"


def draw(covariance, shape, M, rng):
    """H and y."""
    if covariance == "cholesky":
        spread = rng.uniform(-0.3, 0.3, (*shape, M * (M + 1) // 2))
        spread[..., [i * (i + 3) // 2 for i in range(M)]] += rng.choice([-1.5, 1.5], M)
    else:
        spread = rng.uniform(0.5, 2, (*shape, M if covariance == "diagonal" else 1))
    return np.concatenate([rng.normal(size=(*shape, M)), spread], axis=-1), rng.normal(size=(*shape, M))


@pytest.mark.parametrize("covariance", ["diagonal", "spherical", "cholesky"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(1,), (5,), (2, 3)])
@pytest.mark.parametrize("M", [1, 3])
def test_gradients_are_the_slopes_of_the_values(rng, covariance, reduction, shape, M):
    H, y = draw(covariance, shape, M, rng)
    loss = GaussianNegativeLogLikelihood(covariance, reduction=reduction)
    weights = [None, rng.uniform(0, 2, shape), *([] if covariance == "cholesky" else [rng.uniform(0, 2, y.shape)])]
    for s in weights:
        report = gradcheck(loss, H, y, sample_weight=s)
        assert report.passed, str(report)
        values = loss.forward(H, y, s)
        if reduction == "none":
            assert values.shape == (shape if covariance == "cholesky" else y.shape)


@pytest.mark.parametrize("covariance", ["diagonal", "spherical", "cholesky"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contract(rng, covariance, dtype):
    H, y = (A.astype(dtype) for A in draw(covariance, (6,), 2, rng))
    loss = GaussianNegativeLogLikelihood(covariance, full=True)
    value, G = loss.forward(H, y), loss.backward()
    assert type(value) is float
    assert (G.dtype, G.shape, loss.divisor) == (dtype, H.shape, 6.0)
    json.dumps(loss.config())
    again = type(loss)(**loss.config())
    assert repr(again) == repr(loss)
    assert again.forward(H, y) == value
    part = loss.forward(H[:2], y[:2]) * 2 + loss.forward(H[2:], y[2:]) * 4
    assert part / 6 == pytest.approx(value, rel=1e-5 if dtype == np.float32 else 1e-13)


def test_one_number_per_row(rng):
    H, y = draw("diagonal", (5,), 1, rng)
    values = [GaussianNegativeLogLikelihood().forward(H, Y) for Y in (y, y[:, 0])]
    assert values[0] == values[1]
    H[:, 1] = np.sqrt(H[:, 1])
    assert GaussianNegativeLogLikelihood("cholesky").forward(H, y) == pytest.approx(values[0], rel=1e-13)


def test_the_gaussian_of_all_samples_is_that_of_the_source(rng):
    """One Gaussian is a row of outputs that does not depend on the input: the minimum is at the mean and S/N."""
    Y = rng.normal(size=(40, 2)) @ np.array([[1.5, 0.0], [0.7, 0.4]]) + [3.0, -1.0]
    ones = np.ones((40, 1))
    model = Sequential([Linear(1, 5, bias=False)], input_shape=(1,), seed=0, dtype=np.float64)
    model.parameters()[0].value[:, 0] = [0, 0, 2, 0, 2]
    loss, optimizer = GaussianNegativeLogLikelihood("cholesky"), LBFGS(model)

    def measure():
        value = loss.forward(model.forward(ones, training=True), Y)
        model.backward(loss.backward())
        return value

    for _ in range(60):
        optimizer.step_by(measure)
    found = model.parameters()[0].value[:, 0]
    L = np.array([[found[2], 0], [found[3], found[4]]])
    R = Y - Y.mean(axis=0)
    np.testing.assert_allclose(found[:2], Y.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(L @ L.T, R.T @ R / 40, rtol=1e-5)


def test_errors(rng):
    loss = GaussianNegativeLogLikelihood()
    for options, text in [
        ({"covariance": "full"}, "expected covariance as one of 'diagonal', 'spherical', 'cholesky', got 'full'"),
        ({"eps": 0}, "expected eps as a finite number > 0, got 0"),
        ({"full": 1}, "expected full as True or False, got 1"),
        ({"reduction": "no"}, "expected reduction as one of"),
    ]:
        with pytest.raises(ConfigError, match=f"^{WHO}: {text}"):
            GaussianNegativeLogLikelihood(**options)
    loss.check_targets(np.zeros((5, 2)), (4,))
    with pytest.raises(ShapeError, match=rf"^{WHO}: expected y of shape \(5, 3\), got \(5, 2\)"):
        loss.check_targets(np.zeros((5, 2)), (6,))
    with pytest.raises(ShapeError, match=rf"^{WHO}: expected H with 2 M columns .* got 5\."):
        loss.forward(np.ones((2, 5)), np.zeros((2, 2)))
    with pytest.raises(LabelError, match=f"^{WHO}: expected finite targets, got nan in row 1"):
        loss.check_targets(np.array([[0.0], [np.nan]]), (2,))
    with pytest.raises(
        DataError, match=f"^{WHO}: expected variances >= 0, got -1.0 in row 1, column 1 of H. .*Softplus"
    ):
        loss.forward(np.array([[0.0, 1.0], [0.0, -1.0]]), np.zeros(2))


@pytest.mark.parametrize("covariance", ["diagonal", "spherical", "cholesky"])
def test_a_model_that_learns_its_own_variance(rng, covariance):
    """As a program, which refuses a variance below 0."""
    from nnmat import Adam, Concatenate, Softplus, Tanh

    M = 2
    K = {"diagonal": 2, "spherical": 1, "cholesky": 3}[covariance]
    heads = Concatenate([Linear(8, M), Sequential([Linear(8, K), Softplus()])])
    model = Sequential([Linear(1, 8), Tanh(), heads], input_shape=(1,), seed=0)
    loss, optimizer = GaussianNegativeLogLikelihood(covariance), Adam(model, lr=0.02)
    warmup(model, loss, optimizer, batch_size=64, progress=False)
    step = compile_step(model, loss, optimizer)
    X = rng.uniform(-1, 1, (64, 1)).astype(np.float32)
    Y = (X + 0.1 * rng.standard_normal((64, M))).astype(np.float32)
    values = [step(X, Y) for _ in range(200)]
    assert values[-1] < values[0] - 0.5
