"""Rules for matrix products, transposes and inverses."""

from collections.abc import Iterable
from itertools import pairwise
from weakref import WeakKeyDictionary

from ..language.assumptions import is_orthogonal, is_symmetric, sums_to_one
from ..language.expr import (
    Expr,
    eye,
    lift,
    matmul,
    mul,
    node,
    number,
    ones,
    power,
    rebuild,
    transpose,
    transposed_factors,
)
from ..language.operators import diagm, inv
from ..notation.code import Coder
from .sums import factors, is_zero, mul_powers, scalars, zero_like


def turned(parts: Iterable[Expr]) -> list[Expr]:
    """The factors of the transposed product, Aᵀ = A for symmetric A."""
    return transposed_factors(parts, is_symmetric)


def _product(parts: list[Expr], like: Expr) -> Expr:
    return matmul(*parts) if parts else (number(1) if like.is_scalar else eye(like.shape[0]))


def linear_coefficients(e: Expr) -> Expr | None:
    """L(c A) = c L(A) in each operand of an operator that is linear in it; L(0) = 0."""
    if any(is_zero(a) for a in e.args):
        return zero_like(e)
    front: list[Expr] = []
    args = []
    for a in e.args:
        c, rest = scalars(a)
        if a.is_scalar and a.op == "mul" and not e.is_scalar and e.op != "matmul":
            c, rest = [], a
        front += c
        args.append(rest if rest is not None else a)
    if not front:
        return None
    return mul(*front, rebuild(e, tuple(args)))


def product_units(e: Expr) -> Expr | None:
    kept = [a for a in e.args if a.op != "eye"]
    return _product(kept, e) if len(kept) < len(e.args) else None


def product_scalars(e: Expr) -> Expr | None:
    """Between two places where the inner dimension is 1 stands a scalar."""
    dims = [a.shape[0] for a in e.args] + [e.args[-1].shape[1]]
    cuts = [i for i, d in enumerate(dims) if d.constant == 1]
    if len(cuts) < 2 or (len(cuts) == 2 and e.is_scalar):
        return None
    pieces = [matmul(*e.args[i:j]) for i, j in pairwise(cuts)]
    outside = [*e.args[: cuts[0]], *e.args[cuts[-1] :]]
    return mul(*pieces, matmul(*outside)) if outside else mul(*pieces)


def _cancels(a: Expr, b: Expr) -> bool:
    if a.op == "T" and b.op == "T":
        a, b = b.args[0], a.args[0]
    inverse = (a.op == "inv" and a.args[0].digest == b.digest) or (b.op == "inv" and b.args[0].digest == a.digest)
    return inverse


def product_inverse(e: Expr) -> Expr | None:
    """A⁻¹ A = I, (A B)⁻¹ A B = I, A B (A B)⁻¹ = I."""
    for i, (a, b) in enumerate(pairwise(e.args)):
        if _cancels(a, b):
            return _product([*e.args[:i], *e.args[i + 2 :]], e)
    for i, a in enumerate(e.args):
        whole = inverse_of(a)
        if whole is not None and whole.op == "matmul":
            n = len(whole.args)
            for first in (i + 1, i - n):
                beside = e.args[first : first + n] if first >= 0 else ()
                if len(beside) == n and all(x.digest == y.digest for x, y in zip(beside, whole.args, strict=True)):
                    return _product([*e.args[: min(i, first)], *e.args[max(i + 1, first + n) :]], e)
    return None


def inverse_of(a: Expr) -> Expr | None:
    """What `a` is the inverse of, if it is one: of A⁻ᵀ, Aᵀ by its factors."""
    if a.op == "T" and a.args[0].op == "inv":
        whole = a.args[0].args[0]
        return matmul(*turned(whole.args if whole.op == "matmul" else [whole]))
    return a.args[0] if a.op == "inv" else None


def product_orthogonal(e: Expr) -> Expr | None:
    for i, (a, b) in enumerate(pairwise(e.args)):
        opposite = (a.op == "T" and a.args[0] is b) or (b.op == "T" and b.args[0] is a)
        if opposite and is_orthogonal(a):
            return _product([*e.args[:i], *e.args[i + 2 :]], e)
    return None


