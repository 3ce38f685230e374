"""Optimizer updates: one pass over the parameters theta, the gradients g and the optimizer's own vectors.

All operations are element-wise, and vectors are cut by their length, so no result depends on the threads. Scalars are
computed in float64 and rounded once to the vectors' dtype. `scale` multiplies the gradient first (clipping by the
global norm). All vectors are changed in place, except g.
"""

import math
import numbers

import numpy as np
from numba import prange

from .checks import as_array, canonical, is_plain
from .config import jit, parallel_jit
from .errors import DtypeError, ShapeError

PARALLEL_FROM = 65_536  # elements
CHUNK = 32_768  # elements per chunk


@jit
def _sgd(theta, g, lr, decay, scale):
    for i in range(theta.size):
        theta[i] -= lr * (scale * g[i] + decay * theta[i])


@jit
def _momentum(theta, g, v, lr, carry, gain, hold, push, decay, scale):
    for i in range(theta.size):
        d = scale * g[i] + decay * theta[i]
        v[i] = carry * v[i] + gain * d
        theta[i] -= lr * (hold * d + push * v[i])


@jit
def _adam(theta, g, m, v, rate, root, beta1, gain1, beta2, gain2, eps, decay, shrink, scale):
    for i in range(theta.size):
        d = scale * g[i] + decay * theta[i]
        m[i] = beta1 * m[i] + gain1 * d
        v[i] = beta2 * v[i] + gain2 * (d * d)
        theta[i] -= shrink * theta[i] + rate * m[i] / (root * math.sqrt(v[i]) + eps)


@jit
def _rmsprop(theta, g, v, lr, alpha, gain, eps, decay, scale):
    for i in range(theta.size):
        d = scale * g[i] + decay * theta[i]
        v[i] = alpha * v[i] + gain * (d * d)
        theta[i] -= lr * d / (math.sqrt(v[i]) + eps)


@jit
def _rmsprop_momentum(theta, g, v, a, b, lr, alpha, gain, eps, momentum, centre, decay, scale):
    zero = theta.dtype.type(0)
    for i in range(theta.size):
        d = scale * g[i] + decay * theta[i]
        v[i] = alpha * v[i] + gain * (d * d)
        a[i] = alpha * a[i] + gain * d
        variance = v[i] - centre * (a[i] * a[i])
        variance = zero if variance < zero else variance  # rounding may make it negative; NaN stays NaN
        b[i] = momentum * b[i] + d / (math.sqrt(variance) + eps)
        theta[i] -= lr * b[i]


