"""How the tests of losses measure: relative errors, and slopes by finite differences."""

import numpy as np

TOLERANCE = {np.float32: 3e-6, np.float64: 1e-13}


def error(A, B):
    """Distance relative to the larger norm."""
    A, B = np.asarray(A, np.float64), np.asarray(B, np.float64)
    scale = max(np.linalg.norm(A), np.linalg.norm(B))
    return np.linalg.norm(A - B) / scale if scale else 0.0


def slope(f, H, C, h=1e-3):
    """Five-point difference of f at H along C."""
    return (8 * (f(H + h * C) - f(H - h * C)) - (f(H + 2 * h * C) - f(H - 2 * h * C))) / (12 * h)


def differences(f, H):
    """The gradient of f at H by five-point differences."""
    G = np.empty_like(H)
    for i in np.ndindex(H.shape):
        C = np.zeros_like(H)
        C[i] = 1.0
        G[i] = slope(f, H, C)
    return G
