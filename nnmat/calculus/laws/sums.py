"""Rules for sums and elementwise products: numbers, like terms, common factors, powers."""

from fractions import Fraction

from ..language.assumptions import is_positive
from ..language.expr import Expr, add, matmul, mul, node, number, ones, power, transpose
from ..language.operators import diagm

UNIT = Fraction(1)


def zero_like(e: Expr) -> Expr:
    return number(0) if e.is_scalar else node("zeros", (), None, e.shape)


def one_like(e: Expr) -> Expr:
    return number(1) if e.is_scalar else ones(*e.shape)


def is_zero(e: Expr) -> bool:
    return e.op == "zeros" or (e.op == "num" and e.data == 0)


def factors(e: Expr) -> tuple[Expr, ...]:
    """The factors of an elementwise product."""
    return e.args if e.op == "mul" else (e,)


def product(parts: list[Expr], like: Expr) -> Expr:
    """The elementwise product of `parts` in the shape of `like`."""
    if not parts:
        return one_like(like)
    e = mul(*parts)
    return e if e.shape == like.shape else mul(e, ones(*like.shape))


def coefficient(e: Expr) -> tuple[Fraction, Expr | None]:
    """The number in front and the rest (None: nothing but the number)."""
    if e.op == "num":
        return e.data, None
    if e.op == "mul" and e.args[0].op == "num":
        rest = mul(*e.args[1:])
        return e.args[0].data, rest
    return UNIT, e


def scalars(e: Expr) -> tuple[list[Expr], Expr | None]:
    """The scalar factors of a matrix, and the rest."""
    if e.is_scalar or e.op != "mul":
        return [], e
    front = [a for a in e.args if a.is_scalar]
    rest = [a for a in e.args if not a.is_scalar]
    return front, mul(*rest) if rest else None


def add_zeros(e: Expr) -> Expr | None:
    kept = [a for a in e.args if not is_zero(a)]
    if len(kept) == len(e.args):
        return None
    if not kept:
        return zero_like(e)
    s = add(*kept)
    return s if s.shape == e.shape else mul(s, ones(*e.shape))


def add_ones(e: Expr) -> Expr | None:
    """s 1 + A = s + A, where A is a matrix that is no multiple of ones."""
    if e.is_scalar:
        return None
    is_ones = [a.op == "ones" or (a.op == "mul" and any(f.op == "ones" for f in a.args)) for a in e.args]
    plain = [not a.is_scalar and not o for a, o in zip(e.args, is_ones, strict=True)]
    if not any(is_ones):
        return None
    if not any(plain):
        parts = [mul(*(f for f in factors(a) if f.op != "ones"), number(1)) for a in e.args]
        return mul(add(*parts), ones(*e.shape))
    terms = [
        mul(*(f for f in factors(a) if f.op != "ones"), number(1)) if o else a
        for a, o in zip(e.args, is_ones, strict=True)
    ]
    return add(*terms)


def add_like(e: Expr) -> Expr | None:
    sums: dict[bytes, Fraction] = {}
    cores: dict[bytes, Expr | None] = {}
    for a in e.args:
        c, core = coefficient(a)
        key = core.digest if core is not None else b""
        sums[key] = sums.get(key, Fraction(0)) + c
        cores.setdefault(key, core)
    if len(sums) == len(e.args):
        return None
    terms = [multiple(sums[key], core) for key, core in cores.items() if sums[key] != 0]
    if not terms:
        return zero_like(e)
    s = add(*terms)
    return s if s.shape == e.shape else mul(s, ones(*e.shape))


def multiple(c: Fraction, core: Expr | None) -> Expr:
    if core is None:
        return number(c)
    return core if c == 1 else mul(number(c), core)


def add_signs(e: Expr) -> Expr | None:
    """a - (b + c) = a - b - c."""
    terms: list[Expr] = []
    for a in e.args:
        c, core = coefficient(a)
        inside = core is not None and core.op == "add" and (core.shape == e.shape or e.is_scalar)
        terms.extend(multiple(c, x) for x in core.args) if c == -1 and inside and core is not None else terms.append(a)
    return add(*terms) if len(terms) > len(e.args) else None


