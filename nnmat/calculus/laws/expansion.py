"""Products that are multiplied out, where what comes out is shorter. Everywhere else they stay as they are.

A sum of elementwise products is looked at as a polynomial: a coefficient for each set of factors with exponents.
"""

from fractions import Fraction
from itertools import pairwise

from ..language.expr import Expr, add, lift, matmul, mul, node, number, ones
from .gathering import shorter
from .sums import base, factors, is_zero, product, scalars, squared, zero_like

MOST = 16  # terms that are looked at

Exponents = dict[bytes, Fraction]
Terms = list[tuple[Fraction, Exponents]]


class Polynomials:
    """Sums of products of the factors in `bases`; those in `whole` are factors even if they are sums."""

    def __init__(self) -> None:
        self.bases: dict[bytes, Expr] = {}
        self.whole: set[bytes] = set()
        self.met = 0  # terms of the sums on the way
        self.full = False  # there were more than are looked at

    def factor(self, x: Expr, p: Fraction) -> tuple[Fraction, Exponents]:
        self.bases.setdefault(x.digest, x)
        return Fraction(1), {x.digest: p}

    def terms(self, e: Expr) -> Terms:
        """The terms of an expression."""
        if is_zero(e) or self.full:
            return []
        if e.op == "num":
            return [(e.data, {})]
        if e.op == "ones":
            return [(Fraction(1), {})]
        if e.op == "add" and e.digest not in self.whole:
            self.met += len(e.args)
            self.full |= self.met > MOST
            return self.counted([t for a in e.args for t in self.terms(a)])
        if e.op == "mul":
            found: Terms = [(Fraction(1), {})]
            for a in e.args:
                found = self.counted(times(found, self.terms(a)))
            return found
        return [self.factor(*base(e))]

    def counted(self, terms: Terms) -> Terms:
        self.full |= len(terms) > MOST
        return terms[:MOST]

    def opened(self, terms: Terms) -> Terms:
        """With the sums multiplied out that are factors still."""
        self.whole.clear()
        found: Terms = []
        for c, exponents in terms:
            one: Terms = [(c, {k: p for k, p in exponents.items() if not self._opens(k, p)})]
            for k, p in exponents.items():
                if self._opens(k, p):
                    one = self.counted(times(one, self.terms(self.bases[k])))
            found += one
        return merged(found)

    def _opens(self, key: bytes, p: Fraction) -> bool:
        return p == 1 and self.bases[key].op == "add"

    def expression(self, terms: Terms, like: Expr) -> Expr:
        if not terms:
            return zero_like(like)
        parts = [self._product(c, exponents) for c, exponents in terms]
        s = add(*parts)
        return s if s.shape == like.shape else mul(s, ones(*like.shape))

    def _product(self, c: Fraction, exponents: Exponents) -> Expr:
        parts = [x for k, p in exponents.items() for x in squared(self.bases[k], p)]
        parts.sort(key=lambda a: not a.is_scalar)
        return mul(*([number(c)] if c != 1 or not parts else []), *parts)


def times(left: Terms, right: Terms) -> Terms:
    found = []
    for c, a in left:
        for d, b in right:
            both = {k: a.get(k, Fraction(0)) + b.get(k, Fraction(0)) for k in (*a, *b)}
            found.append((c * d, {k: p for k, p in both.items() if p}))
    return found


def merged(terms: Terms) -> Terms:
    """Terms with the same factors as one."""
    sums: dict[frozenset, Fraction] = {}
    of: dict[frozenset, Exponents] = {}
    for c, exponents in terms:
        key = frozenset(exponents.items())
        sums[key] = sums.get(key, Fraction(0)) + c
        of.setdefault(key, exponents)
    return [(c, of[key]) for key, c in sums.items() if c != 0]


def product_of_sums(e: Expr) -> Expr | None:
    """(A/B + C) ⊙ B = A + B ⊙ C."""
    sums = [a for a in e.args if a.op == "add" and len(a.args) <= MOST]
    if not sums:
        return None
    outside = dict(map(base_key, e.args))
    inside = [base_key(f) for s in sums for t in s.args for f in factors(t) if f.op != "num"]
    if not any(key in outside and p * outside[key] < 0 for key, p in inside):
        return None
    ring = Polynomials()
    ring.whole = {base(f)[0].digest for s in sums for t in s.args for f in factors(t) if base(f)[1] < 0}
    ring.whole |= {base(f)[0].digest for f in e.args if base(f)[1] < 0}
    return best(ring, merged(ring.terms(e)), e)


def base_key(f: Expr) -> tuple[bytes, Fraction]:
    x, p = base(f)
    return x.digest, p


def sum_of_products(e: Expr) -> Expr | None:
    """A ⊙ (1 - B) - B ⊙ (1 - A) = A - B."""
    if len(e.args) > MOST or not any(any(f.op == "add" for f in factors(t)) for t in e.args if t.op == "mul"):
        return None
    ring = Polynomials()
    return best(ring, merged(ring.terms(e)), e)


def best(ring: Polynomials, terms: Terms, e: Expr) -> Expr | None:
    """The polynomial, or it with all sums opened, if it is shorter than `e`."""
    found = e
    for opened in (False, True):
        terms = ring.opened(terms) if opened else terms
        if ring.full:
            break
        new = ring.expression(terms, e)
        found = found if shorter(new, found) is None else new
    return None if found is e else found


