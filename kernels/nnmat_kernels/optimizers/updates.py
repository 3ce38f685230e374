"""Optimizer updates: one pass over the parameters theta, the gradients g and the optimizer's own vectors.

All operations are element-wise and computed as written, so no result depends on the threads, nor on an element's place.
Scalars are computed in float64 and rounded once to the vectors' dtype, in the kernels. `scale` multiplies the gradient
first (clipping by the global norm). All vectors are changed in place, except g.
"""

import functools
import math
import numbers
from typing import Any

import numpy as np
from numba import float64, prange

from ..codegen.function_pointer import entry_point, flat_of
from ..elementwise.vector_math import fma
from ..errors import DtypeError, ShapeError
from ..runtime.arrays import as_array, canonical, is_plain
from ..runtime.config import exact_jit, parallel_jit
from ..runtime.door import dtype_remedy, plain
from ..runtime.launch import launch, operation
from ..runtime.parallel import PARALLEL_SIZE

UPDATE_CHUNK = 8_192  # elements


@exact_jit
def _sgd(theta, g, lr, decay, scale):
    kind = theta.dtype.type
    lr, decay, scale = kind(lr), kind(decay), kind(scale)
    for i in range(theta.size):
        d = fma(scale, g[i], decay * theta[i])
        theta[i] = fma(-lr, d, theta[i])


@exact_jit
def _momentum(theta, g, v, lr, carry, gain, hold, push, decay, scale):
    kind = theta.dtype.type
    lr, carry, gain, decay, scale = kind(lr), kind(carry), kind(gain), kind(decay), kind(scale)
    hold, push = kind(hold), kind(push)
    for i in range(theta.size):
        d = fma(scale, g[i], decay * theta[i])
        v[i] = fma(carry, v[i], gain * d)
        theta[i] = fma(-lr, fma(hold, d, push * v[i]), theta[i])


@exact_jit
def _adam(theta, g, m, v, lr, step, beta1, beta2, eps, decay, decoupled, scale):
    kind = theta.dtype.type
    rate = kind(lr / (1.0 - beta1 ** np.float64(step)))
    root = kind(1.0 / math.sqrt(1.0 - beta2 ** np.float64(step)))
    shrink = kind(lr * decay if decoupled else 0.0)
    decay = kind(0.0 if decoupled else decay)
    gain1, gain2 = kind(1.0 - beta1), kind(1.0 - beta2)
    beta1, beta2, eps, scale = kind(beta1), kind(beta2), kind(eps), kind(scale)
    for i in range(theta.size):
        d = fma(scale, g[i], decay * theta[i])
        m[i] = fma(beta1, m[i], gain1 * d)
        v[i] = fma(beta2, v[i], gain2 * (d * d))
        theta[i] -= fma(shrink, theta[i], rate * m[i] / fma(root, math.sqrt(v[i]), eps))


@exact_jit
def _rmsprop(theta, g, v, lr, alpha, gain, eps, decay, scale):
    kind = theta.dtype.type
    lr, alpha, gain, eps, decay, scale = kind(lr), kind(alpha), kind(gain), kind(eps), kind(decay), kind(scale)
    for i in range(theta.size):
        d = fma(scale, g[i], decay * theta[i])
        v[i] = fma(alpha, v[i], gain * (d * d))
        theta[i] -= lr * d / (math.sqrt(v[i]) + eps)


@exact_jit
def _rmsprop_momentum(theta, g, v, a, b, lr, alpha, gain, eps, momentum, centre, decay, scale):
    kind = theta.dtype.type
    lr, alpha, gain, eps, decay, scale = kind(lr), kind(alpha), kind(gain), kind(eps), kind(decay), kind(scale)
    momentum, centre, zero = kind(momentum), kind(centre), kind(0)
    for i in range(theta.size):
        d = fma(scale, g[i], decay * theta[i])
        v[i] = fma(alpha, v[i], gain * (d * d))
        a[i] = fma(alpha, a[i], gain * d)
        variance = fma(-centre, a[i] * a[i], v[i])
        variance = zero if variance < zero else variance  # rounding may make it negative; NaN stays NaN
        b[i] = fma(momentum, b[i], d / (math.sqrt(variance) + eps))
        theta[i] = fma(-lr, b[i], theta[i])


