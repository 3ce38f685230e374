"""Expressions: immutable nodes, one object for each expression, with the arithmetic that NumPy users expect.

`A @ B` is the matrix product, `A.T` the transpose, `*`, `/` and `**` work element by element, `+` and `-` too. A scalar
(shape (1, 1)) broadcasts; a vector is a column (n, 1) and broadcasts only through `ones(m) @ b.T`. Shapes are checked
when a node is built. Nothing is simplified here: an expression stays as it was written (`simplifier.py` has the rules).
"""

import math
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from ..dimensions import ONE, Dim, Shape, show, size
from ..errors import DomainError, ShapeError
from ..notation.code import code
from ..notation.latex import LatexWriter
from ..notation.text import Writer

SCALAR: Shape = (ONE, ONE)
MOST = 100_000  # operands of a sum or a product: X = X @ X, written twenty times, has more
_nodes: weakref.WeakValueDictionary = weakref.WeakValueDictionary()
_lock = threading.Lock()


class _Otherwise:
    """What `a == b` is for two expressions that are not written the same: false, and it says what was compared."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "False: == compares how expressions are written; same(a, b) compares their values"


OTHERWISE = _Otherwise()


class Expr:
    """One node: an operator `op` applied to `args`, with constants of the operator in `data`, of shape `shape`.

    Two expressions that are written the same are the same object: `==` asks for that, and no more. `digest`, a
    fingerprint, is equal, moreover, where two differ only in the order of the terms of a sum or of the factors of an
    elementwise product. `free` are the symbols that it is made of; `has_differential` says whether a dX stands in it,
    as in lines of a derivation.
    """

    __slots__ = ("__dict__", "__weakref__", "args", "data", "found_digest", "free", "has_differential", "op", "shape")
    __array_ufunc__ = None  # an array on the left gives the operation to us, and we refuse it
    op: str
    args: "tuple[Expr, ...]"
    data: Any
    shape: Shape
    at: "ClassVar[Callable[[Expr, Any], Expr]]"  # what A[i, j] is: `blocks` says it
    found_digest: bytes  # empty until it is asked for
    free: "frozenset[Expr]"
    has_differential: bool

    @property
    def digest(self) -> bytes:
        if not self.found_digest:
            for x in ordered(self, until=lambda x: bool(x.found_digest)):
                x.found_digest = _digest(x)
        return self.found_digest

    @property
    def is_scalar(self) -> bool:
        return self.shape == SCALAR

    @property
    def name(self) -> str:
        """The name of a symbol or of a named quantity."""
        return self.data[0] if self.op == "sym" else self.data

    def __add__(self, other):
        return plus(self, lift(other, "+", self))

    def __radd__(self, other):
        return plus(lift(other, "+", self), self)

    def __sub__(self, other):
        return minus(self, lift(other, "-", self))

    def __rsub__(self, other):
        return minus(lift(other, "-", self), self)

    def __mul__(self, other):
        return mul(self, lift(other, "*", self))

    def __rmul__(self, other):
        return mul(lift(other, "*", self), self)

    def __truediv__(self, other):
        return divide(self, lift(other, "/", self))

    def __rtruediv__(self, other):
        return divide(lift(other, "/", self), self)

    def __matmul__(self, other):
        return matmul(self, lift(other, "@", self))

    def __rmatmul__(self, other):
        return matmul(lift(other, "@", self), self)

    def __pow__(self, exponent):
        return power(self, exponent)

    def __neg__(self):
        return negative(self)

    def __rpow__(self, other):
        return power(lift(other, "**", self), self)

    def __getitem__(self, key):
        return Expr.at(self, key)

    @property
    def T(self) -> "Expr":
        """The transpose."""
        return transpose(self)

    def __eq__(self, other: Any) -> Any:
        """Whether both are written the same; what is returned says so where it is printed."""
        return True if self is other else OTHERWISE if isinstance(other, Expr) else NotImplemented

    __hash__ = object.__hash__

    def __bool__(self):
        raise TypeError("Expr: expected a question about numbers, got an expression. Try `a is b` or evaluate(...).")

    def _compared(self, other: Any) -> Any:
        raise TypeError(
            "Expr: expected a comparison of numbers, got one of expressions. where(A - B, X, Y) is X if A > B."
        )

    __lt__ = __le__ = __gt__ = __ge__ = _compared

    def __iter__(self) -> Iterator:
        raise TypeError("Expr: expected an operation on the whole matrix, got a loop over it. Try A.T, A @ x, sum(A).")

    def __reduce__(self):
        return node, (self.op, self.args, self.data, self.shape)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __repr__(self) -> str:
        return code(self)

    def __str__(self) -> str:
        return text(self)

    def _repr_latex_(self) -> str:
        return f"${latex(self)}$"

    def inline(self, keep: "Iterable[str]" = ()) -> "Expr":
        """The same with the names of intermediate quantities written out, but for those in `keep`."""
        kept = set(keep)
        return rewrite(self, lambda e: e.args[0] if e.op == "ref" and e.data not in kept else None)


def node(op: str, args: tuple[Expr, ...] = (), data: Any = None, shape: Shape = SCALAR) -> Expr:
    """The one node of this operator, operands, constants and shape."""
    key = (op, tuple(map(id, args)), data, shape)
    found = _nodes.get(key)
    if found is None:
        with _lock:
            found = _nodes.get(key)
            if found is None:
                found = Expr()
                found.op, found.args, found.data, found.shape = op, args, data, shape
                found.found_digest = b""
                found.free = frozenset([found]) if op == "sym" else frozenset().union(*[a.free for a in args])
                found.has_differential = op == "d" or (op != "ref" and any([a.has_differential for a in args]))
                _nodes[key] = found
    return found


def _digest(e: Expr) -> bytes:
    below = [a.digest for a in e.args]
    if e.op in ("add", "mul", "inner"):
        below.sort()
    return blake2b(_own(e.op, e.data, e.shape if not e.args else None) + b"".join(below), digest_size=12).digest()


@lru_cache(maxsize=4096)
def _own(op: str, data: Any, shape: Shape | None) -> bytes:
    """What a node is without its operands."""
    return repr((op, data, shape)).encode()


def number(value: int | float | Fraction) -> Expr:
    """A constant. A float is taken as the decimal number that Python prints: 0.1 is 1/10."""
    exact = Fraction(repr(float(value))) if isinstance(value, float) else value
    exact = exact if isinstance(exact, Fraction) else Fraction(exact)
    try:
        held = float(exact) != 0 or exact == 0
    except OverflowError:
        held = False
    if not held:
        raise DomainError("number: expected numbers from 1e-308 to 1e308 in size, got one outside. Try other units.")
    return node("num", (), exact)


def lift(value: Any, operator: str = "", beside: Expr | None = None) -> Expr:
    """An operand: an expression as it is, a number as a constant; a ShapeError for anything else.

    It is also what a dimension becomes in arithmetic with expressions (`Dim.as_expression`).
    """
    if isinstance(value, Expr):
        return value
    if isinstance(value, Dim):
        return node("dim", (), value) if value.constant is None else number(value.constant)
    if isinstance(value, np.integer | np.floating):
        value = value.item()
    if isinstance(value, int | float | Fraction) and not (
        isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value))
    ):
        return number(value)
    where = f" beside {beside}" if beside is not None else ""
    raise ShapeError(
        f"{operator or 'calculus'}: expected an expression or a finite number{where}, got {type(value).__name__}. "
        "Try a symbol here, and its array in evaluate(...)."
    )


Dim.as_expression = lift


def text(e: Expr) -> str:
    """The expression in Unicode text."""
    return Writer().write(lift(e, "text"))


def latex(e: Expr) -> str:
    """The expression in LaTeX, without dollar signs."""
    return LatexWriter().write(lift(e, "latex"))


def described(e: Expr) -> str:
    """An operand for an error message: what it is and its shape."""
    written = str(e)
    return f"{written if len(written) <= 60 else written[:57] + '...'} of shape {show(e.shape)}"


def common(who: str, args: tuple[Expr, ...]) -> Shape:
    """The shape of elementwise operands, of which scalars broadcast; a ShapeError that names two that do not fit."""
    shape, first = SCALAR, None
    for a in args:
        if a.shape is shape or a.shape == SCALAR:
            continue
        if first is not None and a.shape != shape:
            hint = "Did you mean the transpose of one?" if a.shape == shape[::-1] else "Try ones(m) @ b.T for a row."
            raise ShapeError(f"{who}: expected equal shapes, got {described(first)} and {described(a)}. {hint}")
        shape, first = a.shape, a
    return shape


def _flat(op: str, args: Iterable[Expr]) -> tuple[Expr, ...]:
    flat: list[Expr] = []
    for a in args:
        flat += a.args if a.op == op else (a,)
        if len(flat) > MOST:
            raise ShapeError(f"{op}: expected at most {MOST} operands, got more. Name parts of it with let.")
    return tuple(flat)


def add(*args: Expr) -> Expr:
    """The sum; scalars broadcast."""
    shape = common("+", args)
    flat = _flat("add", args)
    return flat[0] if len(flat) == 1 else node("add", flat, None, shape)


def spread(a: Expr, b: Expr) -> tuple[Expr, Expr]:
    """The terms of a sum as they are written: a row beside a matrix stands for itself in every row, 1 bᵀ."""
    for row, whole in ((a, b), (b, a)):
        if row.shape[0] == ONE and row.shape[1] == whole.shape[1] and ONE not in whole.shape:
            full = matmul(ones(whole.shape[0]), row)
            return (full, b) if row is a else (a, full)
    return a, b


def plus(a: Expr, b: Expr) -> Expr:
    """a + b, as it is written."""
    return add(*spread(a, b))


def minus(a: Expr, b: Expr) -> Expr:
    """a - b, as it is written."""
    a, b = spread(a, b)
    return add(a, negative(b))


def mul(*args: Expr) -> Expr:
    """The elementwise (Hadamard) product; scalars broadcast."""
    shape = common("*", args)
    flat = _flat("mul", args)
    return flat[0] if len(flat) == 1 else node("mul", flat, None, shape)


def negative(a: Expr) -> Expr:
    """`-a`."""
    if a.op == "num":
        return number(-a.data)
    if a.op == "mul" and a.args[0].op == "num":
        return mul(number(-a.args[0].data), *a.args[1:])
    return mul(number(-1), a)


def divide(a: Expr, b: Expr) -> Expr:
    """`a / b`, element by element."""
    if b.op == "num" and b.data == 0:
        raise DomainError(f"/: expected a divisor other than 0, got {a} / 0.")
    return number(a.data / b.data) if a.op == b.op == "num" else mul(a, power(b, -1))


def matmul(*args: Expr) -> Expr:
    """The matrix product."""
    flat = _flat("matmul", args)
    for left, right in pairwise(flat):
        if left.shape[1] != right.shape[0]:
            if SCALAR in (left.shape, right.shape):
                hint = "A scalar multiplies with `*`."
            elif left.shape[0] == right.shape[0]:
                hint = "Did you mean the transpose of the first, `.T`?"
            else:
                hint = "Check the order and the transposes."
            raise ShapeError(
                f"@: expected as many columns on the left as rows on the right, "
                f"got {described(left)} and {described(right)}. {hint}"
            )
    return flat[0] if len(flat) == 1 else node("matmul", flat, None, (flat[0].shape[0], flat[-1].shape[1]))


def transpose(a: Expr) -> Expr:
    """`aᵀ`."""
    return node("T", (a,), None, (a.shape[1], a.shape[0]))


def transposed_factors(factors: Iterable[Expr], equal: Callable[[Expr], bool]) -> list[Expr]:
    """The factors of (A B)ᵀ: Bᵀ, Aᵀ; `equal` says which of them are their own transposes."""
    return [a.args[0] if a.op == "T" else a if equal(a) else transpose(a) for a in reversed(list(factors))]


def constant(e: Expr) -> Fraction | None:
    """The number that an expression of nothing but numbers is: 0.5 * 2, 2 ** 3. Raises DomainError if it is none."""
    if e.op == "num":
        return Fraction(e.data)
    values = [v for a in e.args if (v := constant(a)) is not None] if e.op in ("add", "mul", "pow") else []
    if not values or len(values) < len(e.args):
        return None
    if e.op != "pow":
        return sum(values, Fraction(0)) if e.op == "add" else math.prod(values, start=Fraction(1))
    whole = e.data.denominator == 1 and abs(e.data) <= 64
    try:
        value = values[0] ** int(e.data) if whole else Fraction(repr(float(values[0]) ** float(e.data)))
        lost = bool(values[0]) and not float(value)
    except (ArithmeticError, ValueError, TypeError):
        lost = True
    if lost:
        raise DomainError(f"**: expected a number as exponent that float64 holds, got {e}.")
    return value


def power(a: Expr, exponent: Any) -> Expr:
    """Each element to a power: a constant, or an expression, which broadcasts where it is a scalar."""
    if isinstance(exponent, Expr):
        value = constant(exponent)
        if value is None:
            return node("xpow", (a, exponent), None, common("**", (a, exponent)))
        exponent = value
    real = isinstance(exponent, int | float | Fraction) and not isinstance(exponent, bool)
    if not real or (isinstance(exponent, float) and not math.isfinite(exponent)):
        raise ShapeError(f"**: expected a number as exponent, got {exponent}. Try 2, or a symbol.")
    return node("pow", (a,), number(exponent).data, a.shape)


def nodes(e: Expr, until: Callable[[Expr], bool] = lambda x: False) -> Iterator[Expr]:
    """Every node of an expression, once, from the root on; not what is below one for which `until` holds."""
    seen: set[Expr] = set()
    stack = [e]
    while stack:
        x = stack.pop()
        if x not in seen:
            seen.add(x)
            stack.extend(() if until(x) else x.args)
            yield x


def ordered(e: Expr, until: Callable[[Expr], bool] = lambda x: False) -> list[Expr]:
    """Every node of an expression, once, operands before operators; not those for which `until` holds, nor what is
    below them. Those who look at the nodes in this order need no stack of Python's, however deep the expression is."""
    found: dict[Expr, None] = {}
    stack = [] if until(e) else [e]
    while stack:
        x = stack[-1]
        waiting = len(stack)
        if x not in found:
            for a in reversed(x.args):
                if a not in found and not until(a):
                    stack.append(a)
        if len(stack) == waiting:
            found.setdefault(stack.pop())
    return list(found)


