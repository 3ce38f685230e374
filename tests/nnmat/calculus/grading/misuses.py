"""Right derivations as people write them, and single misuses put into them as text."""

import re
from collections.abc import Iterator

import numpy as np

# name: (function, variable, declarations, lines)
RIGHT: dict[str, tuple[str, str, dict, list[str]]] = {
    "bilinear": (
        "x.T @ A @ y", "A", {"x": "M", "A": ("M", "N"), "y": "N"},
        ["df = x.T @ dA @ y", "= trace(x.T @ dA @ y)", "= trace(y @ x.T @ dA)", "= trace((x @ y.T).T @ dA)",
         "gradient = x @ y.T"],
    ),
    "bilinear in y": (
        "x.T @ A @ y", "y", {"x": "M", "A": ("M", "N"), "y": "N"},
        ["df = x.T @ A @ dy", "= (A.T @ x).T @ dy", "gradient = A.T @ x"],
    ),
    "least squares": (
        "(X @ w - t).T @ (X @ w - t)", "w", {"X": ("M", "N"), "w": "N", "t": "M"},
        ["r = X @ w - t", "dr = X @ dw", "df = dr.T @ r + r.T @ dr", "= 2 * r.T @ dr", "= 2 * r.T @ X @ dw",
         "gradient = 2 * X.T @ (X @ w - t)"],
    ),
    "least squares in X": (
        "(X @ w - t).T @ (X @ w - t)", "X", {"X": ("M", "N"), "w": "N", "t": "M"},
        ["r = X @ w - t", "dr = dX @ w", "df = 2 * r.T @ dX @ w", "= trace(2 * w @ r.T @ dX)",
         "gradient = 2 * (X @ w - t) @ w.T"],
    ),
    "gaussian": (
        "dim(D) * logdet(S) + trace(inv(S) @ R)", "S", {"S": ("D", "D"), "R": ("D", "D")},
        ["df = dim(D) * trace(inv(S) @ dS) - trace(inv(S) @ dS @ inv(S) @ R)",
         "= trace(dim(D) * inv(S) @ dS - inv(S) @ R @ inv(S) @ dS)",
         "gradient = dim(D) * inv(S).T - inv(S).T @ R.T @ inv(S).T"],
    ),
    "determinant": (
        "logdet(A.T @ A)", "A", {"A": ("M", "N")},
        ["df = trace(inv(A.T @ A) @ (dA.T @ A + A.T @ dA))", "= 2 * trace(inv(A.T @ A) @ A.T @ dA)",
         "gradient = 2 * A @ inv(A.T @ A)"],
    ),
    "sigmoid": (
        "x.T @ sigmoid(A @ y)", "A", {"x": "M", "A": ("M", "N"), "y": "N"},
        ["s = sigmoid(A @ y)", "ds = s * (1 - s) * (dA @ y)", "df = x.T @ (s * (1 - s) * (dA @ y))",
         "= (x * s * (1 - s)).T @ dA @ y", "gradient = (x * s * (1 - s)) @ y.T"],
    ),
    "inverse": (
        "x.T @ inv(B) @ z", "B", {"x": "N", "B": ("N", "N"), "z": "N"},
        ["df = -x.T @ inv(B) @ dB @ inv(B) @ z", "= -trace(inv(B) @ z @ x.T @ inv(B) @ dB)",
         "gradient = -inv(B).T @ x @ z.T @ inv(B).T"],
    ),
    "sigmoid and inverse": (
        "x.T @ A @ sigmoid(inv(B) @ z)", "B", {"x": "M", "A": ("M", "N"), "B": ("N", "N"), "z": "N"},
        ["y = sigmoid(inv(B) @ z)", "g = A.T @ x * y * (1 - y)", "df = -g.T @ inv(B) @ dB @ inv(B) @ z",
         "gradient = -inv(B).T @ (A.T @ x * y * (1 - y)) @ z.T @ inv(B).T"],
    ),
    "softmax": (
        "-t.T @ log_softmax(W @ x)", "W", {"t": "K", "W": ("K", "N"), "x": "N"},
        ["p = softmax(W @ x)", "df = (sum(t) * p - t).T @ dW @ x", "= trace(x @ (sum(t) * p - t).T @ dW)",
         "gradient = (sum(t) * p - t) @ x.T"],
    ),
    "network": (
        "-t.T @ (V @ sigmoid(W @ x))", "W", {"t": "K", "V": ("K", "M"), "W": ("M", "N"), "x": "N"},
        ["s = sigmoid(W @ x)", "df = -t.T @ V @ (s * (1 - s) * (dW @ x))", "= -(V.T @ t * s * (1 - s)).T @ dW @ x",
         "gradient = -(V.T @ t * s * (1 - s)) @ x.T"],
    ),
    "ridge": (
        "norm2(X @ w - t) ** 2 + a * w.T @ w", "w", {"X": ("M", "N"), "w": "N", "t": "M", "a": ()},
        ["df = 2 * (X @ w - t).T @ X @ dw + 2 * a * w.T @ dw", "gradient = 2 * X.T @ (X @ w - t) + 2 * a * w"],
    ),
    "hadamard": (
        "sum((X @ A) * Y)", "A", {"X": ("M", "N"), "A": ("N", "K"), "Y": ("M", "K")},
        ["df = sum((X @ dA) * Y)", "= trace(Y.T @ X @ dA)", "gradient = X.T @ Y"],
    ),
    "quadratic": (
        "x.T @ A @ x", "x", {"x": "N", "A": ("N", "N")},
        ["df = dx.T @ A @ x + x.T @ A @ dx", "= x.T @ A.T @ dx + x.T @ A @ dx", "= x.T @ (A + A.T) @ dx",
         "gradient = (A + A.T) @ x"],
    ),
    "squares": (
        "trace(A @ A.T @ B)", "A", {"A": ("M", "N"), "B": ("M", "M")},
        ["df = trace(dA @ A.T @ B) + trace(A @ dA.T @ B)", "= trace(A.T @ B @ dA) + trace(A.T @ B.T @ dA)",
         "gradient = (B + B.T) @ A"],
    ),
}  # fmt: skip


