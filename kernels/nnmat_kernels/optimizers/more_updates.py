"""The updates of NAdam, Adagrad and Lion: one pass over theta, the gradients g and the optimizer's own vectors.

What `updates` says of its own holds for these.
"""

import math

import numpy as np
from numba import prange

from ..elementwise.vector_math import fma
from ..runtime.config import exact_jit, parallel_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import PARALLEL_SIZE
from .vectors import UPDATE_CHUNK, check_vectors, chunk, floats, step_number


@exact_jit
def _momentum_of_step(step, beta, slope):
    """The weight of the running mean at a step: it rises to beta."""
    return beta * (1.0 - 0.5 * 0.96 ** (np.float64(step) * slope))


@exact_jit
def _advance(product, step, beta, slope):
    mu = _momentum_of_step(step, beta, slope)
    product[0] = mu if step == 1 else product[0] * mu
    return product[0]


@exact_jit
def _nadam(theta, g, m, v, product, lr, step, beta1, beta2, eps, slope, decay, decoupled, scale):
    kind = theta.dtype.type
    mu, coming = _momentum_of_step(step, beta1, slope), _momentum_of_step(step + 1, beta1, slope)
    of_g, of_m = kind(lr * (1.0 - mu) / (1.0 - product)), kind(lr * coming / (1.0 - product * coming))
    root = kind(1.0 / math.sqrt(1.0 - beta2 ** np.float64(step)))
    shrink = kind(lr * decay if decoupled else 0.0)
    decay = kind(0.0 if decoupled else decay)
    gain1, gain2 = kind(1.0 - beta1), kind(1.0 - beta2)
    beta1, beta2, eps, scale = kind(beta1), kind(beta2), kind(eps), kind(scale)
    for i in range(theta.size):
        d = fma(scale, g[i], decay * theta[i])
        m[i] = fma(beta1, m[i], gain1 * d)
        v[i] = fma(beta2, v[i], gain2 * (d * d))
        theta[i] -= fma(shrink, theta[i], fma(of_g, d, of_m * m[i]) / fma(root, math.sqrt(v[i]), eps))


@exact_jit
def _adagrad(theta, g, v, lr, eps, decay, scale):
    kind = theta.dtype.type
    lr, eps, decay, scale = kind(lr), kind(eps), kind(decay), kind(scale)
    for i in range(theta.size):
        d = fma(scale, g[i], decay * theta[i])
        v[i] = fma(d, d, v[i])
        theta[i] -= lr * d / (math.sqrt(v[i]) + eps)


@exact_jit
def _lion(theta, g, m, lr, beta1, beta2, decay, scale):
    kind = theta.dtype.type
    shrink, lr = kind(lr * decay), kind(lr)
    gain1, gain2 = kind(1.0 - beta1), kind(1.0 - beta2)
    beta1, beta2, scale = kind(beta1), kind(beta2), kind(scale)
    zero, one = kind(0), kind(1)
    for i in range(theta.size):
        d = scale * g[i]
        u = fma(beta1, m[i], gain1 * d)
        sign = one if u > zero else -one if u < zero else u  # NaN stays NaN
        theta[i] -= fma(shrink, theta[i], lr * sign)
        m[i] = fma(beta2, m[i], gain2 * d)