def depending(e: Expr, symbol: Expr) -> list[Expr]:
    """The nodes of an expression that depend on a symbol, once, operands before operators."""
    return ordered(e, until=lambda x: symbol not in x.free)


def dimensions(e: Expr) -> frozenset[str]:
    """The names of all dimensions in an expression."""
    found: set[Dim] = set()
    for x in nodes(e):
        found.update(x.shape)
        found.update(d for d in (x.data if isinstance(x.data, tuple) else (x.data,)) if isinstance(d, Dim))
    return frozenset().union(*(d.names for d in found))


def bottom_up(e: Expr, leave: Callable[[Expr, Expr], Expr], enter: Callable[[Expr], Expr | None] | None = None) -> Expr:
    """What becomes of `e` when every node becomes `leave(node, node on its new operands)`, operands first, each once.

    Where `enter(node)` is not None it is what becomes of that node, and its operands are not looked at.
    """
    done: dict[Expr, Expr] = {}

    def known(x: Expr) -> bool:
        if x not in done and enter is not None:
            new = enter(x)
            if new is not None:
                done[x] = new
        return x in done

    for x in ordered(e, until=known):
        args = tuple([done[a] for a in x.args])
        done[x] = leave(x, x if args == x.args else rebuild(x, args))
    return done[e]


