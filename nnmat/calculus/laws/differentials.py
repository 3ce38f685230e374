"""The laws of the differential: what `d(op(A, B, ...))` is, in terms of dA, dB, ...

Each function below is one law. It gets the node and `d`, which maps an operand to its differential (an expression) or
to None if the operand does not depend on the variable; it returns the differential of the node.
"""

from collections.abc import Callable

from ..errors import NotDerivable
from ..language.assumptions import is_invertible
from ..language.elementwise import FUNCTIONS
from ..language.expr import Expr, add, matmul, mul, negative, node, number, ones, power, transpose
from ..language.operators import inner, inv, trace
from . import matrix_differentials

Differential = Callable[[Expr], Expr | None]
STATEMENTS = {
    "LAW-1": "d(A + B) = dA + dB",
    "LAW-2": "d(AB) = dA B + A dB",
    "LAW-3": "d(Aᵀ) = (dA)ᵀ",
    "LAW-4": "d Tr(A) = Tr(dA)",
    "LAW-5": "d(A⁻¹) = -A⁻¹ dA A⁻¹",
    "LAW-6": "d det(A) = Tr(adj(A) dA)",
    "LAW-6b": "d log|A| = Tr(A⁻¹ dA)",
    "LAW-7": "d(A ⊙ B) = dA ⊙ B + A ⊙ dB",
    "LAW-8": "d f(A) = f'(A) ⊙ dA",
    "LAW-9": "d(X ⋆ K) = dX ⋆ K + X ⋆ dK",
    "LAW-10": "d softmax(x) = p ⊙ dx - p (pᵀdx)",
    "CAL-1": "d log_softmax(x) = dx - 1 (pᵀdx)",
    "CAL-2": "d logsumexp(x) = pᵀdx",
    "CAL-3": "d⟨A, B⟩ = ⟨dA, B⟩ + ⟨A, dB⟩",
    "CAL-4": "d‖A‖ = ⟨A, dA⟩ / ‖A‖",
    "CAL-5": "d(A ⊗ B) = dA ⊗ B + A ⊗ dB",
    "CAL-6": "d L(A) = L(dA) for a linear map L that moves or adds entries (sum, diag, diagm, reshape, tril, a block)",
    "CAL-7": "d adj(A) = |A| (Tr(A⁻¹ dA) A⁻¹ - A⁻¹ dA A⁻¹), A invertible",
    "CAL-9": "d‖A‖² = 2⟨A, dA⟩",
    "CAL-8": "the adjoints of ⋆ and ⊗ are bilinear: d F(H, K) = F(dH, K) + F(H, dK)",
    **matrix_differentials.STATEMENTS,
}


def _bilinear(e: Expr, d: Differential) -> Expr:
    """The product rule for any number of factors."""
    terms = []
    for i, a in enumerate(e.args):
        da = d(a)
        if da is not None:
            args = (*e.args[:i], da, *e.args[i + 1 :])
            terms.append(matmul(*args) if e.op == "matmul" else node(e.op, args, e.data, e.shape))
    return add(*terms)


def _sum(e: Expr, d: Differential) -> Expr:
    terms = []
    for a in e.args:
        da = d(a)
        if da is not None:
            terms.append(da if a.shape == e.shape else mul(da, ones(*e.shape)))
    return add(*terms)


def _product(e: Expr, d: Differential) -> Expr:
    terms = []
    for i, a in enumerate(e.args):
        da = d(a)
        if da is not None:
            terms.append(mul(*e.args[:i], *e.args[i + 1 :], da))
    return add(*terms)


def _linear(e: Expr, d: Differential) -> Expr:
    return node(e.op, (_d(e.args[0], d),), e.data, e.shape)


def _d(a: Expr, d: Differential) -> Expr:
    """The differential of the only operand."""
    da = d(a)
    assert da is not None
    return da


def _power(e: Expr, d: Differential) -> Expr:
    x, p = e.args[0], e.data
    if x.op == "norm" and p == 2:
        return mul(number(2), inner(x.args[0], _d(x.args[0], d)))
    rest = [] if p == 1 else [x] if p == 2 else [power(x, p - 1)]
    if p.denominator != 1 and ((p - 1) / p).denominator == 1:  # y = x^(-1/2): dy = -(1/2) y³ dx
        rest = [power(e, (p - 1) / p)]
    return mul(number(p), *rest, _d(x, d))


def _function(e: Expr, d: Differential) -> Expr:
    return mul(FUNCTIONS[e.data].derivative(e.args[0], e), _d(e.args[0], d))


