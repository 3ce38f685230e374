"""What is gathered: common factors of some terms or of all, signs, and quotients that have names of their own."""

from collections.abc import Callable
from fractions import Fraction

from ..language.assumptions import attributes, kept
from ..language.expr import Expr, add, matmul, mul, negative, node, number, power
from ..language.operators import inv
from .sums import base, coefficient, factors, multiple, product, scalars

LEAVES = ("sym", "ref", "num", "dim", "ones", "zeros", "eye")
LINEAR = ("T", "matmul", "mul", "trace", "inner", "sum", "diag", "kron_left", "kron_right")
MOST = 10**9


@kept
def symbols(e: Expr) -> int:
    """The names and the signs of operators in an expression: what has fewer of them is shorter."""
    if e.op in LEAVES:
        return 1
    own = {"matmul": 0, "add": len(e.args) - 1, "mul": max(sum(not a.is_scalar for a in e.args) - 1, 0)}
    if e.op == "pow" and e.data == 2 and not e.is_scalar:  # A ⊙ A
        return min(2 * symbols(e.args[0]) + 1, MOST)
    if e.op == "pow":  # 1/a, a², 1/a²
        own["pow"] = (e.data < 0) + (abs(e.data) != 1)
    return min(own.get(e.op, 1) + sum(symbols(a) for a in e.args), MOST)


def shorter(new: Expr, old: Expr) -> Expr | None:
    return new if symbols(new) < symbols(old) else None


def common_scalar(e: Expr) -> Expr | None:
    """s A + s² B = s (A + s B); a scalar that is added to every entry may have the factor, too."""
    if e.is_scalar or all(a.is_scalar for a in e.args):
        return None
    powers = [_powers(a) for a in e.args]
    found: list[tuple[Expr, Fraction]] = []
    for key, (x, _) in powers[0].items():
        exponents = [p[key][1] if key in p else Fraction(0) for p in powers]
        if min(exponents) > 0:
            found.append((x, min(exponents)))
        elif max(exponents) < 0:
            found.append((x, max(exponents)))
    sizes = {abs(coefficient(a)[0]) for a in e.args}
    size = sizes.pop() if len(sizes) == 1 else Fraction(1)
    if not found and (size == 1 or all(a.shape == e.shape for a in e.args)):
        return None
    front = [power(x, p) if p != 1 else x for x, p in found]
    over = [power(x, -p) for x, p in found] + ([number(1 / size)] if size != 1 else [])
    new = mul(*([number(size)] if size != 1 else []), *front, add(*(_reduced(a, over) for a in e.args)))
    return new if symbols(new) <= symbols(e) else None


def _powers(a: Expr) -> dict[bytes, tuple[Expr, Fraction]]:
    """The scalar factors of a term, without numbers: by their bases, with exponents."""
    found: dict[bytes, tuple[Expr, Fraction]] = {}
    for f in factors(a):
        if f.is_scalar and f.op != "num":
            x, p = base(f)
            found[x.digest] = (x, p + (found[x.digest][1] if x.digest in found else 0))
    return found


def _reduced(a: Expr, over: list[Expr]) -> Expr:
    """A term, divided by what stands in front."""
    parts = [*over, *factors(a)]
    value = Fraction(1)
    exponents: dict[bytes, tuple[Expr, Fraction]] = {}
    big = []
    for f in parts:
        if f.op == "num":
            value *= f.data
        elif f.is_scalar:
            x, p = base(f)
            exponents[x.digest] = (x, p + (exponents[x.digest][1] if x.digest in exponents else 0))
        else:
            big.append(f)
    small = [x if p == 1 else power(x, p) for x, p in exponents.values() if p != 0]
    return product([*([number(value)] if value != 1 else []), *small, *big], a)


def partly_common(e: Expr) -> Expr | None:
    """A x + B x + c = (A + B) x + c: two terms of three or more that end, or begin, with the same factor."""
    if e.is_scalar or len(e.args) < 3:
        return None
    for end in (-1, 0):
        groups: dict[bytes, list[int]] = {}
        for i, a in enumerate(e.args):
            _, rest = scalars(a)
            if rest is not None and rest.op == "matmul" and len(rest.args) == 2 and a.shape == e.shape:
                edge, other = rest.args[end], rest.args[-1 - end]
                if edge.op != "ones" and other.shape[1 if end else 0].constant != 1:
                    groups.setdefault(edge.digest, []).append(i)
        for places in groups.values():
            if 1 < len(places) < len(e.args):
                return _together(e, places, end)
    return None


def _together(e: Expr, places: list[int], end: int) -> Expr | None:
    inside = []
    for i in places:
        front, rest = scalars(e.args[i])
        assert rest is not None
        inside.append(mul(*front, rest.args[-1 - end]))
        edge = rest.args[end]
    both = matmul(add(*inside), edge) if end else matmul(edge, add(*inside))
    others = [both if i == places[0] else a for i, a in enumerate(e.args) if i == places[0] or i not in places]
    return shorter(add(*others), e)