@jit
def _part(i, n):
    """Chunk i of n elements."""
    chunks = n // CHUNK
    return slice(i * n // chunks, (i + 1) * n // chunks)


@parallel_jit
def _sgd_parallel(theta, g, lr, decay, scale):
    for i in prange(theta.size // CHUNK):
        part = _part(np.int64(i), theta.size)
        _sgd(theta[part], g[part], lr, decay, scale)


@parallel_jit
def _momentum_parallel(theta, g, v, lr, carry, gain, hold, push, decay, scale):
    for i in prange(theta.size // CHUNK):
        part = _part(np.int64(i), theta.size)
        _momentum(theta[part], g[part], v[part], lr, carry, gain, hold, push, decay, scale)


@parallel_jit
def _adam_parallel(theta, g, m, v, rate, root, beta1, gain1, beta2, gain2, eps, decay, shrink, scale):
    for i in prange(theta.size // CHUNK):
        part = _part(np.int64(i), theta.size)
        _adam(theta[part], g[part], m[part], v[part], rate, root, beta1, gain1, beta2, gain2, eps, decay, shrink, scale)


@parallel_jit
def _rmsprop_parallel(theta, g, v, lr, alpha, gain, eps, decay, scale):
    for i in prange(theta.size // CHUNK):
        part = _part(np.int64(i), theta.size)
        _rmsprop(theta[part], g[part], v[part], lr, alpha, gain, eps, decay, scale)


@parallel_jit
def _rmsprop_momentum_parallel(theta, g, v, a, b, lr, alpha, gain, eps, momentum, centre, decay, scale):
    for i in prange(theta.size // CHUNK):
        part = _part(np.int64(i), theta.size)
        _rmsprop_momentum(
            theta[part], g[part], v[part], a[part], b[part], lr, alpha, gain, eps, momentum, centre, decay, scale
        )


def sgd_update(
    theta: np.ndarray,
    g: np.ndarray,
    v: np.ndarray | None = None,
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    scale: float = 1.0,
    first: bool = False,
) -> None:
    """Stochastic gradient descent, in place; `v` is needed with momentum, `first` marks its first step.

    d = scale g + weight_decay theta
    v = d at the first step, else momentum v + (1 - dampening) d
    theta = theta - lr v,  or with nesterov  theta - lr (d + momentum v);  without momentum  theta - lr d

    Shapes: all vectors (n,), of one dtype, float32 or float64, contiguous and writable; g is only read.
    Errors: ShapeError, DtypeError, ValueError (momentum without v, scalars, overlap).
    Reference: docs/equations.md, section 5.1.
    """
    n, kind = _check("sgd_update", theta=theta, g=g, v=v)
    _check_numbers("sgd_update", lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, scale=scale)
    parallel = n >= PARALLEL_FROM
    if v is None:
        if momentum != 0.0:
            raise ValueError("sgd_update: expected v with momentum, got None. Pass np.zeros_like(theta).")
        scalars = [kind(x) for x in (lr, weight_decay, scale)]
        _sgd_parallel(theta, g, *scalars) if parallel else _sgd(theta, g, *scalars)
        return
    if first:
        v.fill(0)  # whatever it held: 0 times NaN would be NaN
    carry, gain = (0.0, 1.0) if first else (momentum, 1.0 - dampening)
    hold, push = (1.0, momentum) if nesterov else (0.0, 1.0)
    scalars = [kind(x) for x in (lr, carry, gain, hold, push, weight_decay, scale)]
    _momentum_parallel(theta, g, v, *scalars) if parallel else _momentum(theta, g, v, *scalars)


def adam_update(
    theta: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    step: int,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    scale: float = 1.0,
) -> None:
    """Adam, or AdamW if `decoupled`, in place; `step` counts from 1.

    d = scale g + weight_decay theta   (AdamW: d = scale g)
    m = beta1 m + (1 - beta1) d        v = beta2 v + (1 - beta2) d²
    theta = theta - lr m/(1 - beta1ᵏ) / (√(v/(1 - beta2ᵏ)) + eps)   (AdamW: - lr weight_decay theta besides)

    Shapes: all vectors (n,), of one dtype, float32 or float64, contiguous and writable; g is only read.
    Errors: ShapeError, DtypeError, ValueError (step, scalars, overlap).
    Reference: docs/equations.md, section 5.2 and 5.3.
    """
    n, kind = _check("adam_update", theta=theta, g=g, m=m, v=v)
    _check_numbers("adam_update", lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay, scale=scale)
    if not isinstance(step, numbers.Integral) or step < 1:
        raise ValueError(f"adam_update: expected step to be an integer >= 1, got {step!r}. The first update is step 1.")
    step = int(step)
    rate = lr / (1.0 - beta1**step)
    root = 1.0 / math.sqrt(1.0 - beta2**step)
    decay, shrink = (0.0, lr * weight_decay) if decoupled else (weight_decay, 0.0)
    scalars = [kind(x) for x in (rate, root, beta1, 1.0 - beta1, beta2, 1.0 - beta2, eps, decay, shrink, scale)]
    _adam_parallel(theta, g, m, v, *scalars) if n >= PARALLEL_FROM else _adam(theta, g, m, v, *scalars)


def rmsprop_update(
    theta: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    a: np.ndarray | None = None,
    b: np.ndarray | None = None,
    *,
    lr: float,
    alpha: float,
    eps: float,
    centered: bool = False,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    scale: float = 1.0,
) -> None:
    """RMSProp, in place; `a` and `b` are needed if `centered` or with momentum.

    d = scale g + weight_decay theta        v = alpha v + (1 - alpha) d²
    theta = theta - lr d/(√v + eps)
    with a and b:  a = alpha a + (1 - alpha) d,  s = v - a² if centered else v,
                   b = momentum b + d/(√s + eps),  theta = theta - lr b

    Shapes: all vectors (n,), of one dtype, float32 or float64, contiguous and writable; g is only read.
    Errors: ShapeError, DtypeError, ValueError (a and b missing, scalars, overlap).
    Reference: docs/equations.md, section 5.4.
    """
    n, kind = _check("rmsprop_update", theta=theta, g=g, v=v, a=a, b=b)
    _check_numbers(
        "rmsprop_update", lr=lr, alpha=alpha, eps=eps, momentum=momentum, weight_decay=weight_decay, scale=scale
    )
    parallel = n >= PARALLEL_FROM
    if a is None or b is None:
        if centered or momentum != 0.0:
            raise ValueError(
                "rmsprop_update: expected a and b if centered or with momentum. Pass np.zeros_like(theta)."
            )
        scalars = [kind(x) for x in (lr, alpha, 1.0 - alpha, eps, weight_decay, scale)]
        _rmsprop_parallel(theta, g, v, *scalars) if parallel else _rmsprop(theta, g, v, *scalars)
        return
    centre = 1.0 if centered else 0.0
    scalars = [kind(x) for x in (lr, alpha, 1.0 - alpha, eps, momentum, centre, weight_decay, scale)]
    vectors = theta, g, v, a, b
    _rmsprop_momentum_parallel(*vectors, *scalars) if parallel else _rmsprop_momentum(*vectors, *scalars)


def _check_numbers(who: str, **scalars: float) -> None:
    for name, x in scalars.items():
        if type(x) is not float and not isinstance(x, numbers.Real):  # `float`: the usual case, quickly
            raise ValueError(f"{who}: expected {name} to be a number, got {x!r}. Try a float.")


def _check(who: str, **vectors: np.ndarray | None) -> tuple[int, type]:
    """The common length and scalar type of the vectors; raises if they differ or cannot be changed in place."""
    theta = as_array(who, "theta", vectors["theta"], ndim=1)
    for name, x in vectors.items():
        if x is None:
            continue
        if not is_plain(x):
            raise DtypeError(f"{who}: expected {name} to be a NumPy array, got {type(x).__name__}.")
        if x.shape != theta.shape:
            raise ShapeError(f"{who}: expected {name} of shape {theta.shape}, as theta, got {x.shape}.")
        if x.dtype != theta.dtype:
            raise DtypeError(f"{who}: expected {name} of dtype {theta.dtype}, as theta, got {x.dtype}.")
        if canonical(x) is not x:
            raise ShapeError(
                f"{who}: expected {name} to be aligned, writable and contiguous, because the update is made in place. "
                "Pass a vector with all its elements side by side."
            )
    given = [(name, x) for name, x in vectors.items() if x is not None]
    for i, (name, x) in enumerate(given):
        for other, y in given[:i]:
            if np.may_share_memory(x, y):  # exact, for both are contiguous
                raise ValueError(f"{who}: {name} shares memory with {other}. Pass another vector, such as a copy.")
    return theta.size, theta.dtype.type