@exact_jit
def _part(i, n):
    """Chunk i of n elements."""
    chunks = n // UPDATE_CHUNK
    return slice(i * n // chunks, (i + 1) * n // chunks)


@parallel_jit
def _sgd_parallel(theta, g, lr, decay, scale):
    for i in prange(theta.size // UPDATE_CHUNK):
        part = _part(np.int64(i), theta.size)
        _sgd(theta[part], g[part], lr, decay, scale)


@parallel_jit
def _momentum_parallel(theta, g, v, lr, carry, gain, hold, push, decay, scale):
    for i in prange(theta.size // UPDATE_CHUNK):
        part = _part(np.int64(i), theta.size)
        _momentum(theta[part], g[part], v[part], lr, carry, gain, hold, push, decay, scale)


@parallel_jit
def _adam_parallel(theta, g, m, v, lr, step, beta1, beta2, eps, decay, decoupled, scale):
    for i in prange(theta.size // UPDATE_CHUNK):
        part = _part(np.int64(i), theta.size)
        _adam(theta[part], g[part], m[part], v[part], lr, step, beta1, beta2, eps, decay, decoupled, scale)


@parallel_jit
def _rmsprop_parallel(theta, g, v, lr, alpha, gain, eps, decay, scale):
    for i in prange(theta.size // UPDATE_CHUNK):
        part = _part(np.int64(i), theta.size)
        _rmsprop(theta[part], g[part], v[part], lr, alpha, gain, eps, decay, scale)


@parallel_jit
def _rmsprop_momentum_parallel(theta, g, v, a, b, lr, alpha, gain, eps, momentum, centre, decay, scale):
    for i in prange(theta.size // UPDATE_CHUNK):
        part = _part(np.int64(i), theta.size)
        _rmsprop_momentum(
            theta[part], g[part], v[part], a[part], b[part], lr, alpha, gain, eps, momentum, centre, decay, scale
        )


@exact_jit
def _clip_scale(norm, limit):
    ratio = limit / (norm + 1e-6)
    return 1.0 if ratio >= 1.0 else ratio  # a NaN norm stays NaN


@operation()
def clip_scale_unchecked(norm: float, limit: float) -> float:
    """min(1, limit/(norm + 1e-6)): what the gradient is multiplied with so that its norm is `limit` at the most."""
    return launch(_clip_scale, norm, limit)


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
    _check("sgd_update", ["v"], theta=theta, g=g, v=v)
    scalars = _floats(
        "sgd_update", lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, scale=scale
    )
    if v is None and momentum != 0.0:
        raise ValueError("sgd_update: expected v with momentum, got None. Pass np.zeros_like(theta).")
    lr, momentum, dampening, weight_decay, scale = scalars
    sgd_update_unchecked(theta, g, v, lr, momentum, dampening, nesterov, weight_decay, scale, first)


@operation("theta", "v")
def sgd_update_unchecked(
    theta, g, v, lr, momentum=0.0, dampening=0.0, nesterov=False, weight_decay=0.0, scale=1.0, first=False
):
    parallel = theta.size >= PARALLEL_SIZE
    if v is None:
        launch(_sgd_parallel if parallel else _sgd, theta, g, lr, weight_decay, scale)
        return
    if first:
        v.fill(0)  # whatever it held: 0 times NaN would be NaN
    carry, gain = (0.0, 1.0) if first else (momentum, 1.0 - dampening)
    hold, push = (1.0, momentum) if nesterov else (0.0, 1.0)
    body = _momentum_parallel if parallel else _with_momentum(theta.dtype)
    launch(body, theta, g, v, lr, carry, gain, hold, push, weight_decay, scale)


@functools.cache
def _with_momentum(dtype):
    return entry_point(_momentum, *[flat_of(dtype)] * 3, *[float64] * 7)


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
    _check("adam_update", [], theta=theta, g=g, m=m, v=v)
    scalars = _floats("adam_update", lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay, scale=scale)
    if not isinstance(step, numbers.Integral) or step < 1:
        raise ValueError(f"adam_update: expected step to be an integer >= 1, got {step!r}. The first update is step 1.")
    lr, beta1, beta2, eps, weight_decay, scale = scalars
    adam_update_unchecked(theta, g, m, v, lr, beta1, beta2, eps, int(step), weight_decay, decoupled, scale)


@operation("theta", "m", "v")
def adam_update_unchecked(theta, g, m, v, lr, beta1, beta2, eps, step, weight_decay=0.0, decoupled=False, scale=1.0):
    body = _adam_parallel if theta.size >= PARALLEL_SIZE else _adam
    launch(body, theta, g, m, v, lr, step, beta1, beta2, eps, weight_decay, decoupled, scale)


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
    who = "rmsprop_update"
    _check(who, ["a", "b"], theta=theta, g=g, v=v, a=a, b=b)
    scalars = _floats(who, lr=lr, alpha=alpha, eps=eps, momentum=momentum, weight_decay=weight_decay, scale=scale)
    lr, alpha, eps, momentum, weight_decay, scale = scalars
    if (a is None or b is None) and (centered or momentum != 0.0):
        raise ValueError("rmsprop_update: expected a and b if centered or with momentum. Pass np.zeros_like(theta).")
    rmsprop_update_unchecked(theta, g, v, a, b, lr, alpha, eps, centered, momentum, weight_decay, scale)


@operation("theta", "v", "a", "b")
def rmsprop_update_unchecked(
    theta, g, v, a, b, lr, alpha, eps, centered=False, momentum=0.0, weight_decay=0.0, scale=1.0
):
    parallel = theta.size >= PARALLEL_SIZE
    if a is None or b is None:
        body = _rmsprop_parallel if parallel else _rmsprop
        launch(body, theta, g, v, lr, alpha, 1.0 - alpha, eps, weight_decay, scale)
        return
    body = _rmsprop_momentum_parallel if parallel else _rmsprop_momentum
    centre = 1.0 if centered else 0.0
    launch(body, theta, g, v, a, b, lr, alpha, 1.0 - alpha, eps, momentum, centre, weight_decay, scale)


def _floats(who: str, **scalars: float) -> list[float]:
    """The scalars as floats, so that kernels are compiled for one kind of number."""
    for name, x in scalars.items():
        if type(x) is not float and not isinstance(x, numbers.Real):  # `float`: the usual case, quickly
            raise ValueError(f"{who}: expected {name} to be a number, got {x!r}. Try a float.")
    return [float(x) for x in scalars.values()]


def _check(who: str, optional: list[str], **vectors: Any) -> None:
    """Raises if the vectors differ in length or dtype, or cannot be changed in place; the `optional` may be None."""
    theta = as_array(who, "theta", vectors["theta"], ndim=1)
    for name, x in vectors.items():
        if x is None and name in optional:
            continue
        plain(who, name, x)  # raises for what is no array
        if not is_plain(x):
            raise DtypeError(
                f"{who}: expected {name} to be a NumPy array without a mask, because the update is made in place, got "
                f"{type(x).__name__}. Pass its numbers: {name}.data."
            )
        if x.shape != theta.shape:
            raise ShapeError(f"{who}: expected {name} of shape {theta.shape}, as theta, got {x.shape}.")
        if x.dtype != theta.dtype:
            remedy = dtype_remedy(name, x.dtype, str(theta.dtype))
            raise DtypeError(f"{who}: expected {name} of dtype {theta.dtype}, as theta, got {x.dtype}. {remedy}")
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