def partly_common_entries(e: Expr) -> Expr | None:
    """A + A ⊙ B + C = A ⊙ (1 + B) + C: the factor that most terms have, and in the parentheses the same again."""
    if e.is_scalar:
        return None
    levels: list[tuple[Expr, list[list[Expr]], int]] = []
    terms = [list(factors(a)) for a in e.args]
    while len(terms) > 1:
        found = _most_common(terms, e)
        if found is None:
            break
        shared, places = found
        inside = [_without(terms[i], shared) for i in places]
        bare = [all(f.is_scalar for f in t) for t in inside]
        if all(bare) or any(f.op == "eye" for t in inside for f in t):
            break
        if any(bare) and len(inside) < 3 and not levels and symbols(shared) == 1:
            break
        levels.append((shared, [t for i, t in enumerate(terms) if i not in set(places)], places[0]))
        terms = inside
    if not levels:
        return None
    new = add(*(mul(*t) if t else number(1) for t in terms))
    for shared, others, first in reversed(levels):
        parts = [mul(*t) if t else number(1) for t in others]
        new = add(*parts[:first], mul(shared, new), *parts[first:])
    return shorter(new, e)


def _most_common(terms: list[list[Expr]], e: Expr) -> tuple[Expr, list[int]] | None:
    """The factor that most terms have, and their places, if there are two at least."""
    places: dict[bytes, list[int]] = {}
    of: dict[bytes, Expr] = {}
    for i, parts in enumerate(terms):
        for f in parts:
            if f.op != "ones" and f.shape == e.shape:
                at = places.setdefault(f.digest, [])
                if not at or at[-1] != i:
                    at.append(i)
                of.setdefault(f.digest, f)
    if not places:
        return None
    key = max(places, key=lambda k: len(places[k]))
    return (of[key], places[key]) if len(places[key]) > 1 else None


def _without(parts: list[Expr], shared: Expr) -> list[Expr]:
    at = next(i for i, f in enumerate(parts) if f.digest == shared.digest)
    return parts[:at] + parts[at + 1 :]


def is_diagonal(e: Expr) -> bool:
    """Zero off the diagonal."""
    if e.op in ("eye", "diagm"):
        return True
    return "diagonal" in attributes(e) or (e.op in ("inv", "T", "ref") and is_diagonal(e.args[0]))


def diagonal_part(e: Expr) -> Expr | None:
    """I ⊙ A = A of a diagonal A, I ⊙ Aᵀ = I ⊙ A."""
    at = next((i for i, a in enumerate(e.args) if a.op == "eye"), None)
    if at is None or e.is_scalar:
        return None
    others = [*e.args[:at], *e.args[at + 1 :]]
    if any(is_diagonal(a) for a in others if not a.is_scalar):
        return mul(*others)
    turned = next((i for i, a in enumerate(others) if a.op == "T"), None)
    return None if turned is None else mul(e.args[at], *(a.args[0] if i == turned else a for i, a in enumerate(others)))


def is_negative(e: Expr) -> bool:
    """A sum whose terms all have a minus."""
    return e.op == "add" and all(coefficient(a)[0] < 0 for a in e.args)


def opposite(e: Expr) -> Expr:
    """-e, of a sum term by term."""
    return add(*(multiple(-c, core) for c, core in map(coefficient, e.args if e.op == "add" else (e,))))


def common_sign(e: Expr) -> Expr | None:
    """A (-B - C) = -A (B + C), in a product of any kind."""
    if e.op == "mul" and len(e.args) == 2 and e.args[0].op == "num" and e.args[0].data == -1:
        return None  # left to -(a - b) = b - a
    if len(e.args) < 2 or not any(map(is_negative, e.args)):
        return None
    args = tuple([opposite(a) if is_negative(a) else a for a in e.args])
    sign = (-1) ** sum(map(is_negative, e.args))
    new = matmul(*args) if e.op == "matmul" else mul(*args)
    return new if sign == 1 else negative(new)


def adjugate_quotient(e: Expr) -> Expr | None:
    """adj(A)/|A| = A⁻¹, wherever adj(A) stands in what is divided."""
    for i, f in enumerate(e.args):
        if f.op != "pow" or f.args[0].op != "det" or f.data > -1:
            continue
        a = f.args[0].args[0]
        for j, g in enumerate(e.args):
            new = _inverted(g, a) if j != i else None
            if new is not None:
                left = [power(f.args[0], f.data + 1)] if f.data != -1 else []
                return mul(*left, *(new if k == j else x for k, x in enumerate(e.args) if k != i))
    return None