def sums_of_entries(e: Expr) -> Expr | None:
    """1ᵀ(x - m 1) = 1ᵀx - n m: a sum beside 1 is multiplied out where terms cancel."""
    for i, s in enumerate(e.args):
        whole = s.args[0] if s.op == "ref" else s
        if whole.op != "add" or len(whole.args) > MOST:
            continue
        for j in (i - 1, i + 1):
            if 0 <= j < len(e.args) and e.args[j].op == "ones" and any(map(_may_cancel, whole.args)):
                new = _beside_ones(e.args[j], whole, j < i)
                if (new is None or not is_zero(new)) and (s is not whole or any(map(_named, whole.args))):
                    new = _beside_ones(e.args[j], whole, j < i, opened=True)
                    new = new if new is not None and is_zero(new) else None
                if new is not None:
                    first, last = min(i, j), max(i, j) + 1
                    return matmul(*e.args[:first], new, *e.args[last:])
    return None


def _may_cancel(t: Expr) -> bool:
    """A term with a part whose entries are alike in a direction."""
    _, rest = scalars(t)
    return t.is_scalar or (rest is not None and any(map(_is_spread, rest.args if rest.op == "add" else [rest])))


def _is_spread(t: Expr) -> bool:
    """A scalar that stands in every entry, or a product with 1 at an end."""
    _, rest = scalars(t)
    ends = () if rest is None else (rest.args[0], rest.args[-1]) if rest.op == "matmul" else (rest,)
    return t.is_scalar or any(a.op == "ones" for a in ends)


def _named(t: Expr) -> bool:
    return any(f.op == "ref" and f.is_scalar for f in factors(t))


def _beside_ones(one: Expr, s: Expr, left: bool, opened: bool = False) -> Expr | None:
    """The product of ones with a sum, term by term, if terms cancel there; `opened` where scalars that have a name
    stand for their definitions."""
    side = one if left else s
    shape = (one.shape[0], s.shape[1]) if left else (s.shape[0], one.shape[1])
    inner = side.shape[1]
    ring = Polynomials()
    cores: dict[bytes, Expr] = {}
    sums: dict[bytes, Terms] = {}
    for t in s.args:
        front, rest = (list(factors(t)), None) if t.is_scalar else scalars(t)
        front = [f.args[0] if opened and f.op == "ref" else f for f in front]
        if rest is not None and rest.op == "add":
            inside = _beside_ones(one, rest, left, opened)
            if inside is not None and is_zero(inside):
                continue
        core = ones(*shape)
        if rest is not None and rest.op == "eye":
            core = one
        elif rest is not None:
            core = matmul(one, rest) if left else matmul(rest, one)
            ends = core.args[:2] if left else core.args[-2:]
            if ends[0].op == ends[1].op == "ones":
                joined = ones(ends[0].shape[0], ends[1].shape[1])
                core = matmul(joined, *core.args[2:]) if left else matmul(*core.args[:-2], joined)
                front = [*front, lift(inner)]
        else:
            front = [*front, lift(inner)]
        if core.is_scalar:
            front, core = [*front, core], ones(*shape)
        terms = ring.terms(mul(*map(_as_product, front), number(1)))
        cores.setdefault(core.digest, core)
        sums[core.digest] = merged([*sums.get(core.digest, []), *terms])
    like = node("zeros", (), None, shape) if shape[0] != shape[1] or shape[0].constant != 1 else number(0)
    parts = [_multiple(ring, terms, cores[key]) for key, terms in sums.items() if terms]
    if len(parts) >= len(s.args) or ring.full:
        return None
    new = product([add(*parts)], like) if parts else like
    return shorter(new, matmul(one, s) if left else matmul(s, one))


def _multiple(ring: Polynomials, terms: Terms, core: Expr) -> Expr:
    c = ring.expression(terms, number(1))
    return c if core.is_scalar else mul(c, core)


def _as_product(e: Expr) -> Expr:
    """sum(x) of a column as 1ᵀx."""
    if e.op == "mul":
        return mul(*map(_as_product, e.args))
    plain = e.op == "sum" and e.args[0].shape[1].constant == 1 and not e.args[0].is_scalar
    return matmul(ones(1, e.args[0].shape[0]), e.args[0]) if plain else e


def diagonal_times_sum(e: Expr) -> Expr | None:
    """Diag(v) (I - 1 bᵀ) = Diag(v) - v bᵀ."""
    for i, (d, s) in enumerate(pairwise(e.args)):
        if d.op != "diagm" or s.op != "add" or len(s.args) != 2:
            continue
        parts = []
        for t in s.args:
            front, rest = scalars(t)
            if rest is not None and rest.op == "eye":
                parts.append(mul(*front, d))
            elif (
                rest is not None
                and rest.op == "matmul"
                and rest.args[0].op == "ones"
                and rest.args[0].shape[1].constant == 1
            ):
                parts.append(mul(*front, matmul(d.args[0], *rest.args[1:])))
        if len(parts) == 2:
            return matmul(*e.args[:i], add(*parts), *e.args[i + 2 :])
    return None


STATEMENTS = {
    "SIM-32": "(A/B + C) ⊙ B = A + B ⊙ C, A ⊙ (1 - B) - B ⊙ (1 - A) = A - B, where that is shorter",
    "SIM-33": "1ᵀ(x - m 1) = 1ᵀx - n m, where terms cancel; Diag(v) (I - 1 bᵀ) = Diag(v) - v bᵀ",
}
RULES = {
    "mul": [("SIM-32", product_of_sums)],
    "add": [("SIM-32", sum_of_products)],
    "matmul": [("SIM-33", sums_of_entries), ("SIM-33", diagonal_times_sum)],
}
