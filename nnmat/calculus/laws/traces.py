"""Rules for traces, inner products, sums and determinants."""

from ..language.assumptions import is_invertible, is_symmetric
from ..language.expr import Expr, eye, lift, matmul, mul, node, number, ones, power, transpose
from ..language.operators import inner, inv, trace
from .products import COEFFICIENTS, turned, weight


def trace_simple(e: Expr) -> Expr | None:
    a = e.args[0]
    if a.is_scalar:
        return a
    if a.op == "T":
        return trace(a.args[0])
    if a.op == "kron" and all(x.shape[0] == x.shape[1] for x in a.args):
        return mul(trace(a.args[0]), trace(a.args[1]))
    if a.op == "diagm":
        return matmul(ones(1, a.shape[0]), a.args[0])
    if a.op != "matmul":
        return None
    for i in range(1, len(a.args)):
        if a.args[i].shape[0].constant == 1:
            return matmul(*a.args[i:], *a.args[:i])
    ways = [matmul(*line[i:], *line[:i]) for line in (list(a.args), turned(a.args)) for i in range(len(line))]
    best = min(ways, key=weight)
    return trace(best) if weight(best) < weight(a) else None


def trace_unit(e: Expr) -> Expr | None:
    return lift(e.args[0].shape[0]) if e.args[0].op == "eye" else None


def inner_simple(e: Expr) -> Expr | None:
    a, b = e.args
    if a.is_scalar:
        return mul(a, b)
    if a.shape[1].constant == 1:
        return matmul(transpose(a), b)
    if a.shape[0].constant == 1:
        return matmul(a, transpose(b))
    for x, y in ((a, b), (b, a)):
        if x.op == "eye":
            return trace(y)
        if x.op == "ones":
            return node("sum", (y,))
        if x.op == "matmul":
            for i in range(1, len(x.args)):
                if x.args[i].shape[0].constant == 1:
                    return matmul(*turned(x.args[:i]), y, *turned(x.args[i:]))
    if a.op == b.op == "T":
        return inner(a.args[0], b.args[0])
    for x, y in ((a, b), (b, a)):
        if x.op == "T":
            return trace(matmul(x.args[0], y))
        if x.op == "inv" and x.args[0].digest == y.digest and is_symmetric(y):
            return trace(eye(y.shape[0]))
    return None


def sum_simple(e: Expr) -> Expr | None:
    a = e.args[0]
    if a.is_scalar:
        return a
    if a.shape[1].constant == 1:
        return matmul(ones(1, a.shape[0]), a)
    if a.shape[0].constant == 1:
        return matmul(a, ones(a.shape[1]))
    if a.op == "mul" and not any(x.is_scalar for x in a.args):
        return inner(a.args[0], mul(*a.args[1:]))
    return node("sum", (a.args[0],)) if a.op == "T" else None


def sum_ones(e: Expr) -> Expr | None:
    a = e.args[0]
    return lift(a.shape[0] * a.shape[1]) if a.op == "ones" else None


def determinant(e: Expr) -> Expr | None:
    a = e.args[0]
    if a.op == "T":
        return node(e.op, a.args)
    if a.op == "inv":
        same = node(e.op, a.args)
        return power(same, -1) if e.op == "det" else -same
    if a.is_scalar and e.op == "det":
        return a
    return None


def determinant_unit(e: Expr) -> Expr | None:
    return number(1 if e.op == "det" else 0) if e.args[0].op == "eye" else None


def adjugate(e: Expr) -> Expr | None:
    """adj(Aᵀ) = adj(A)ᵀ; adj(A) = |A| A⁻¹ of an invertible A."""
    a = e.args[0]
    if a.op == "T":
        return transpose(node("adj", a.args, None, a.shape))
    return mul(node("det", (a,)), inv(a)) if is_invertible(a) else None


def one_by_one(e: Expr) -> Expr | None:
    if not e.is_scalar:
        return None
    if e.op in ("eye", "ones", "adj", "softmax"):
        return number(1)
    if e.op in ("zeros", "log_softmax"):
        return number(0)
    return e.args[0] if e.args[0].is_scalar else None


ONE_BY_ONE = ("SIM-26", one_by_one)
RULES = {
    **{op: [ONE_BY_ONE] for op in ("eye", "ones", "zeros", "softmax", "log_softmax", "lse", "diag", "diagm", "tril")},
    "trace": [COEFFICIENTS, ("SIM-9", trace_unit), ("SIM-19", trace_simple)],
    "inner": [COEFFICIENTS, ("SIM-20", inner_simple)],
    "sum": [COEFFICIENTS, ("SIM-13", sum_ones), ("SIM-20", sum_simple)],
    "det": [("SIM-9", determinant_unit), ("SIM-21", determinant)],
    "logdet": [("SIM-9", determinant_unit), ("SIM-21", determinant)],
    "adj": [ONE_BY_ONE, ("SIM-21", adjugate)],
}