def product_diagonal(e: Expr) -> Expr | None:
    """Diag(v) Diag(w) = Diag(v ⊙ w), Diag(v) u = v ⊙ u, uᵀ Diag(v) = (u ⊙ v)ᵀ."""
    for i, (a, b) in enumerate(pairwise(e.args)):
        rest = (e.args[:i], e.args[i + 2 :])
        if a.op == "diagm" and b.op == "diagm":
            return matmul(*rest[0], diagm(mul(a.args[0], b.args[0])), *rest[1])
        if a.op == "diagm" and b.shape[1].constant == 1:
            return matmul(*rest[0], mul(a.args[0], b), *rest[1])
        if b.op == "diagm" and a.shape[0].constant == 1:
            return matmul(*rest[0], transpose(mul(transpose(a), b.args[0])), *rest[1])
    return None


def product_ones(e: Expr) -> Expr | None:
    for i, (a, b) in enumerate(pairwise(e.args)):
        if a.op == b.op == "ones":
            inside = a.shape[1]
            return mul(lift(inside), _product([*e.args[:i], ones(a.shape[0], b.shape[1]), *e.args[i + 2 :]], e))
    return None


def product_sums_to_one(e: Expr) -> Expr | None:
    for i, (a, b) in enumerate(pairwise(e.args)):
        if (a.op == "ones" and sums_to_one(b) == "column") or (b.op == "ones" and sums_to_one(a) == "rows"):
            return _product([*e.args[:i], ones(a.shape[0], b.shape[1]), *e.args[i + 2 :]], e)
    return None


def product_orientation(e: Expr) -> Expr | None:
    """Of a scalar and its transpose the one with fewer transposes, then the first in the alphabet."""
    if not e.is_scalar:
        return None
    other = matmul(*turned(e.args))
    return other if weight(other) < weight(e) else None


BEGINNINGS = Coder(WeakKeyDictionary(), limit=120)


def weight(e: Expr) -> tuple[int, str]:
    """The transposes among the factors, and how the product begins when it is written."""
    return sum(a.op == "T" and a.args[0].op != "ones" for a in e.args), BEGINNINGS.write(e)


def product_elementwise(e: Expr) -> Expr | None:
    """aᵀ(b ⊙ c): one elementwise product where something cancels; 1ᵀ(a ⊙ b) back to aᵀb."""
    if not e.is_scalar or len(e.args) != 2:
        return None
    row, column = e.args
    left = row.args[0] if row.op == "T" else ones(row.shape[1]) if row.op == "ones" else None
    if left is None or column.shape[1].constant != 1:
        return None
    parts = [*(factors(left) if left.op != "ones" else ()), *(factors(column) if column.op != "ones" else ())]
    if len(parts) > 1 and any(p.op == "pow" for p in parts):
        merged = mul_powers(mul(*parts))
        if merged is not None and len(factors(merged)) < len(parts):
            return matmul(ones(1, left.shape[0]), merged)
    if left.op == "ones" and len(parts) > 1:
        return matmul(transpose(parts[0]), mul(*parts[1:]))
    return None


def transpose_simple(e: Expr) -> Expr | None:
    a = e.args[0]
    if a.op == "T":
        return a.args[0]
    if a.op in ("ones", "zeros"):
        return node(a.op, (), None, e.shape)
    if a.op == "matmul":
        return matmul(*turned(a.args))
    return None


def transpose_symmetric(e: Expr) -> Expr | None:
    return e.args[0] if is_symmetric(e.args[0]) else None


def transpose_outside(e: Expr) -> Expr | None:
    """(A ⊙ B)ᵀ and (A + B)ᵀ by whichever side has fewer transposes."""
    a = e.args[0]
    front, rest = scalars(a)
    if front and rest is not None:
        return mul(*front, transpose(rest))
    if a.op == "kron" and all(b.op == "T" or is_symmetric(b) for b in a.args):
        return rebuild_shape(a, e)
    if a.op in ("add", "mul"):
        inside, outside = _costs(a)
        if inside <= outside + (not _is_shifted(a)):
            return _distributed(a)
    return None


def _is_shifted(a: Expr) -> bool:
    """A column with a scalar added: its transpose is that of the sum, the same wherever it stands."""
    return a.op == "add" and a.shape[1].constant == 1 and sum(not x.is_scalar for x in a.args) == 1