def _inverted(e: Expr, a: Expr) -> Expr | None:
    """`e` divided by |A|, if adj(A) is a factor of it, or of each of its terms."""
    if e.op == "adj":
        return inv(a) if e.args[0].digest == a.digest else None
    if e.op == "add":
        parts = [_inverted(x, a) for x in e.args]
        return add(*(p for p in parts if p is not None)) if all(p is not None for p in parts) else None
    if e.op in LINEAR:
        for i, x in enumerate(e.args):
            new = _inverted(x, a)
            if new is not None:
                args = (*e.args[:i], new, *e.args[i + 1 :])
                flat: dict[str, Callable[..., Expr]] = {"matmul": matmul, "mul": mul}
                return flat[e.op](*args) if e.op in flat else node(e.op, args, e.data, e.shape)
    return None


def norm_powers(e: Expr) -> Expr | None:
    """(xᵀx) ‖x‖ = ‖x‖³, ‖x‖/(xᵀx) = 1/‖x‖."""
    norms = {x.args[0]: p for x, p in map(base, e.args) if x.op == "norm"}
    if not norms:
        return None
    for i, f in enumerate(e.args):
        square, p = base(f)
        x = _squared(square)
        if x in norms:
            new = node("norm", (x,))
            kept_args = [a for j, a in enumerate(e.args) if j != i and base(a)[0] is not new]
            return mul(power(new, norms[x] + 2 * p), *kept_args)
    return None


def _squared(e: Expr) -> Expr | None:
    """x of xᵀx or ⟨x, x⟩."""
    if e.op == "matmul" and len(e.args) == 2 and e.args[0].op == "T" and e.is_scalar:
        return e.args[1] if e.args[0].args[0] is e.args[1] else None
    return e.args[0] if e.op == "inner" and e.args[0] is e.args[1] else None


def sign_quotient(e: Expr) -> Expr | None:
    """sign(x)/|x| = 1/x, sign(x) |x| = x."""
    for i, f in enumerate(e.args):
        if f.op != "fn" or f.data != "sign":
            continue
        for j, g in enumerate(e.args):
            x, p = base(g)
            if x.op == "fn" and x.data == "abs" and x.args == f.args and abs(p) == 1:
                new = x.args[0] if p == 1 else power(x.args[0], -1)
                return mul(*(new if k == j else a for k, a in enumerate(e.args) if k != i))
    return None


def logistic(e: Expr) -> Expr | None:
    """1/(1 + exp(x)) = σ(-x)."""
    x, p = e.args[0], e.data
    if p >= 0 or p.denominator != 1 or x.op != "add" or len(x.args) != 2:
        return None
    for one, other in (x.args, x.args[::-1]):
        if one.op in ("num", "ones") and one.data in (1, None) and other.op == "fn" and other.data == "exp":
            y = node("fn", (opposite(other.args[0]),), "sigmoid", other.shape)
            return y if p == -1 else power(y, -p)
    return None


def logistic_product(e: Expr) -> Expr | None:
    """exp(x) ⊙ σ(-x) = σ(x)."""
    for i, f in enumerate(e.args):
        if f.op != "fn" or f.data != "exp":
            continue
        for j, (g, p) in enumerate(map(base, e.args)):
            if g.op == "fn" and g.data == "sigmoid" and p >= 1 and opposite(g.args[0]).digest == f.args[0].digest:
                new = node("fn", f.args, "sigmoid", f.shape)
                new = new if p == 1 else mul(g if p == 2 else power(g, p - 1), new)
                return mul(*(new if k == j else a for k, a in enumerate(e.args) if k != i))
    return None


STATEMENTS = {
    "SIM-27": "s A + s² b 1 = s (A + s b 1), A x + B x + c = (A + B) x + c, A + A ⊙ B + C = A ⊙ (1 + B) + C",
    "SIM-28": "A (-B - C) = -A (B + C)",
    "SIM-29": "adj(A)/|A| = A⁻¹",
    "SIM-30": "(xᵀx)ᵃ ‖x‖ᵇ = ‖x‖²ᵃ⁺ᵇ, sign(x)/|x| = 1/x, sign(x) |x| = x",
    "SIM-34": "I ⊙ A = A of a diagonal A, I ⊙ Aᵀ = I ⊙ A",
    "SIM-31": "1/(1 + exp(-x)) = σ(x), exp(x) ⊙ σ(-x) = σ(x)",
}
RULES = {
    "add": [("SIM-27", common_scalar), ("SIM-27", partly_common), ("SIM-27", partly_common_entries)],
    "mul": [
        ("SIM-34", diagonal_part),
        ("SIM-28", common_sign),
        ("SIM-29", adjugate_quotient),
        ("SIM-30", norm_powers),
        ("SIM-30", sign_quotient),
        ("SIM-31", logistic_product),
    ],
    "matmul": [("SIM-28", common_sign)],
    "pow": [("SIM-31", logistic)],
}
