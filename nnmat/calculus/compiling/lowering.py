"""From expressions to the values that a compiled function computes. Every operator of the language has its way here."""

from collections.abc import Callable, Collection
from fractions import Fraction

from ..dimensions import ONE, Dim
from ..errors import NotDerivable
from ..language.assumptions import is_symmetric
from ..language.expr import Expr, ordered
from ..notation.arrays import CALLS
from .helpers import entry_code
from .values import Graph, Shape, Value, base


def shape_of(e: Expr) -> Shape:
    """The shape of the array of an expression: a row and a column are a vector, (1, 1) is a number."""
    return tuple(d for d in e.shape if d != ONE)


class Lowering:
    """The values of several expressions in one graph; `functions` are those that there are, if not those of NumPy."""

    def __init__(self, functions: Collection[str] = ()) -> None:
        self.functions = functions
        self.graph = Graph()
        self.done: dict[bytes, Value] = {}
        self.names: dict[Value, str] = {}

    def value(self, e: Expr) -> Value:
        """The value of an expression; equal expressions have one."""
        for x in ordered(e, until=lambda x: x.digest in self.done):
            if x.op not in WAYS and x.op not in CALLS:
                raise NotDerivable(x, f"no compiled form of the operator {x.op} of {x}. Try evaluate(...).")
            found = WAYS.get(x.op, _called)(self, x, *[self.done[a.digest] for a in x.args])
            if len(found.shape) == 2 and found.op not in ("T", "full", "rows", "columns") and is_symmetric(x):
                found.symmetric = True
            self.done[x.digest] = found
        return self.done[e.digest]

    def product(self, *factors: tuple[Value, Dim, Dim]) -> Value:
        return self.graph.product(factors)


def _symbol(low: Lowering, e: Expr) -> Value:
    return low.graph.make("sym", (), e.name, shape_of(e))


def _named(low: Lowering, e: Expr, x: Value) -> Value:
    low.names.setdefault(x, e.data)
    return x


def _matmul(low: Lowering, e: Expr, *args: Value) -> Value:
    factors = [(v, *a.shape) for v, a in zip(args, e.args, strict=True)]
    for at, (v, rows, columns) in enumerate(factors):
        if v.op == "add" and len(shape_of(e)) < 2 and any(base(a).op == "inv" for a in v.args):
            terms = [a if a.shape else low.graph.full(v.shape, a) for a in v.args]  # (A⁻¹ + A⁻ᵀ)x needs no inverse
            return low.graph.add([low.product(*factors[:at], (a, rows, columns), *factors[at + 1 :]) for a in terms])
    return low.product(*factors)


def _add(low: Lowering, e: Expr, *args: Value) -> Value:
    return low.graph.add(args)


def _power(low: Lowering, e: Expr, x: Value) -> Value:
    if x.op == "num" and (e.data.denominator == 1) and (x.data or e.data > 0):
        return low.graph.number(x.data**e.data.numerator)
    if e.data == 1:
        return x
    if e.data == 0:
        return low.graph.full(x.shape, low.graph.number(1))
    if x.op == "norm" and e.data == 2:
        return _inner(low, e, x.args[0], x.args[0])
    if x.op == "pow":
        p = x.data * e.data
        if x.data.denominator == 1 and x.data % 2 and e.data.denominator == 1:
            return low.graph.elementwise("pow", (x.args[0],), p)
    return low.graph.elementwise("pow", (x,), e.data)


def _function(low: Lowering, e: Expr, x: Value) -> Value:
    if low.functions and e.data not in low.functions:
        raise NotDerivable(e, f"no kernel of the function {e.data} is known.")
    if not low.functions and not entry_code(e.data):
        raise NotDerivable(e, f"no NumPy form of the function {e.data} is known. Try evaluate(...).")
    return low.graph.elementwise("fn", (x,), e.data)


