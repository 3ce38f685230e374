"""The text of functions that stand above the lines of a compiled function, and of the elementwise functions."""

import numpy as np

from ..notation.arrays import FUNCTIONS, HELPERS

# NumPy code of each elementwise function of the language.
ENTRIES = {
    **{name: f"np.{name}({{0}})" for name in ("exp", "log", "tanh", "abs", "sign", "sqrt", "sin", "cos")},
    "sigmoid": "sigmoid({0})",
    "relu": "np.maximum({0}, 0)",
    "step": "np.heaviside({0}, 0)",
    "softplus": "np.logaddexp({0}, 0)",
    "phi": "phi({0})",
    "Phi": "Phi({0})",
    "gelu": "gelu({0})",
}


def entry_code(name: str) -> str:
    """The code of an elementwise function, with {0} for its argument; empty where NumPy has none."""
    return ENTRIES.get(name) or FUNCTIONS.get(name) or (f"np.{name}({{0}})" if hasattr(np, name) else "")


TEXTS = {
    **HELPERS,
    "sigmoid": "def sigmoid(x):\n    return 1 / (1 + np.exp(-x))",
    "inverse": '''def inverse(A):
    """By blocks where A is large: most of it is then products of matrices. Checked, and else by LAPACK."""
    if len(A) >= 192:  # `ordering.LARGE`
        try:
            B, x = blockwise(A), np.cos(np.arange(len(A)))
            y = B @ x
            if np.abs(A @ y - x).max() <= 1e-13 * np.abs(A).max() * np.abs(y).max() * len(A) ** 0.5:
                return B
        except np.linalg.LinAlgError:
            pass
    return np.linalg.inv(A)''',
    "blockwise": """def blockwise(A):
    h = len(A) // 2
    if h < 48:
        return np.linalg.inv(A)
    P, Q, R, S = A[:h, :h], A[:h, h:], A[h:, :h], A[h:, h:]
    P = blockwise(P)
    PQ, RP = P @ Q, R @ P
    S = blockwise(S - R @ PQ)
    B = np.empty_like(A)
    SRP = S @ RP
    B[h:, h:], B[h:, :h], B[:h, h:] = S, -SRP, -(PQ @ S)
    B[:h, :h] = P + PQ @ SRP
    return B""",
}
NEEDS = {"inverse": ["blockwise"], "conv": ["windows"], "conv_kernel": ["windows"]}


def helper_texts(called: set[str]) -> list[str]:
    """The definitions of what is called, and of what these call."""
    needed = called | {name for c in called for name in NEEDS.get(c, [])}
    return [text for name, text in TEXTS.items() if name in needed]