def transposes(body: str) -> Iterator[str]:
    """A transpose is lost."""
    for m in re.finditer(r"\.T\b", body):
        yield body[: m.start()] + body[m.end() :]


def signs(body: str) -> Iterator[str]:
    """A minus is lost."""
    for m in re.finditer("-", body):
        lone = body[: m.start()].rstrip()[-1:] in ("", "(", "=")
        yield body[: m.start()] + ("" if lone else "+") + body[m.end() :]


def orders(body: str) -> Iterator[str]:
    """Two factors that stand beside one another change places."""
    factor = r"(?:\w+\(\w+\)|\w+)(?:\.T)?"
    for m in re.finditer(rf"(?<![\w.)])({factor}) @ (?=({factor})(?![\w(.]))", body):
        end = m.end() + len(m[2])
        yield body[: m.start()] + f"{m[2]} @ {m[1]}" + body[end:]


def hadamards(body: str) -> Iterator[str]:
    """A matrix product stands where an elementwise one belongs."""
    for m in re.finditer(r" \* ", body):
        if re.search(r"(\d|\ba|dim\(\w\)|sum\(\w\))$", body[: m.start()]) is None:
            yield f"{body[: m.start()]} @ {body[m.end() :]}"


def parentheses(body: str) -> Iterator[str]:
    """A pair of parentheses that groups is lost."""
    opened: list[int] = []
    for i, sign in enumerate(body):
        if sign == "(":
            opened.append(i)
        elif sign == ")":
            at = opened.pop()
            if at == 0 or not (body[at - 1].isalnum() or body[at - 1] == "_"):
                yield body[:at] + body[at + 1 : i] + body[i + 1 :]


def factors(body: str, sizes: tuple[str, ...] = ("N", "M", "D", "K")) -> Iterator[str]:
    """1/N, as from a mean, in front of a trace or of the whole."""
    for n in sizes:
        yield f"({body}) / dim({n})"


WAYS = {
    "transpose": transposes,
    "sign": signs,
    "order": orders,
    "hadamard": hadamards,
    "parentheses": parentheses,
    "factor": factors,
}


def injected(rng: np.random.Generator, misuse: str) -> Iterator[tuple[str, int, str, str]]:
    """(name of the derivation, place of the line, the right line, the line with the misuse), in random order."""
    found = []
    for name, (_, _, shapes, lines) in RIGHT.items():
        for at, line in enumerate(lines):
            left, _, body = line.partition("=")
            if left.strip() not in ("df", "gradient", "") and not left.strip().startswith("d"):
                continue  # a quantity is what it is said to be
            for new in WAYS[misuse](body.strip()):
                known = {n for s in shapes.values() for n in (s if isinstance(s, tuple) else (s,))}
                if misuse != "factor" or set(re.findall(r"dim\((\w)\)$", new)) <= known:
                    found.append((name, at, line, f"{left}= {new}"))
    for i in rng.permutation(len(found)):
        yield found[i]