def _inverse(low: Lowering, e: Expr, x: Value) -> Value:
    g = low.graph
    if not x.shape:
        return g.elementwise("pow", (x,), Fraction(-1))
    if x.op == "T":
        return g.transpose(g.make("inv", x.args, None, x.shape))
    if x.op == "eye":
        return x
    return g.make("inv", (x,), None, x.shape)


def _same(low: Lowering, e: Expr, x: Value) -> Value:
    return low.graph.make(e.op, (x,)) if x.shape else _of_number(low, e, x)


def _of_number(low: Lowering, e: Expr, x: Value) -> Value:
    """Determinant, trace and sum of what has one entry."""
    g = low.graph
    if e.op == "logdet":
        return g.elementwise("fn", (g.elementwise("fn", (x,), "abs"),), "log")
    return g.elementwise("fn", (x,), "abs") if e.op == "norm" else x


def _trace(low: Lowering, e: Expr, x: Value) -> Value:
    g = low.graph
    if x.op == "add":
        return g.add([_trace(low, e, a if a.shape else g.full(x.shape, a)) for a in x.args])
    if x.op == "mul" and len([a for a in x.args if a.shape]) == 1:
        return g.mul([g.number(x.data), *x.args[:-1], _trace(low, e, x.args[-1])])
    if x.op == "T":
        return _trace(low, e, x.args[0])
    if x.op == "outer":
        return _inner(low, e, *x.args)
    if x.op == "full":
        return g.mul([x.args[0], g.make("dim", (), x.shape[0])])
    if x.op in ("rows", "columns"):
        return _total(low, e, x.args[0])
    return _same(low, e, x)


def _inner(low: Lowering, e: Expr, x: Value, y: Value) -> Value:
    """The sum of the products of entries."""
    g = low.graph
    if not x.shape:
        return g.mul([x, y])
    scalars: list[Value] = []
    cores = []
    for a in (x, y):
        if a.op == "mul" and len([b for b in a.args if b.shape]) == 1:
            scalars += [g.number(a.data), *a.args[:-1]]
            a = a.args[-1]
        cores.append(a)
    full = next((a for a in cores if a.op == "full"), None)
    if full is not None:
        cores.remove(full)
        return g.mul([*scalars, full.args[0], _total(low, e, cores[0])])
    if len(x.shape) == 1:
        return g.mul([*scalars, g.product([(cores[0], ONE, x.shape[0]), (cores[1], x.shape[0], ONE)])])
    if all(a.op == "T" for a in cores):
        cores = [a.args[0] for a in cores]
    cores.sort(key=lambda a: a.index)
    return g.mul([*scalars, g.make("dot", cores)])


def _total(low: Lowering, e: Expr, x: Value) -> Value:
    """The sum of all entries; of a product of matrices, 1ᵀ(...)1, vectors first."""
    g = low.graph
    if x.op == "T":
        return _total(low, e, x.args[0])
    if x.op in ("chain", "outer", "rows", "columns", "full") and x.shape:
        rows, columns = x.shape if len(x.shape) == 2 else (x.shape[0], ONE)
        ends = [] if columns == ONE else [(g.ones(columns), columns, ONE)]
        if len(x.shape) == 1 and x.op == "full":
            return g.mul([x.args[0], g.make("dim", (), rows)])
        return g.product([(g.ones(rows), ONE, rows), (x, rows, columns), *ends])
    if x.op == "mul" and len([a for a in x.args if a.shape]) == 1:
        return g.mul([g.number(x.data), *x.args[:-1], _total(low, e, x.args[-1])])
    return g.make("sum", (x,)) if x.shape else x


def _norm(low: Lowering, e: Expr, x: Value) -> Value:
    return low.graph.make("norm", (x,)) if x.shape else _of_number(low, e, x)


def _diagonal(low: Lowering, e: Expr, x: Value) -> Value:
    if not x.shape:
        return x
    if x.op == "outer":
        return low.graph.mul(x.args)
    return x.args[0] if x.op == "diagm" else low.graph.make("diag", (x,), None, x.shape[:1])


