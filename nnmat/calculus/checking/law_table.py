"""The table of laws, properties and simplifications, each with the numbers that support it.

A law is compared with difference quotients of the left-hand side, at random non-square shapes, by every symbol. A trace
property is compared in both readings, with a random D in the place of the differential. A simplification is applied to
examples, and the two sides are evaluated.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...checks import generator
from ..dimensions import dim
from ..errors import DomainError, UnverifiedError
from ..evaluation.evaluator import Evaluation
from ..language.elementwise import FUNCTIONS
from ..language.expr import Expr, node, number
from ..language.operators import inner, matrix, scalar, vector
from ..laws import adjoints, differentials, simplifier
from ..parsing.parser import parse
from .differences import ATTEMPTS, direction_for, quotient
from .sampling import Point, points

SYMBOLS: dict[str, Any] = {
    s.name: s
    for s in (
        matrix("A", "M", "N"), matrix("B", "M", "N"), matrix("C", "N", "K"), matrix("D", "N", "N"),
        matrix("E", "N", "N"), matrix("R", "N", "N", invertible=True), matrix("S", "N", "N", symmetric=True),
        matrix("Q", "N", "N", orthogonal=True), vector("x", "N"), vector("y", "N"), vector("u", "M"),
        vector("p", "N", sums_to_one=True), matrix("X", "H", "W"), matrix("F", "kh", "kw"), scalar("a"), scalar("b"),
        vector("t", "N", positive=True), matrix("P", "N", "N", positive_definite=True), matrix("Z", "K", "K"),
        matrix("Y", "N", "K"), matrix("L", dim("N") + 2, "N"),
    )
}  # fmt: skip
CONV = "conv(X, F, stride=2, padding=1)"
LAW_EXAMPLES: dict[str, list[str]] = {
    "LAW-1": ["A + B", "a + A - B"],
    "LAW-2": ["A @ C", "A @ D @ C"],
    "LAW-3": ["A.T"],
    "LAW-4": ["trace(D)"],
    "LAW-5": ["inv(D)"],
    "LAW-6": ["det(D)", "det(R)"],
    "LAW-6b": ["logdet(D)"],
    "LAW-7": ["A * B", "a * A * B"],
    "LAW-8": [
        *(f"{name}({'A' if f.inside is None else 't'})" for name, f in FUNCTIONS.items() if name != "polygamma3"),
        "A ** 3",
        "t ** -0.5",
    ],
    "LAW-9": ["conv(X, F)", CONV, "conv(X, F, dilation=2)"],
    "LAW-10": ["softmax(x)", "softmax_rows(A)"],
    "CAL-1": ["log_softmax(x)", "log_softmax_rows(A)"],
    "CAL-2": ["logsumexp(x)", "logsumexp_rows(A)"],
    "CAL-3": ["inner(A, B)"],
    "CAL-4": ["frobenius(A)"],
    "CAL-5": ["kron(A, C)"],
    "CAL-6": ["sum(A)", "diag(D)", "diagm(x)", "vec(A)", "tril(D)", "A[0:2, 1:]", "padded(A, 1, 0, M + 2, N)"],
    "CAL-7": ["adjugate(R)"],
    "CAL-8": [],  # the adjoints, built from LAW-9 and CAL-5
    "CAL-9": ["frobenius(A) ** 2"],
    "CAL-10": ["power(D, 4)", "power(D, n)", "power(R, -2)"],
    "CAL-11": ["expm(D)", "logm(R)"],
    "CAL-12": ["sqrtm(R)"],
    "CAL-13": ["sylvester(D, Z, Y)"],
    "CAL-14": ["power_frechet(D, E, 3)", "expm_frechet(D, E)", "logm_frechet(R, E)"],
    "CAL-15": ["pinv(A)", "pinv(D @ E)"],
    "CAL-16": ["eigenvalues(S)", "eigenvalues(A.T @ A)"],
    "CAL-17": ["eigenvectors(S)"],
    "CAL-18": ["gaps(x)"],
    "CAL-19": ["singular_values(L)"],
    "CAL-20": ["right_singular(L)"],
    "CAL-21": ["nuclear(A)", "nuclear(A.T)"],
    "CAL-22": ["spectral(A)"],
    "CAL-23": ["cholesky(P)"],
    "CAL-24": ["max(A)", "max(A, axis=1)"],
    "CAL-25": ["maximum(A, B)", "maximum(A, a)"],
    "CAL-26": ["where(A, B, a)"],
    "CAL-27": ["t ** y", "t ** a", "2 ** A"],
    "CAL-28": ["hstack(A, u, B)", "vstack(A, x.T)"],
    "CAL-29": ["at_max(A)", "greater(A, B)"],
}
MOVE_EXAMPLES: dict[str, list[str]] = {
    "TR-2": ["A.T"],
    "TR-4b": ["A @ D @ C"],
    "TR-5": ["A * B", "a * A"],
    "TR-6": ["conv(X, F)", CONV],
    "TR-7": ["conv(X, F)", CONV],
    "MOVE-1": ["trace(D)"],
    "MOVE-2": ["inner(A, B)"],
    "MOVE-3": ["sum(A)"],
    "MOVE-4": ["diag(D)", "diagm(x)"],
    "MOVE-5": ["vec(A)"],
    "MOVE-6": ["tril(D)"],
    "MOVE-7": ["kron(A, C)"],
    "MOVE-8": [],
    "MOVE-9": ["A[0:2, 1:]", "padded(A, 1, 0, M + 2, N)"],
    "MOVE-10": ["power_frechet(D, E, 3)", "power_frechet(D, E, n)", "expm_frechet(D, E)", "logm_frechet(R, E)"],
    "MOVE-11": ["sylvester(D, Z, Y)"],
}
EQUALITIES: dict[str, list[tuple[str, str]]] = {
    "TR-1": [("x.T @ D @ y", "trace(x.T @ D @ y)")],
    "TR-3": [("trace(D + E)", "trace(D) + trace(E)")],
    "TR-4": [("trace(A @ B.T)", "trace(B.T @ A)"), ("trace(A @ B.T)", "sum(A * B)")],
    "TR-4b": [("trace(D @ E @ S)", "trace(E @ S @ D)"), ("trace(D @ E @ S)", "trace(S @ D @ E)")],
}
SIM_EXAMPLES: dict[str, list[str]] = {
    "SIM-1": ["1 * A + 0 * B", "A - (B - A)", "-(A - B)", "2 * A * 3"],
    "SIM-2": ["A + A", "2 * A - B - 2 * A", "a * A + a * A"],
    "SIM-3": ["A + a * ones(M, N)", "A + ones(M, N) - A"],
    "SIM-4": ["A @ D + A @ E", "D @ x * a + E @ x * a", "A * B * B + A * B", "a * A - a * B", "2 * A - 2 * B"],
    "SIM-5": ["A @ (a * D)", "trace(2 * D)", "kron(a * A, C)", "diagm(a * x)", "tril(a * D)", "vec(a * A)"],
    "SIM-6": ["A * A * A", "A * A / A", "(t ** 2) ** 0.5", "A ** 1", "(a * b) ** -2", "A ** 2"],
    "SIM-7": ["ones(M, N) * A"],
    "SIM-8": ["(u @ ones(1, N)) * A", "(ones(M) @ x.T) * A", "diagm(x) @ y", "x.T @ diagm(y)", "diagm(x) @ diagm(y)"],
    "SIM-9": ["eye(M) @ A", "inv(eye(N))", "trace(eye(N))", "det(eye(N))", "logdet(eye(N))"],
    "SIM-10": ["D @ x @ y.T @ E @ x @ y.T", "x.T @ y @ x.T @ D @ y"],
    "SIM-11": [
        "inv(D) @ D @ x",
        "inv(inv(D))",
        "inv(D @ E)",
        "inv(2 * D)",
        "inv(diagm(t))",
        "D.T @ inv(D).T",
        "inv(A @ A.T) @ A @ A.T @ A",
        "C @ C.T @ inv(C @ C.T)",
        "inv(kron(D, E))",
    ],
    "SIM-12": ["Q.T @ Q @ D", "inv(Q)"],
    "SIM-13": ["ones(1, N) @ ones(N)", "ones(M) @ ones(1, N)", "sum(ones(M, N))"],
    "SIM-14": ["ones(1, N) @ p", "ones(1, N) @ softmax(x)", "softmax_rows(A) @ ones(N)"],
    "SIM-15": ["y.T @ D.T @ x"],
    "SIM-16": ["x.T @ (y / x)", "ones(1, N) @ (x * y)"],
    "SIM-17": ["A.T.T", "(A @ C).T", "(A * B.T.T).T", "exp(A.T)", "inv(D.T)", "A.T * B.T", "(A.T) ** 3"],
    "SIM-18": ["S.T", "exp(S).T"],
    "SIM-19": ["trace(D.T)", "trace(x @ y.T @ D)", "trace(E @ D)", "trace(kron(D, E))", "trace(diagm(x))"],
    "SIM-20": [
        "inner(x, y)",
        "inner(eye(N), D)",
        "inner(u @ x.T, A)",
        "sum(A * B)",
        "sum(x)",
        "inner(A.T, B.T)",
        "inner(D.T, E)",
        "inner(inv(S), S)",
    ],
    "SIM-21": ["det(D.T)", "det(inv(D))", "logdet(inv(D))", "adjugate(R)", "adjugate(D.T)"],
    "SIM-22": ["log(exp(A))", "exp(log(t))", "sqrt(x.T @ x)", "frobenius(A) ** 2", "sqrt(inner(A, A))"],
    "SIM-23": ["exp(x) / (ones(1, N) @ exp(x))", "log(softmax(x))"],
    "SIM-24": ["diag(diagm(x))", "diag(x @ y.T)", "reshape(vec(A), M, N)", "diag(D.T)", "diag(eye(N))"],
    "SIM-25": [
        "kron_right(kron(A, C), B, N, K)",
        "kron_left(kron(A, C), C, M, N)",
        "kron_right(eye(N*N), D, N, N)",
        "kron_left(eye(N*N), D, N, N)",
        "kron_right(kron(D, E).T, E, N, N)",
    ],
    "SIM-26": ["eye(1) * a", "adjugate(a) + diag(a) * tril(a)", "softmax(a) * logsumexp(a)", "zeros(1, 1) + a"],
    "SIM-27": [
        "a * x - a ** 2 * b * ones(N)",
        "D @ x + E @ x + y",
        "A + A * B + A * exp(B) + B",
        "S @ D + S @ E + Q",
        "2 * A - 2 * a",
    ],
    "SIM-28": ["D @ (-S - Q)", "A * (-A - B) * 2", "(-x - y) * (-x - t)"],
    "SIM-29": [
        "adjugate(D) / det(D)",
        "D @ adjugate(D).T / det(D) ** 2",
        "(S @ adjugate(D) + adjugate(D)) / det(D)",
        "trace(adjugate(D) @ S) / det(D)",
    ],
    "SIM-30": [
        "(x.T @ x) * norm2(x)",
        "frobenius(A) / inner(A, A) * B",
        "(x.T @ x) ** 2 * norm2(x) ** -1 * x",
        "sign(x) / abs(x)",
        "sign(A) * abs(A) * B",
    ],
    "SIM-31": ["1 / (1 + exp(-x))", "exp(A) / (1 + exp(A))", "(exp(a) + 1) ** -2"],
    "SIM-32": [
        "(x / t + y) * t",
        "(x / t - y / (1 - t)) * t * (1 - t)",
        "(1 - x) * y - x * (2 - y)",
        "a * (b - a) + a * a",
    ],
    "SIM-33": [
        "ones(1, N) @ (x - sum(x) / dim(N) * ones(N))",
        "(A - A @ ones(N, N) / dim(N)) @ ones(N)",
        "ones(N, N) @ (eye(N) - ones(N, N) / dim(N))",
        "diagm(x) @ (eye(N) - 2 * (ones(N) @ y.T))",
    ],
    "SIM-34": ["eye(N) * diagm(x) * a", "D.T * eye(N)", "eye(N) * eye(N) * D"],
    "MAT-1": [
        "power(D, 1)",
        "power(D, -1)",
        "power(power(R, n), 2)",
        "D @ power(D, n)",
        "expm_frechet(D, 2 * E)",
        "inv(power(R, n)) @ power(R, n - 1)",
    ],
    "MAT-2": [
        "expm(D.T)",
        "power(D.T, n)",
        "pinv(A.T)",
        "expm_frechet(D.T, E.T)",
        "sylvester(Z.T, D.T, Y.T)",
        "nuclear(A.T)",
        "polar(A.T)",
        "max(A.T)",
    ],
    "MAT-3": ["expm(logm(R))", "sqrtm(P) @ sqrtm(P)", "expm(zeros(N, N))", "logm(eye(N))", "sqrtm(a * a * eye(1))"],
    "MAT-4": [
        "det(expm(D))",
        "logdet(power(R, n))",
        "det(power(D, 3))",
        "trace(logm(R))",
        "sum(eigenvalues(S)) + exp(sum(log(eigenvalues(P))))",
    ],
    "MAT-5": ["expm_frechet(D, D)", "power_frechet(D, eye(N), n)", "logm_frechet(R, inv(R))", "sylvester(R, R, R)"],
    "MAT-6": ["power_frechet(D, E, 2)", "power_frechet(D, E, 3)"],
    "MAT-7": ["pinv(R)"],
    "MAT-8": ["t ** (0 * a + 2)"],
    "MAT-9": ["A[0:2, :][1, 0]", "hstack(A, u)[:, N]", "padded(A, 1, 0, M + 1, N)[1:, :]", "A.T[0:2, 0:2]"],
    "MAT-10": ["max(a) + eigenvalues(a)", "spectral(a) + nuclear(a)", "cholesky(b * b + eye(1))"],
    "MAT-11": [
        "eigenvectors(P) @ diagm(1 / eigenvalues(P)) @ eigenvectors(P).T",
        "eigenvectors(S) @ diagm(exp(eigenvalues(S))) @ eigenvectors(S).T",
        "A @ diagm(padded(a, 1, 0, N, 1)) @ C",
    ],
}


@dataclass(frozen=True)
class Row:
    """One line of the table: how many comparisons were made, and the largest relative error."""

    id: str
    statement: str
    checks: int
    error: float


def law_table(trials: int = 3, seed: int = 0) -> list[Row]:
    """Every law, property and simplification, checked. Raises UnverifiedError at the first that fails."""
    rng = generator("laws", "seed", seed)
    rows = []
    for table in (differentials.STATEMENTS, adjoints.STATEMENTS, simplifier.STATEMENTS):
        for name, statement in sorted(table.items(), key=_place(table)):
            errors = [error for _ in range(trials) for error in _errors(name, rng)]
            if errors:
                rows.append(Row(name, statement, len(errors), max(errors)))
    return rows


def _place(table: Mapping[str, str]) -> Callable[[tuple[str, str]], tuple[int, int, str]]:
    """Where a law stands: kinds in the order of the table, within one by number, LAW-6b behind LAW-6."""
    kinds = list(dict.fromkeys(name.partition("-")[0] for name in table))

    def place(row: tuple[str, str]) -> tuple[int, int, str]:
        kind, _, number = row[0].partition("-")
        digits = number.rstrip("abcdefghijklmnopqrstuvwxyz")
        return kinds.index(kind), int(digits), number

    return place


def _errors(name: str, rng: np.random.Generator) -> Iterable[float]:
    for text in LAW_EXAMPLES.get(name, ()):
        yield from law_errors(name, parse(text, **SYMBOLS), rng)
    for text in MOVE_EXAMPLES.get(name, ()):
        yield from move_errors(name, parse(text, **SYMBOLS), rng)
    for before, after in EQUALITIES.get(name, ()):
        yield equality_error(name, parse(before, **SYMBOLS), parse(after, **SYMBOLS), rng)
    for text in SIM_EXAMPLES.get(name, ()):
        yield from simplification_errors(name, parse(text, **SYMBOLS), rng)
    if name in ("CAL-8", "MOVE-8"):
        for e in trilinear():
            yield from law_errors(name, e, rng) if name == "CAL-8" else move_errors(name, e, rng)


def trilinear() -> list[Expr]:
    """The adjoints of convolution and of the Kronecker product, as nodes."""
    X, F = SYMBOLS["X"], SYMBOLS["F"]
    e = parse(CONV, X=X, F=F)
    k = parse("kron(A, C)", **SYMBOLS)
    H, G = matrix("G", *e.shape), matrix("G", *k.shape)
    return [adjoints.MOVES["conv"][1](H, e, at) for at in (0, 1)] + [
        adjoints.MOVES["kron"][1](G, k, at) for at in (0, 1)
    ]


def _draw(e: Expr, rng: np.random.Generator) -> Iterable[Point]:
    return points(e, rng, ATTEMPTS)


def _gap(name: str, left: np.ndarray, right: np.ndarray, bar: float, what: str) -> float:
    error = float(np.abs(left - right).max()) / max(float(np.abs(left).max()), float(np.abs(right).max()), 1e-3)
    if not error <= bar:
        raise UnverifiedError(
            f"laws: expected both sides of {name} to be equal for {what}, they differ by {error:.3g}."
        )
    return error


def law_errors(name: str, e: Expr, rng: np.random.Generator) -> list[float]:
    """The errors of d(e) by its law, against the difference quotient, for every symbol."""
    errors = []
    for wrt in sorted(e.free, key=lambda s: s.name):

        def d(x: Expr, w: Expr = wrt) -> Expr | None:
            return node("d", (x,), None, x.shape) if w in x.free else None

        found, claim = differentials.differential(e, d)
        if found != name:
            raise UnverifiedError(f"laws: expected {name} for {e}, got {found}.")
        for point in _draw(e, rng):
            direction = direction_for(wrt, point, rng)
            here = Evaluation(point.arrays, point.sizes)

            def differences(x: Expr, at: Evaluation = here, w: Expr = wrt, along: np.ndarray = direction) -> np.ndarray:
                return quotient(at, w, along, x)[0]

            here.differences = differences
            try:
                measured, doubt = quotient(here, wrt, direction, e)
                claimed = here.value(claim)
            except DomainError:
                continue
            if doubt < 1e-8 * max(float(np.abs(measured).max()), 1e-3):
                errors.append(_gap(name, measured, claimed, 1e-7, str(e)))
                break
        else:
            raise UnverifiedError(f"laws: expected a point at which {name} can be checked on {e}, got none.")
    return errors


def move_errors(name: str, e: Expr, rng: np.random.Generator) -> list[float]:
    """The gap of ⟨G, L(D)⟩ and ⟨L*(G), D⟩ for D in every place of the node."""
    G = number(2) if e.is_scalar else matrix("Z", *e.shape)
    errors = []
    for at, operand in enumerate(e.args):
        if (name, at) in (("TR-6", 1), ("TR-7", 0)) or operand.op in ("num", "ones"):
            continue
        if name in ("MOVE-10", "MOVE-11") and at < len(e.args) - 1:  # linear in the last operand
            continue
        moved = inner(adjoints.MOVES[e.op][1](G, e, at), operand)
        errors.append(equality_error(name, inner(G, e), moved, rng))
    return errors


def simplification_errors(name: str, e: Expr, rng: np.random.Generator) -> list[float]:
    """The gaps of the two sides of every application on the way to the normal form; the rule must be among them."""
    normal = simplifier.Simplifier()
    after = normal(e)
    if name not in [a.rule for a in normal.log]:
        raise UnverifiedError(f"laws: expected {name} to apply to {e}, got {[a.rule for a in normal.log]}.")
    return [equality_error(name, e, after, rng)] + [
        equality_error(name, a.before, a.after, rng) for a in normal.log if a.rule == name
    ]


def equality_error(name: str, left: Expr, right: Expr, rng: np.random.Generator) -> float:
    """The gap of two expressions at a random point."""
    both = left if left.shape != right.shape else inner(left, right)
    for point in _draw(both, rng):
        evaluation = Evaluation(point.arrays, point.sizes)
        try:
            values = evaluation.value(left), evaluation.value(right)
        except DomainError:
            continue
        if values[0].shape != values[1].shape:
            raise UnverifiedError(f"laws: expected equal shapes of {left} and {right} in {name}.")
        return _gap(name, values[0], values[1], 1e-9, f"{left} and {right}")
    raise UnverifiedError(f"laws: expected a point at which {name} can be checked on {left}, got none.")