def rebuild_shape(a: Expr, e: Expr) -> Expr:
    parts = tuple(b.args[0] if b.op == "T" else b for b in a.args)
    return node("kron", parts, None, e.shape)


def _costs(a: Expr) -> tuple[int, int]:
    """The transposes needed below with the transpose distributed, and those that stand there now; A⁻ᵀ is as short as
    A⁻¹."""
    inside = now = 0
    for x in a.args:
        core = [f for f in factors(x) if not f.is_scalar]
        if len(core) > 1 and a.op == "add":
            inside += not is_symmetric(x)
            continue
        parts = core[0].args if a.op == "add" and core and core[0].op == "matmul" else core
        for p in parts:
            if p.op == "T" and p.args[0].op != "inv":
                now += 1
            elif p.op not in ("T", "inv", "ones") and not is_symmetric(p):
                inside += 1
    return inside, now


def _distributed(a: Expr) -> Expr:
    parts = []
    for x in a.args:
        c, rest = scalars(x)
        flipped = x if x.is_scalar else None if rest is None else transpose(rest)
        parts.append(x if flipped is x else mul(*c, flipped) if flipped is not None else transpose(x))
    return mul(*parts) if a.op == "mul" else node("add", tuple(parts), None, a.shape[::-1])


def gather_transposes(e: Expr) -> Expr | None:
    """Aᵀ + Bᵀ = (A + B)ᵀ where that has fewer transposes."""
    if e.is_scalar:
        return None
    inside, now = _costs(e)
    shifted = e.op == "add" and e.shape[0].constant == 1 and sum(not x.is_scalar for x in e.args) == 1
    products = any(f.op == "matmul" for x in e.args for f in factors(x))
    if now > inside + (not shifted) and not (products and inside):
        flipped = node("T", (_simple(_distributed(e)),), None, e.shape)
        return flipped
    return None


def _simple(e: Expr) -> Expr:
    """Double transposes dropped, so that the rule that gathers does not meet its own result."""

    def undo(x: Expr) -> Expr:
        parts = [f.args[0].args[0] if f.op == "T" and f.args[0].op == "T" else f for f in factors(x)]
        return mul(*parts)

    parts = tuple(undo(x) for x in e.args)
    return mul(*parts) if e.op == "mul" else node("add", parts, None, e.shape)


def inverse_simple(e: Expr) -> Expr | None:
    a = e.args[0]
    if a.is_scalar:
        return power(a, -1)
    if a.op == "inv":
        return a.args[0]
    front, rest = scalars(a)
    if front and rest is not None and rest.shape == a.shape:
        return mul(*(power(f, -1) for f in front), inv(rest))
    if a.op == "matmul" and all(x.shape[0] == x.shape[1] for x in a.args):
        return matmul(*(inv(x) for x in reversed(a.args)))
    if a.op == "kron" and all(x.shape[0] == x.shape[1] for x in a.args):
        return node("kron", tuple([inv(x) for x in a.args]), None, a.shape)
    return diagm(power(a.args[0], -1)) if a.op == "diagm" else None


def inverse_orthogonal(e: Expr) -> Expr | None:
    return transpose(e.args[0]) if is_orthogonal(e.args[0]) else None


def inverse_transpose(e: Expr) -> Expr | None:
    return transpose(inv(e.args[0].args[0])) if e.args[0].op == "T" else None


COEFFICIENTS = ("SIM-5", linear_coefficients)
RULES = {
    "matmul": [
        COEFFICIENTS,
        ("SIM-9", product_units),
        ("SIM-11", product_inverse),
        ("SIM-12", product_orthogonal),
        ("SIM-13", product_ones),
        ("SIM-14", product_sums_to_one),
        ("SIM-10", product_scalars),
        ("SIM-8", product_diagonal),
        ("SIM-16", product_elementwise),
        ("SIM-15", product_orientation),
    ],
    "T": [
        ("SIM-17", transpose_simple),
        ("SIM-18", transpose_symmetric),
        ("SIM-17", transpose_outside),
    ],
    "add": [("SIM-17", gather_transposes)],
    "mul": [("SIM-17", gather_transposes)],
    "inv": [
        ("SIM-9", lambda e: e.args[0] if e.args[0].op == "eye" else None),
        ("SIM-11", inverse_simple),
        ("SIM-12", inverse_orthogonal),
        ("SIM-17", inverse_transpose),
    ],
}