def add_common(e: Expr) -> Expr | None:
    """A common scalar, a common first or last factor of products, a common elementwise factor."""
    if any(a.shape != e.shape for a in e.args):
        return None
    split = [([f for f in factors(a) if f.is_scalar], [f for f in factors(a) if not f.is_scalar]) for a in e.args]
    if e.is_scalar:
        split = [(list(factors(a)), []) for a in e.args]
    shared = _shared([[f for f in s if f.op != "num"] for s, _ in split])
    if shared is not None and not (e.is_scalar and any(len(factors(a)) == 1 for a in e.args)):
        return mul(shared, add(*(_without(a, shared) for a in e.args)))
    numbers = [coefficient(a)[0] for a in e.args]
    size = abs(numbers[0])
    if size != 1 and all(abs(n) == size for n in numbers) and all(coefficient(a)[1] is not None for a in e.args):
        return mul(
            number(size), add(*(multiple(n / size, coefficient(a)[1]) for n, a in zip(numbers, e.args, strict=True)))
        )
    if e.is_scalar:
        return None
    if all(len(rest) == 1 and rest[0].op == "matmul" for _, rest in split):
        for end in (0, -1):
            edge = [rest[0].args[end] for _, rest in split]
            if all(x.digest == edge[0].digest for x in edge) and edge[0].op != "ones" and 1 not in _inside(split, end):
                parts = [mul(*s, matmul(*(r[0].args[1:] if end == 0 else r[0].args[:-1]))) for s, r in split]
                return matmul(edge[0], add(*parts)) if end == 0 else matmul(add(*parts), edge[0])
    if all(len(rest) > 1 for _, rest in split):
        shared = _shared([rest for _, rest in split])
        if shared is not None:
            return mul(shared, add(*(_without(a, shared) for a in e.args)))
    return None


def _inside(split: list, end: int) -> set:
    """The inner dimension at which the factor would be cut off, as numbers."""
    return {(r[0].args[0].shape[1] if end == 0 else r[0].args[-1].shape[0]).constant for _, r in split}


def _shared(lists: list[list[Expr]]) -> Expr | None:
    for x in lists[0]:
        if all(any(y.digest == x.digest for y in other) for other in lists[1:]):
            return x
    return None


def _without(a: Expr, factor: Expr) -> Expr:
    parts = list(factors(a))
    parts.pop(next(i for i, f in enumerate(parts) if f.digest == factor.digest))
    return product(parts, number(1) if factor.shape == a.shape and a.is_scalar else a)


def mul_numbers(e: Expr) -> Expr | None:
    """Zero, numbers in one, scalars in front."""
    if any(is_zero(a) for a in e.args):
        return zero_like(e)
    value = Fraction(1)
    for a in e.args:
        if a.op == "num":
            value *= a.data
    small = [a for a in e.args if a.is_scalar and a.op != "num"]
    small.sort(key=lambda a: a.op != "dim")
    big = [a for a in e.args if not a.is_scalar]
    ordered = [*([number(value)] if value != 1 else []), *small, *big]
    return product(ordered, e) if tuple(ordered) != e.args else None


def mul_ones(e: Expr) -> Expr | None:
    big = [a for a in e.args if not a.is_scalar]
    kept = [a for a in big if a.op != "ones"]
    if len(kept) == len(big) or not kept:
        return None
    return mul(*(a for a in e.args if a.is_scalar), *kept)


def base(e: Expr) -> tuple[Expr, Fraction]:
    return (e.args[0], e.data) if e.op == "pow" else (e, UNIT)


def mul_powers(e: Expr) -> Expr | None:
    exponents: dict[bytes, Fraction] = {}
    bases: dict[bytes, Expr] = {}
    for a in e.args:
        x, p = base(a)
        key = x.digest if x.op != "num" else a.digest + bytes([len(bases)])
        exponents[key] = exponents.get(key, Fraction(0)) + p
        bases.setdefault(key, x)
    if len(exponents) == len(e.args):
        return None
    parts = [squared(x, exponents[k]) for k, x in bases.items() if exponents[k] != 0]
    new = product([p for group in parts for p in group], e)
    return None if new.digest == e.digest else new


def squared(x: Expr, p: Fraction) -> list[Expr]:
    if p == 1:
        return [x]
    return [x, x] if p == 2 and not x.is_scalar else [power(x, p)]


