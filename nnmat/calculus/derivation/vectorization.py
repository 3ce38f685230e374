"""A linear map as a matrix: the M of vec(L(V)) = M vec(V), with the rows of a matrix below one another in `vec`.

vec(A V B) = (A ⊗ Bᵀ) vec(V), vec(Vᵀ) = K vec(V), vec(A ⊙ V) = Diag(vec(A)) vec(V)       (Magnus and Neudecker, 1999)
"""

from collections.abc import Callable

from ..dimensions import ONE
from ..errors import NotDerivable
from ..language.blocks import embed, slice_of
from ..language.expr import Expr, add, eye, matmul, mul, ones, ordered, transpose
from ..language.operators import commutation, diagm, inv, kron, tril, vec


def matrix_of(e: Expr, V: Expr) -> Expr:
    """The matrix of an expression that is linear in the symbol or the differential V.

    Raises NotDerivable where the language has no matrix for an operator in it.
    """
    found: dict[Expr, Expr] = {V: eye(V.shape[0] * V.shape[1])}
    holds: dict[Expr, bool] = {}
    for x in ordered(e):
        holds[x] = x is V or (x.op != "ref" and any(holds[a] for a in x.args))
        if holds[x] and x is not V:
            places = [i for i, a in enumerate(x.args) if holds[a]]
            if x.op == "add":
                found[x] = add(*(_spread(found[x.args[i]], x.args[i], x) for i in places))
            elif x.op == "trace" and x.args[0].op == "matmul":
                found[x] = _trace(x.args[0], [holds[a] for a in x.args[0].args].index(True), found)
            elif len(places) == 1 and x.op == "matmul" and _scales(x, places[0]):
                found[x] = _scaled(x, places[0], found[x.args[places[0]].args[0]])
            elif len(places) == 1 and x.op in FORMS:
                found[x] = FORMS[x.op](x, places[0], found[x.args[places[0]]])
            else:
                raise NotDerivable(x, f"no matrix of the linear map {x} is known here. Take it along a direction.")
    if e not in found:
        raise NotDerivable(e, f"expected an expression that depends on {V}, got {e}.")
    return found[e]


def _spread(M: Expr, a: Expr, whole: Expr) -> Expr:
    """A scalar term stands in every entry of the sum."""
    return M if a.shape == whole.shape else matmul(ones(whole.shape[0] * whole.shape[1]), M)


def _trace(x: Expr, at: int, found: dict[Expr, Expr]) -> Expr:
    """Tr(A L B) = ⟨(B A)ᵀ, L⟩."""
    around = [*x.args[at + 1 :], *x.args[:at]]
    return matmul(transpose(vec(transpose(matmul(*around)))), found[x.args[at]])


def _product(x: Expr, at: int, M: Expr) -> Expr:
    others = [*x.args[:at], *x.args[at + 1 :]]
    rest = mul(*others)
    if x.args[at].shape != x.shape:  # a scalar that multiplies a matrix
        return matmul(vec(rest), M)
    return mul(rest, M) if rest.is_scalar else matmul(diagm(vec(rest)), M)


def _matmul(x: Expr, at: int, M: Expr) -> Expr:
    rows, columns = x.args[at].shape
    left = matmul(*x.args[:at]) if at else eye(rows)
    right = matmul(*x.args[at + 1 :]) if at + 1 < len(x.args) else eye(columns)
    return matmul(kron(left, transpose(right)), M)


def _scales(x: Expr, at: int) -> bool:
    """Whether this factor is a diagonal matrix at an end of the product: it scales rows or columns of the others."""
    return x.args[at].op == "diagm" and at in (0, len(x.args) - 1)


def _scaled(x: Expr, at: int, M: Expr) -> Expr:
    """Diag(v) A = (v 1ᵀ) ⊙ A, A Diag(v) = (1 vᵀ) ⊙ A."""
    rest = matmul(*x.args[:at], *x.args[at + 1 :])
    m, n = x.shape
    beside = kron(eye(m), ones(n)) if at == 0 else kron(ones(m), eye(n))
    return matmul(diagm(vec(rest)), beside, M)


def _diagonal_matrix(x: Expr, at: int, M: Expr) -> Expr:
    """Diag(v) = (v 1ᵀ) ⊙ I."""
    n = x.shape[0]
    return matmul(diagm(vec(eye(n))), kron(eye(n), ones(n)), M)


def _diagonal(x: Expr, at: int, M: Expr) -> Expr:
    """diag(A) = (A ⊙ I) 1."""
    n = x.shape[0]
    return matmul(kron(eye(n), ones(1, n)), diagm(vec(eye(n))), M)


def _transpose(x: Expr, at: int, M: Expr) -> Expr:
    rows, columns = x.args[0].shape
    return M if ONE in (rows, columns) else matmul(commutation(rows, columns), M)


def _block(x: Expr, at: int, M: Expr) -> Expr:
    """A block as a product with rows of the identity on each side."""
    sides = []
    for size, whole, first in zip(x.args[0].shape, x.shape, x.data, strict=True):
        zero = size * 0
        move = slice_of if x.op == "slice" else embed
        sides.append(move(eye(size), (first, zero), (whole, size)))
    return matmul(kron(*sides), M)


def _sylvester(x: Expr, at: int, M: Expr) -> Expr:
    if at != 2:
        raise NotDerivable(x, f"no matrix of {x} is known but in its last operand.")
    (m, n), (a, b, _) = x.shape, x.args
    return matmul(inv(add(kron(a, eye(n)), kron(eye(m), transpose(b)))), M)


FORMS: dict[str, Callable[[Expr, int, Expr], Expr]] = {
    "mul": _product,
    "matmul": _matmul,
    "T": _transpose,
    "trace": lambda x, at, M: matmul(transpose(vec(eye(x.args[0].shape[0]))), M),
    "inner": lambda x, at, M: matmul(transpose(vec(x.args[1 - at])), M),
    "sum": lambda x, at, M: matmul(ones(1, x.args[0].shape[0] * x.args[0].shape[1]), M),
    "reshape": lambda x, at, M: M,
    "tril": lambda x, at, M: matmul(diagm(vec(tril(ones(*x.shape)))), M),
    "slice": _block,
    "embed": _block,
    "sylvester": _sylvester,
    "diagm": _diagonal_matrix,
    "diag": _diagonal,
}