def _diagonal_matrix(low: Lowering, e: Expr, x: Value) -> Value:
    if not x.shape:
        return x
    if x.op == "full":
        return low.graph.mul([x.args[0], low.graph.make("eye", (), None, shape_of(e))])
    return low.graph.make("diagm", (x,), None, shape_of(e))


def _reshape(low: Lowering, e: Expr, x: Value) -> Value:
    shape = shape_of(e)
    if x.op == "full":
        return low.graph.full(shape, x.args[0])
    return x if x.shape == shape else low.graph.make("reshape", (x,), None, shape)


def _softmax(low: Lowering, e: Expr, x: Value) -> Value:
    """The family by its parts, which are shared: y = X - max, E = exp(y), the sums of E."""
    g = low.graph
    one = e.data == "rows" and e.args[0].shape[1] == ONE  # rows of one entry
    if not x.shape or one:
        return x if e.op == "lse" else g.full(x.shape, g.number(1 if e.op == "softmax" else 0))
    along = x.shape[:-1]
    spread = (lambda v: g.columns(v, x.shape)) if along else lambda v: v
    if x.op == "full":
        x = g.make("filled", x.args, None, x.shape)
    top = g.make("max", (x,), None, along)
    shifted = g.add([x, g.mul([g.number(-1), spread(top)])])
    powers = g.elementwise("fn", (shifted,), "exp")
    sums = g.make("sums", (powers,), 1, along) if along else g.make("sum", (powers,))
    if e.op == "softmax":
        return g.mul([powers, spread(g.elementwise("pow", (sums,), Fraction(-1)))])
    logs = g.elementwise("fn", (sums,), "log")
    return g.add([top, logs]) if e.op == "lse" else g.add([shifted, g.mul([g.number(-1), spread(logs)])])


def _compared(low: Lowering, e: Expr, *args: Value) -> Value:
    """The greater of two, or which one it is: one call in NumPy, an operation on entries for kernels."""
    return low.graph.elementwise(e.op, args) if low.functions else _called(low, e, *args)


def _called(low: Lowering, e: Expr, *args: Value) -> Value:
    """Operators that are one call, which takes matrices and gives one."""
    data = (e.op, e.data, e.shape, tuple(a.shape for a in e.args))
    return low.graph.make("call", args, data, shape_of(e))


def _tril(low: Lowering, e: Expr, x: Value) -> Value:
    return low.graph.make("tril", (x,), None, x.shape) if x.shape else x


def _transpose(low: Lowering, e: Expr, x: Value) -> Value:
    return low.graph.transpose(x)


WAYS: dict[str, Callable[..., Value]] = {
    "sym": _symbol,
    "num": lambda low, e: low.graph.number(e.data),
    "dim": lambda low, e: low.graph.make("dim", (), e.data),
    "ones": lambda low, e: low.graph.full(shape_of(e), low.graph.number(1)),
    "zeros": lambda low, e: low.graph.full(shape_of(e), low.graph.number(0)),
    "eye": lambda low, e: low.graph.make("eye", (), None, shape_of(e)) if shape_of(e) else low.graph.number(1),
    "ref": _named,
    "add": _add,
    "mul": lambda low, e, *args: low.graph.mul(args),
    "matmul": _matmul,
    "T": _transpose,
    "pow": _power,
    "fn": _function,
    "inv": _inverse,
    "det": _same,
    "logdet": _same,
    "trace": lambda low, e, x: _trace(low, e, x) if x.shape else x,
    "inner": _inner,
    "sum": _total,
    "norm": _norm,
    "diag": _diagonal,
    "diagm": _diagonal_matrix,
    "tril": _tril,
    "reshape": _reshape,
    "softmax": _softmax,
    "log_softmax": _softmax,
    "lse": _softmax,
    "maximum": _compared,
    "greater": _compared,
}