@parallel_jit
def _nadam_parallel(theta, g, m, v, product, lr, step, beta1, beta2, eps, slope, decay, decoupled, scale):
    for i in prange(theta.size // UPDATE_CHUNK):
        part = chunk(np.int64(i), theta.size)
        _nadam(
            theta[part], g[part], m[part], v[part], product, lr, step, beta1, beta2, eps, slope, decay, decoupled, scale
        )


@parallel_jit
def _adagrad_parallel(theta, g, v, lr, eps, decay, scale):
    for i in prange(theta.size // UPDATE_CHUNK):
        part = chunk(np.int64(i), theta.size)
        _adagrad(theta[part], g[part], v[part], lr, eps, decay, scale)


@parallel_jit
def _lion_parallel(theta, g, m, lr, beta1, beta2, decay, scale):
    for i in prange(theta.size // UPDATE_CHUNK):
        part = chunk(np.int64(i), theta.size)
        _lion(theta[part], g[part], m[part], lr, beta1, beta2, decay, scale)


@operation("product")
def nadam_product_unchecked(product, step: int, beta1: float, slope: float) -> float:
    """Advance product (1,), float64, to μ₁ ⋯ μₖ of this step k, and return it; step 1 does not read it."""
    return launch(_advance, product, step, beta1, slope)


def nadam_update(
    theta: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    *,
    product: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    step: int,
    slope: float = 4e-3,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    scale: float = 1.0,
) -> None:
    """NAdam, in place; `step` counts from 1, and `product` is μ₁ ⋯ μₖ of all steps up to this one.

    d = scale g + weight_decay theta   (decoupled: d = scale g)
    m = beta1 m + (1 - beta1) d        v = beta2 v + (1 - beta2) d²        μᵢ = beta1 (1 - 0.96^(i slope)/2)
    theta = theta - lr ((1 - μₖ) d/(1 - product) + μₖ₊₁ m/(1 - product μₖ₊₁)) / (√(v/(1 - beta2ᵏ)) + eps)
                                       (decoupled: - lr weight_decay theta besides)

    Shapes: all vectors (n,), of one dtype, float32 or float64, contiguous and writable; g is only read.
    Errors: ShapeError, DtypeError, ValueError (step, scalars, overlap).
    Reference: docs/equations.md, section 5.7.
    """
    check_vectors("nadam_update", [], theta=theta, g=g, m=m, v=v)
    product, lr, beta1, beta2, eps, slope, weight_decay, scale = floats(
        "nadam_update", product=product, lr=lr, beta1=beta1, beta2=beta2, eps=eps, slope=slope,
        weight_decay=weight_decay, scale=scale,
    )  # fmt: skip
    step = step_number("nadam_update", step)
    nadam_update_unchecked(theta, g, m, v, product, lr, beta1, beta2, eps, step, slope, weight_decay, decoupled, scale)


@operation("theta", "m", "v")
def nadam_update_unchecked(
    theta, g, m, v, product, lr, beta1, beta2, eps, step, slope=4e-3, weight_decay=0.0, decoupled=False, scale=1.0
):
    body = _nadam_parallel if theta.size >= PARALLEL_SIZE else _nadam
    launch(body, theta, g, m, v, product, lr, step, beta1, beta2, eps, slope, weight_decay, decoupled, scale)


def adagrad_update(
    theta: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    *,
    lr: float,
    eps: float,
    weight_decay: float = 0.0,
    scale: float = 1.0,
) -> None:
    """Adagrad, in place.

    d = scale g + weight_decay theta        v = v + d²        theta = theta - lr d/(√v + eps)

    Shapes: all vectors (n,), of one dtype, float32 or float64, contiguous and writable; g is only read.
    Errors: ShapeError, DtypeError, ValueError (scalars, overlap).
    Reference: docs/equations.md, section 5.8.
    """
    check_vectors("adagrad_update", [], theta=theta, g=g, v=v)
    scalars = floats("adagrad_update", lr=lr, eps=eps, weight_decay=weight_decay, scale=scale)
    adagrad_update_unchecked(theta, g, v, *scalars)


@operation("theta", "v")
def adagrad_update_unchecked(theta, g, v, lr, eps, weight_decay=0.0, scale=1.0):
    body = _adagrad_parallel if theta.size >= PARALLEL_SIZE else _adagrad
    launch(body, theta, g, v, lr, eps, weight_decay, scale)


def lion_update(
    theta: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    *,
    lr: float,
    beta1: float,
    beta2: float,
    weight_decay: float = 0.0,
    scale: float = 1.0,
) -> None:
    """Lion, in place.

    theta = theta - lr (sign(beta1 m + (1 - beta1) scale g) + weight_decay theta)        sign(0) = 0
    m = beta2 m + (1 - beta2) scale g

    Shapes: all vectors (n,), of one dtype, float32 or float64, contiguous and writable; g is only read.
    Errors: ShapeError, DtypeError, ValueError (scalars, overlap).
    Reference: docs/equations.md, section 5.9.
    """
    check_vectors("lion_update", [], theta=theta, g=g, m=m)
    scalars = floats("lion_update", lr=lr, beta1=beta1, beta2=beta2, weight_decay=weight_decay, scale=scale)
    lion_update_unchecked(theta, g, m, *scalars)


@operation("theta", "m")
def lion_update_unchecked(theta, g, m, lr, beta1, beta2, weight_decay=0.0, scale=1.0):
    body = _lion_parallel if theta.size >= PARALLEL_SIZE else _lion
    launch(body, theta, g, m, lr, beta1, beta2, weight_decay, scale)
