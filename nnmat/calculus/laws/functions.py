"""Rules for functions: elementwise, norms, diagonals, reshapes, Kronecker products, convolution."""

from ..language.expr import Expr, eye, matmul, mul, node, ones, transpose
from ..language.operators import inner, trace
from .products import COEFFICIENTS
from .sums import zero_like


def function_transpose(e: Expr) -> Expr | None:
    x = e.args[0]
    return transpose(node("fn", x.args, e.data, x.args[0].shape)) if x.op == "T" else None


def function_inverse(e: Expr) -> Expr | None:
    x = e.args[0]
    if x.op == "fn" and {e.data, x.data} == {"exp", "log"}:
        return x.args[0]
    if e.data == "sqrt" and x.op == "matmul" and len(x.args) == 2 and x.is_scalar:
        a, b = x.args
        return node("norm", (b,)) if a.op == "T" and a.args[0] is b else None
    if e.data == "sqrt" and x.op == "inner" and x.args[0] is x.args[1]:
        return node("norm", (x.args[0],))
    return None


def function_softmax(e: Expr) -> Expr | None:
    x = e.args[0]
    return node("log_softmax", x.args, x.data, x.shape) if e.data == "log" and x.op == "softmax" else None


def norm_square(e: Expr) -> Expr | None:
    x = e.args[0]
    if x.op == "norm" and e.data % 2 == 0:
        a = x.args[0]
        square = matmul(transpose(a), a) if a.shape[1].constant == 1 else inner(a, a)
        return node("pow", (square,), e.data / 2)
    return None


def diagonal(e: Expr) -> Expr | None:
    a = e.args[0]
    if a.op == "diagm":
        return a.args[0]
    if a.op == "eye":
        return ones(a.shape[0])
    if a.op == "T":
        return node("diag", a.args, None, e.shape)
    if a.op == "matmul" and len(a.args) == 2 and a.args[0].shape[1].constant == 1:
        return mul(a.args[0], transpose(a.args[1]))
    return None


def diagonal_matrix(e: Expr) -> Expr | None:
    return eye(e.shape[0]) if e.args[0].op == "ones" else None


def reshaped(e: Expr) -> Expr | None:
    a = e.args[0]
    if a.shape == e.shape:
        return a
    if a.op == "reshape":
        return node("reshape", a.args, e.data, e.shape)
    return node("ones", (), None, e.shape) if a.op == "ones" else None


def kronecker(e: Expr) -> Expr | None:
    a, b = e.args
    if a.is_scalar or b.is_scalar:
        return mul(a, b)
    return eye(e.shape[0]) if a.op == b.op == "eye" else None


def contraction(e: Expr) -> Expr | None:
    g, other = e.args
    parts = g.args if g.op == "kron" else ()
    if g.op == "T" and g.args[0].op == "kron":  # (A ⊗ B)ᵀ = Aᵀ ⊗ Bᵀ
        parts = tuple([transpose(x) for x in g.args[0].args])
    if parts:
        same, kept = parts[::-1] if e.op == "kron_left" else parts
        if same.shape == other.shape and kept.shape == e.shape:
            return mul(inner(same, other), kept)
    square = e.shape[0] == e.shape[1] and other.shape[0] == other.shape[1]
    if g.op == "eye" and square:
        return mul(trace(other), eye(e.shape[0]))
    return None


def zero_function(e: Expr) -> Expr | None:
    """tril(0) = 0."""
    return zero_like(e) if e.args[0].op == "zeros" else None


RULES = {
    "fn": [("SIM-17", function_transpose), ("SIM-22", function_inverse), ("SIM-23", function_softmax)],
    "pow": [("SIM-22", norm_square)],
    "diag": [COEFFICIENTS, ("SIM-24", diagonal)],
    "diagm": [COEFFICIENTS, ("SIM-24", diagonal_matrix)],
    "tril": [COEFFICIENTS, ("SIM-1", zero_function)],
    "reshape": [COEFFICIENTS, ("SIM-24", reshaped)],
    "kron": [COEFFICIENTS, ("SIM-5", kronecker)],
    "kron_left": [COEFFICIENTS, ("SIM-25", contraction)],
    "kron_right": [COEFFICIENTS, ("SIM-25", contraction)],
    "conv": [COEFFICIENTS],
    "conv_input": [COEFFICIENTS],
    "conv_kernel": [COEFFICIENTS],
}