def _inverse(e: Expr, d: Differential) -> Expr:
    return negative(matmul(e, _d(e.args[0], d), e))


def _determinant(e: Expr, d: Differential) -> Expr:
    a = e.args[0]
    if is_invertible(a):
        return mul(e, trace(matmul(inv(a), _d(a, d))))
    return trace(matmul(node("adj", (a,), None, a.shape), _d(a, d)))


def _logdet(e: Expr, d: Differential) -> Expr:
    return trace(matmul(inv(e.args[0]), _d(e.args[0], d)))


def _adjugate(e: Expr, d: Differential) -> Expr:
    a = e.args[0]
    if not is_invertible(a):
        raise NotDerivable(e, f"the adjugate {e} of a matrix that may be singular. Declare it invertible=True.")
    da, b = _d(a, d), inv(a)
    return mul(node("det", (a,)), add(mul(trace(matmul(b, da)), b), negative(matmul(b, da, b))))


def _norm(e: Expr, d: Differential) -> Expr:
    return mul(inner(e.args[0], _d(e.args[0], d)), power(e, -1))


def _along(e: Expr, p: Expr, dx: Expr) -> Expr:
    """The weighted mean of dx: pᵀdx of a column (1, 1), (P ⊙ dX)1 of rows (m, 1)."""
    return matmul(transpose(p), dx) if e.data == "column" else matmul(mul(p, dx), ones(p.shape[1]))


def _spread(e: Expr, mean: Expr) -> Expr:
    """The mean beside every entry."""
    x = e.args[0]
    return matmul(ones(x.shape[0]) if e.data == "column" else mean, mean if e.data == "column" else _row(x))


def _row(x: Expr) -> Expr:
    return transpose(ones(x.shape[1]))


def _softmax(e: Expr, d: Differential) -> Expr:
    dx = _d(e.args[0], d)
    mean = _along(e, e, dx)
    spread = mul(e, mean) if e.data == "column" else mul(e, _spread(e, mean))
    return add(mul(e, dx), negative(spread))


def _log_softmax(e: Expr, d: Differential) -> Expr:
    dx = _d(e.args[0], d)
    p = node("softmax", e.args, e.data, e.shape)
    return add(dx, negative(_spread(e, _along(e, p, dx))))


def _lse(e: Expr, d: Differential) -> Expr:
    x = e.args[0]
    return _along(e, node("softmax", (x,), e.data, x.shape), _d(x, d))


Law = Callable[[Expr, Differential], Expr]
LAWS: dict[str, tuple[str, Law]] = {
    "add": ("LAW-1", _sum),
    "matmul": ("LAW-2", _bilinear),
    "T": ("LAW-3", _linear),
    "trace": ("LAW-4", _linear),
    "inv": ("LAW-5", _inverse),
    "det": ("LAW-6", _determinant),
    "logdet": ("LAW-6b", _logdet),
    "mul": ("LAW-7", _product),
    "pow": ("LAW-8", _power),
    "fn": ("LAW-8", _function),
    "conv": ("LAW-9", _bilinear),
    "softmax": ("LAW-10", _softmax),
    "log_softmax": ("CAL-1", _log_softmax),
    "lse": ("CAL-2", _lse),
    "inner": ("CAL-3", _bilinear),
    "norm": ("CAL-4", _norm),
    "kron": ("CAL-5", _bilinear),
    "sum": ("CAL-6", _linear),
    "diag": ("CAL-6", _linear),
    "diagm": ("CAL-6", _linear),
    "tril": ("CAL-6", _linear),
    "reshape": ("CAL-6", _linear),
    "slice": ("CAL-6", _linear),
    "embed": ("CAL-6", _linear),
    **matrix_differentials.LAWS,
    "adj": ("CAL-7", _adjugate),
    "conv_input": ("CAL-8", _bilinear),
    "conv_kernel": ("CAL-8", _bilinear),
    "kron_left": ("CAL-8", _bilinear),
    "kron_right": ("CAL-8", _bilinear),
}


def differential(e: Expr, d: Differential) -> tuple[str, Expr]:
    """The law for this node, and d(e) by it. Raises NotDerivable where there is none."""
    if e.op not in LAWS:
        raise NotDerivable(e, f"no law for the operator {e.op} of {e}. Write it with other operators.")
    name, law = LAWS[e.op]
    if e.op == "pow" and e.args[0].op == "norm" and e.data == 2:
        name = "CAL-9"
    return name, law(e, d)
