"""Optimizer updates as their equations, in float64 NumPy; every function changes theta and the state in place."""

import numpy as np


def sgd_update(
    theta, g, v=None, *, lr, momentum=0.0, dampening=0.0, nesterov=False, weight_decay=0.0, scale=1.0, first=False
):
    """Plain, momentum and Nesterov descent with coupled L2."""
    d = scale * g + weight_decay * theta
    if v is not None:
        v[...] = d if first else momentum * v + (1 - dampening) * d
        d = d + momentum * v if nesterov else v
    theta[...] = theta - lr * d


def adam_update(theta, g, m, v, *, lr, beta1, beta2, eps, step, weight_decay=0.0, decoupled=False, scale=1.0):
    """Adam with coupled L2, or AdamW with decoupled weight decay."""
    d = scale * g
    if decoupled:
        theta[...] = (1 - lr * weight_decay) * theta
    else:
        d = d + weight_decay * theta
    m[...] = beta1 * m + (1 - beta1) * d
    v[...] = beta2 * v + (1 - beta2) * d**2
    m_hat, v_hat = m / (1 - beta1**step), v / (1 - beta2**step)
    theta[...] = theta - lr * m_hat / (np.sqrt(v_hat) + eps)


def rmsprop_update(
    theta, g, v, a=None, b=None, *, lr, alpha, eps, centered=False, momentum=0.0, weight_decay=0.0, scale=1.0
):
    """RMSProp, plain, centred and with momentum."""
    d = scale * g + weight_decay * theta
    v[...] = alpha * v + (1 - alpha) * d**2
    if a is None or b is None:
        theta[...] = theta - lr * d / (np.sqrt(v) + eps)
        return
    a[...] = alpha * a + (1 - alpha) * d
    b[...] = momentum * b + d / (np.sqrt(v - a**2 if centered else v) + eps)
    theta[...] = theta - lr * b
