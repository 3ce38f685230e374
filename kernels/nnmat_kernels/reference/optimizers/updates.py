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


def adam_update(theta, g, m, v, top=None, *, lr, beta1, beta2, eps, step, weight_decay=0.0, decoupled=False, scale=1.0):
    """Adam with coupled L2, or AdamW with decoupled weight decay; with `top` AMSGrad."""
    d = scale * g
    if decoupled:
        theta[...] = (1 - lr * weight_decay) * theta
    else:
        d = d + weight_decay * theta
    m[...] = beta1 * m + (1 - beta1) * d
    v[...] = beta2 * v + (1 - beta2) * d**2
    if top is not None:
        top[...] = np.maximum(top, v)
    m_hat, v_hat = m / (1 - beta1**step), (v if top is None else top) / (1 - beta2**step)
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


def nadam_update(
    theta, g, m, v, *, product, lr, beta1, beta2, eps, step, slope=4e-3, weight_decay=0.0, decoupled=False, scale=1.0
):
    """NAdam with coupled L2 or decoupled weight decay."""
    d = scale * g
    before = theta.copy()
    if not decoupled:
        d = d + weight_decay * theta
    m[...] = beta1 * m + (1 - beta1) * d
    v[...] = beta2 * v + (1 - beta2) * d**2
    mu, coming = (beta1 * (1 - 0.5 * 0.96 ** (i * slope)) for i in (step, step + 1))
    mean = (1 - mu) * d / (1 - product) + coming * m / (1 - product * coming)
    theta[...] = theta - lr * mean / (np.sqrt(v / (1 - beta2**step)) + eps)
    if decoupled:
        theta[...] -= lr * weight_decay * before


def adagrad_update(theta, g, v, *, lr, eps, weight_decay=0.0, scale=1.0):
    """Adagrad with coupled L2."""
    d = scale * g + weight_decay * theta
    v[...] = v + d**2
    theta[...] = theta - lr * d / (np.sqrt(v) + eps)


def lion_update(theta, g, m, *, lr, beta1, beta2, weight_decay=0.0, scale=1.0):
    """Lion with decoupled weight decay."""
    d = scale * g
    theta[...] = theta - lr * (np.sign(beta1 * m + (1 - beta1) * d) + weight_decay * theta)
    m[...] = beta2 * m + (1 - beta2) * d