def rewrite(e: Expr, change: Callable[[Expr], Expr | None]) -> Expr:
    """`e` with `change(node)` put for every node for which it is not None, from the leaves up."""

    def changed(x: Expr, new: Expr) -> Expr:
        other = change(new)
        return new if other is None else other

    return bottom_up(e, changed)


FLAT: dict[str, Callable[..., Expr]] = {"add": add, "mul": mul, "matmul": matmul}


def rebuild(x: Expr, args: tuple[Expr, ...]) -> Expr:
    """The node `x` on other operands of the same shapes."""
    if x.op in FLAT:
        return FLAT[x.op](*args)
    return node(x.op, args, x.data, x.shape)


def replace(e: Expr, old: Expr, new: Expr) -> Expr:
    """`e` with `new` in the place of every `old`, but not inside of what a name stands for."""
    return bottom_up(
        e,
        lambda x, changed: new if changed is old else changed,
        enter=lambda x: new if x is old else x if x.op == "ref" or not x.args else None,
    )


def ones(rows: Dim | int | str, columns: Dim | int | str = 1) -> Expr:
    """All ones: `ones("n")` is the column 1, `ones("n").T` the row 1ᵀ."""
    return node("ones", (), None, (size(rows), size(columns)))


def zeros(rows: Dim | int | str, columns: Dim | int | str = 1) -> Expr:
    """All zeros."""
    return node("zeros", (), None, (size(rows), size(columns)))


def eye(n: Dim | int | str) -> Expr:
    """The identity matrix."""
    return node("eye", (), None, (size(n), size(n)))
