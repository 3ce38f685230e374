"""Optimizer updates: one pass over the parameters theta, the gradients g and the optimizer's own vectors.

All operations are element-wise and computed as written, so no result depends on the threads, nor on an element's place.
Scalars are computed in float64 and rounded once to the vectors' dtype, in the kernels. `scale` multiplies the gradient
first (clipping by the global norm; below 0 to go uphill). All vectors are changed in place, except g.
"""

import functools
import math

import numpy as np
from numba import float64, prange

from ..codegen.function_pointer import entry_point, flat_of
from ..elementwise.vector_math import fma
from ..runtime.config import exact_jit, parallel_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import PARALLEL_SIZE
from .vectors import UPDATE_CHUNK, check_vectors, chunk, floats, step_number


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
def _amsgrad(theta, g, m, v, top, lr, step, beta1, beta2, eps, decay, decoupled, scale):
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
        top[i] = v[i] if v[i] > top[i] or v[i] != v[i] else top[i]  # NaN stays NaN
        theta[i] -= fma(shrink, theta[i], rate * m[i] / fma(root, math.sqrt(top[i]), eps))


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


@parallel_jit
def _sgd_parallel(theta, g, lr, decay, scale):
    for i in prange(theta.size // UPDATE_CHUNK):
        part = chunk(np.int64(i), theta.size)
        _sgd(theta[part], g[part], lr, decay, scale)


@parallel_jit
def _momentum_parallel(theta, g, v, lr, carry, gain, hold, push, decay, scale):
    for i in prange(theta.size // UPDATE_CHUNK):
        part = chunk(np.int64(i), theta.size)
        _momentum(theta[part], g[part], v[part], lr, carry, gain, hold, push, decay, scale)


@parallel_jit
def _adam_parallel(theta, g, m, v, lr, step, beta1, beta2, eps, decay, decoupled, scale):
    for i in prange(theta.size // UPDATE_CHUNK):
        part = chunk(np.int64(i), theta.size)
        _adam(theta[part], g[part], m[part], v[part], lr, step, beta1, beta2, eps, decay, decoupled, scale)


@parallel_jit
def _amsgrad_parallel(theta, g, m, v, top, lr, step, beta1, beta2, eps, decay, decoupled, scale):
    for i in prange(theta.size // UPDATE_CHUNK):
        part = chunk(np.int64(i), theta.size)
        _amsgrad(
            theta[part], g[part], m[part], v[part], top[part], lr, step, beta1, beta2, eps, decay, decoupled, scale
        )


@parallel_jit
def _rmsprop_parallel(theta, g, v, lr, alpha, gain, eps, decay, scale):
    for i in prange(theta.size // UPDATE_CHUNK):
        part = chunk(np.int64(i), theta.size)
        _rmsprop(theta[part], g[part], v[part], lr, alpha, gain, eps, decay, scale)


@parallel_jit
def _rmsprop_momentum_parallel(theta, g, v, a, b, lr, alpha, gain, eps, momentum, centre, decay, scale):
    for i in prange(theta.size // UPDATE_CHUNK):
        part = chunk(np.int64(i), theta.size)
        _rmsprop_momentum(
            theta[part], g[part], v[part], a[part], b[part], lr, alpha, gain, eps, momentum, centre, decay, scale
        )


@exact_jit
def _clip_scale(norm, limit, sign):
    ratio = limit / (norm + 1e-6)
    return sign if ratio >= 1.0 else sign * ratio  # a NaN norm stays NaN


@operation()
def clip_scale_unchecked(norm: float, limit: float, sign: float = 1.0) -> float:
    """sign min(1, limit/(norm + 1e-6)): times this the gradient has the norm `limit` at the most; `sign` is 1 or -1."""
    return launch(_clip_scale, norm, limit, sign)


@exact_jit
def _times(x, y):
    return x * y


@operation()
def times_unchecked(x: float, y: float) -> float:
    """x y, of numbers that may be another one at each step."""
    return launch(_times, x, y)


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
    check_vectors("sgd_update", ["v"], theta=theta, g=g, v=v)
    scalars = floats(
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
    top: np.ndarray | None = None,
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
    with top (AMSGrad):  top = max(top, v) in the place of v in the last line

    Shapes: all vectors (n,), of one dtype, float32 or float64, contiguous and writable; g is only read.
    Errors: ShapeError, DtypeError, ValueError (step, scalars, overlap).
    Reference: docs/equations.md, section 5.2 and 5.3.
    """
    check_vectors("adam_update", ["top"], theta=theta, g=g, m=m, v=v, top=top)
    scalars = floats("adam_update", lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay, scale=scale)
    lr, beta1, beta2, eps, weight_decay, scale = scalars
    step = step_number("adam_update", step)
    adam_update_unchecked(theta, g, m, v, lr, beta1, beta2, eps, step, weight_decay, decoupled, scale, top)


@operation("theta", "m", "v", "top")
def adam_update_unchecked(
    theta, g, m, v, lr, beta1, beta2, eps, step, weight_decay=0.0, decoupled=False, scale=1.0, top=None
):
    parallel = theta.size >= PARALLEL_SIZE
    if top is None:
        body = _adam_parallel if parallel else _adam
        launch(body, theta, g, m, v, lr, step, beta1, beta2, eps, weight_decay, decoupled, scale)
        return
    body = _amsgrad_parallel if parallel else _amsgrad
    launch(body, theta, g, m, v, top, lr, step, beta1, beta2, eps, weight_decay, decoupled, scale)


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
    check_vectors(who, ["a", "b"], theta=theta, g=g, v=v, a=a, b=b)
    scalars = floats(who, lr=lr, alpha=alpha, eps=eps, momentum=momentum, weight_decay=weight_decay, scale=scale)
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