def mul_sign(e: Expr) -> Expr | None:
    """-(a - b)/n = (b - a)/n with a size n, -c (a - 1) = c (1 - a)."""
    if e.args[0].op != "num" or e.args[0].data != -1:
        return None
    others = [a for a in e.args[1:] if base(a)[0].op != "dim"]
    for i, a in enumerate(e.args):
        if a.op != "add":
            continue
        signs = {t.op == "num": coefficient(t)[0] > 0 for t in a.args} if len(a.args) == 2 else {}
        if len(others) == 1 or signs == {True: False, False: True}:
            new = add(*(multiple(-coefficient(t)[0], coefficient(t)[1]) for t in a.args))
            mixed = len(e.args) == 2 or any(coefficient(t)[0] < 0 for t in a.args)
            return mul(*e.args[1:i], new, *e.args[i + 1 :]) if mixed else None
    return None


def _repeated_column(a: Expr) -> Expr | None:
    """v of v 1ᵀ."""
    if a.op == "matmul" and a.args[-1].op == "ones" and a.args[-1].shape[1].constant != 1:
        return (
            matmul(*a.args[:-1], ones(a.args[-1].shape[0]))
            if a.args[-1].shape[0].constant != 1
            else matmul(*a.args[:-1])
        )
    return None


def _repeated_row(a: Expr) -> Expr | None:
    """v of 1 vᵀ."""
    if a.op == "matmul" and a.args[0].op == "ones" and a.args[0].shape[0].constant != 1:
        return transpose(
            matmul(ones(1, a.args[0].shape[1]), *a.args[1:])
            if a.args[0].shape[1].constant != 1
            else matmul(*a.args[1:])
        )
    return None


def mul_diagonal(e: Expr) -> Expr | None:
    if sum(not a.is_scalar for a in e.args) < 2:
        return None
    for i, a in enumerate(e.args):
        column = _repeated_column(a)
        if column is not None:
            return matmul(diagm(column), mul(*e.args[:i], *e.args[i + 1 :]))
        row = _repeated_row(a)
        if row is not None:
            return matmul(mul(*e.args[:i], *e.args[i + 1 :]), diagm(row))
    return None


def mul_softmax(e: Expr) -> Expr | None:
    """exp(x) / (1ᵀ exp(x))."""
    for i, a in enumerate(e.args):
        if a.op == "fn" and a.data == "exp" and a.shape[1].constant == 1 and not a.is_scalar:
            for j, b in enumerate(e.args):
                s = b.args[0] if b.op == "pow" and b.data == -1 else None
                if s is not None and s.op == "matmul" and s.args[0].op == "ones" and s.args[1:] == (a,):
                    kept = [x for k, x in enumerate(e.args) if k not in (i, j)]
                    return mul(*kept, node("softmax", a.args, "column", a.shape))
    return None


def pow_trivial(e: Expr) -> Expr | None:
    x, p = e.args[0], e.data
    if p == 1:
        return x
    if p == 0 or x.op == "ones":
        return one_like(e)
    if x.op == "num" and p.denominator == 1 and abs(p) < 10 and x.data != 0:
        return number(x.data ** int(p))
    return None


def pow_nested(e: Expr) -> Expr | None:
    x, p = e.args[0], e.data
    if x.op == "pow" and (p.denominator == 1 or is_positive(x.args[0])):
        return power(x.args[0], x.data * p)
    if x.op == "mul" and p.denominator == 1:
        return mul(*(power(a, p) for a in x.args))
    if x.op == "fn" and x.data == "sqrt" and p.denominator == 1 and p % 2 == 0:
        return power(x.args[0], p / 2)
    if p == 2 and not e.is_scalar:
        return mul(x, x)
    return None


def pow_transpose(e: Expr) -> Expr | None:
    x = e.args[0]
    return transpose(power(x.args[0], e.data)) if x.op == "T" else None


RULES = {
    "add": [
        ("SIM-1", add_zeros),
        ("SIM-3", add_ones),
        ("SIM-1", add_signs),
        ("SIM-2", add_like),
        ("SIM-4", add_common),
    ],
    "mul": [
        ("SIM-1", mul_numbers),
        ("SIM-7", mul_ones),
        ("SIM-6", mul_powers),
        ("SIM-23", mul_softmax),
        ("SIM-8", mul_diagonal),
        ("SIM-1", mul_sign),
    ],
    "pow": [("SIM-6", pow_trivial), ("SIM-6", pow_nested), ("SIM-17", pow_transpose)],
}
