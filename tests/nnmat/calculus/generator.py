"""Random well-formed expressions, with every operator of the calculus in every place.

`Generator(seed).sample(op, place)` gives an expression in which `op` stands at the root, inside, or under a
transpose, its variable, and, if it is a matrix, its upstream gradient. Arguments of functions with small domains are
wrapped so that points exist: the aim is right or wrong, not how many draws a domain needs.
"""

from collections.abc import Iterator

import numpy as np

from nnmat.calculus import dim
from nnmat.calculus.language import operators
from nnmat.calculus.language.convolution import conv
from nnmat.calculus.language.elementwise import FUNCTIONS
from nnmat.calculus.language.expr import Expr, add, eye, matmul, mul, number, ones, power, transpose

DIMS = ("M", "N", "K")
PLACES = ("root", "inside", "transposed")
ELEMENTWISE = ("exp", "log", "sigmoid", "tanh", "relu", "abs", "softplus", "gelu", "sqrt", "sin", "cos")
OPERATORS = (
    *("add", "sub", "mul", "divide", "scale", "matmul", "T", "power"),
    *("inv", "solve", "det", "logdet", "adjugate", "trace", "inner", "sum", "sum_rows", "sum_columns", "norm2"),
    *("frobenius", "diag", "diagm", "kron", "vec", "reshape", "outer", "softmax", "softmax_rows", "log_softmax"),
    *("log_softmax_rows", "logsumexp", "logsumexp_rows", "conv"),
    *ELEMENTWISE,
)
ANY = ("add", "sub", "mul", "divide", "scale", "matmul", "T", "power", "outer", *ELEMENTWISE)
SCALARS = ("det", "logdet", "trace", "inner", "sum", "norm2", "frobenius", "logsumexp", "matmul")


class Generator:
    """Expressions from one seed."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def pick(self, values):
        return values[int(self.rng.integers(len(values)))]

    def shape(self, kind: str = "any"):
        if kind == "scalar":
            return dim(1), dim(1)
        if kind == "column":
            return dim(self.pick(DIMS)), dim(1)
        if kind == "square":
            n = dim(self.pick(DIMS))
            return n, n
        return dim(self.pick(DIMS)), dim(self.pick((*DIMS, 1)))

    def leaf(self, shape) -> Expr:
        rows, columns = shape
        one = dim(1)
        if shape == (one, one):
            return operators.scalar(self.pick(("alpha", "beta")))
        if columns == one:
            return operators.vector(f"{self.pick(('x', 'y'))}_{rows}", rows)
        if rows == one:
            return transpose(self.leaf((columns, rows)))
        if self.rng.random() < 0.05:
            return ones(rows, columns) if rows != columns else eye(rows)
        if rows == columns and len(rows.terms) == 1 and self.rng.random() < 0.3:
            word = self.pick(("symmetric", "invertible", "positive_definite", "diagonal"))
            return operators.matrix(f"{word[0].upper()}_{rows}", rows, columns, **{word: True})
        name = f"{self.pick('AB')}_{rows}_{columns}".replace(" + ", "p")
        return operators.matrix(name, rows, columns)

    def gen(self, shape, depth: int) -> Expr:
        if depth <= 0:
            return self.leaf(shape)
        one = dim(1)
        choices = list(ANY)
        if shape == (one, one):
            choices = [*SCALARS, "scale", "add", "sin", "mul"]
        elif shape[1] == one:
            choices += ["sum_rows", "softmax", "log_softmax", "logsumexp_rows", "diag", "vec", "solve"]
        elif shape[0] == one:
            choices += ["sum_columns", "T"]
        else:
            choices += ["softmax_rows", "log_softmax_rows", "conv", "reshape"]
            if shape[0] == shape[1]:
                choices += ["inv", "adjugate", "diagm", "kron", "solve"]
        return self.make(self.pick(choices), shape, depth)

    def sub(self, shape, depth: int) -> Expr:
        """An operand: not every one goes to the bottom."""
        return self.gen(shape, depth - 1 if self.rng.random() < 0.7 else max(depth - 3, 0))

    def tame(self, e: Expr) -> Expr:
        """Entries between -1 and 1, or the operand itself if it is a leaf."""
        return e if e.op in ("sym", "T") else FUNCTIONS["tanh"](e)

    def regular(self, n, depth: int) -> Expr:
        """A square matrix whose inverse is mild at some points."""
        e = self.tame(self.sub((n, n), depth))
        return e if e.op == "sym" else add(mul(number(self.pick((2, 3))), eye(n)), e)

    def make(self, op: str, shape, depth: int) -> Expr:
        rows, columns = shape
        one = dim(1)
        a = lambda s=shape: self.sub(s, depth)  # noqa: E731
        if op in ELEMENTWISE:
            x = self.tame(a())
            if op in ("log", "sqrt"):
                x = add(number(1), mul(x, x)) if self.rng.random() < 0.5 else FUNCTIONS["exp"](x)
            return FUNCTIONS[op](x)
        if op == "add":
            return add(*(a() for _ in range(self.pick((2, 2, 3)))))
        if op == "sub":
            return a() - a()
        if op == "mul":
            return mul(a(), a())
        if op == "divide":
            x = self.tame(a())
            return a() / add(number(2), mul(x, x))
        if op == "scale":
            factor = self.pick((number(self.pick((-1, 2, -3))), number(0.5), self.sub((one, one), min(depth, 2))))
            return mul(factor, a())
        if op == "power":
            return power(self.tame(a()), self.pick((2, 3)))
        if op == "matmul":
            middle = dim(self.pick(DIMS if shape == (one, one) or self.rng.random() < 0.8 else (1,)))
            return matmul(self.sub((rows, middle), depth), self.sub((middle, columns), depth))
        if op == "T":
            return transpose(self.sub((columns, rows), depth))
        if op in ("inv", "adjugate"):
            return (
                operators.inv(self.regular(rows, depth)) if op == "inv" else operators.adjugate(self.invertible(rows))
            )
        if op == "solve":
            return operators.solve(self.regular(rows, depth), a())
        if op == "outer":
            return matmul(self.sub((rows, one), depth), transpose(self.sub((columns, one), depth)))
        if op in ("sum_rows", "sum_columns"):
            middle = dim(self.pick(DIMS))
            inside = (rows, middle) if op == "sum_rows" else (middle, columns)
            return operators.total(self.sub(inside, depth), axis=1 if op == "sum_rows" else 0)
        if op in ("softmax", "softmax_rows", "log_softmax", "log_softmax_rows"):
            return getattr(operators, op)(self.tame(a()))
        if op == "logsumexp_rows":
            return operators.logsumexp_rows(self.tame(self.sub((rows, dim(self.pick(DIMS))), depth)))
        if op == "diag":
            return operators.diag(self.sub((rows, rows), depth))
        if op == "diagm":
            return operators.diagm(self.sub((rows, one), depth))
        if op == "conv":
            kernel = self.pick((1, 2))
            inside = (rows + kernel - 1, columns + kernel - 1)
            name = f"C{kernel}_" + "_".join(str(d).replace(" + ", "p") for d in inside)
            image = operators.matrix(name, *inside) if self.rng.random() < 0.6 else self.leaf(inside)
            return conv(image, self.tame(self.sub((dim(kernel), dim(kernel)), min(depth, 2))))
        if op == "reshape":
            return operators.reshape(self.sub((columns, rows), depth), rows, columns)
        return self.fixed(op, shape, depth)

    def invertible(self, n) -> Expr:
        """A matrix known to be invertible."""
        x = operators.matrix(f"I_{n}", n, n, invertible=True)
        return self.pick((x, transpose(x), matmul(x, operators.matrix(f"P_{n}", n, n, positive_definite=True))))

    def fixed(self, op: str, shape, depth: int) -> Expr:
        """Operators whose result has a shape of its own, and here a shape at hand."""
        rows, columns = shape
        one = dim(1)
        n = dim(self.pick(DIMS))
        if op in ("det", "logdet"):
            return getattr(operators, op)(self.regular(n, depth))
        if op == "trace":
            return operators.trace(self.sub((n, n), depth))
        if op == "inner":
            other = self.shape()
            return operators.inner(self.sub(other, depth), self.sub(other, depth))
        if op in ("sum", "frobenius"):
            return (operators.total if op == "sum" else operators.frobenius)(self.sub(self.shape(), depth))
        if op in ("norm2", "logsumexp"):
            x = self.sub((n, one), depth)
            return operators.norm2(x) if op == "norm2" else operators.logsumexp(self.tame(x))
        if op == "vec":  # A (rows, 1) in two ways: a matrix in a column, made a column of this length by a product
            return matmul(operators.matrix(f"L_{rows}", rows, n * n), operators.vec(self.sub((n, n), depth)))
        if op == "kron":
            e = operators.kron(
                self.sub((one, one) if self.rng.random() < 0.2 else (n, n), min(depth, 3)), self.sub(shape, depth)
            )
            return (
                e if e.shape == shape else matmul(self.leaf_of(rows, e.shape[0]), e, self.leaf_of(e.shape[1], columns))
            )
        raise AssertionError(f"the generator does not know {op}")

    def leaf_of(self, rows, columns) -> Expr:
        return operators.matrix(f"E_{rows}_{columns}".replace("*", "t"), rows, columns)

    def natural(self, op: str):
        """A shape that the operator can have."""
        if op in ("det", "logdet", "trace", "inner", "sum", "norm2", "frobenius", "logsumexp"):
            return self.shape("scalar")
        if op in ("sum_rows", "softmax", "log_softmax", "logsumexp_rows", "diag", "vec"):
            return self.shape("column")
        if op in ("inv", "adjugate", "diagm", "kron"):
            return self.shape("square")
        if op in ("conv", "softmax_rows", "log_softmax_rows", "reshape"):
            return dim(self.pick(DIMS)), dim(self.pick(DIMS))
        if op == "sum_columns":
            return dim(1), dim(self.pick(DIMS))
        return self.shape()

    def sample(self, op: str, place: str) -> tuple[Expr, Expr | None, Expr]:
        """(expression, upstream gradient or None, variable)."""
        while True:
            depth = int(self.rng.integers(1, 7)) if place == "root" else int(self.rng.integers(1, 5))
            e = self.direct(op, depth) if op in ("vec", "kron") else self.make(op, self.natural(op), depth)
            if place == "transposed":
                e = transpose(e)
            if place != "root":
                e = self.wrap(e)
            variables = sorted((s for s in e.free), key=lambda s: s.name)
            one_meaning = len({s.name for s in variables}) == len(variables)
            if variables and one_meaning and 2 <= depth_of(e) <= 8 and (op, place) in places(e):
                break
        G = None if e.is_scalar else operators.matrix("G", *e.shape)
        return e, G, self.pick(variables)

    def direct(self, op: str, depth: int) -> Expr:
        """The operator itself, whatever shape it has."""
        x = self.sub(self.shape(), depth)
        return operators.vec(x) if op == "vec" else operators.kron(self.sub(self.shape(), min(depth, 2)), x)

    def wrap(self, e: Expr) -> Expr:
        """The expression as an operand of something else."""
        rows, columns = e.shape
        way = int(self.rng.integers(5))
        if way == 0:
            return operators.inner(self.leaf_of(rows, columns), e)
        if way == 1:
            return FUNCTIONS["tanh"](e)
        if way == 2:
            n = dim(self.pick(DIMS))
            return matmul(e, self.leaf_of(columns, n))
        if way == 3:
            return mul(e, FUNCTIONS["sin"](self.leaf_of(rows, columns)))
        return operators.total(mul(e, e))


def depth_of(e: Expr) -> int:
    """The operators on the longest way from the root to a leaf."""
    return max((1 + depth_of(a) for a in e.args), default=0)


def heads(e: Expr) -> set[str]:
    """The operators, by the names that this page gives them, of which the node `e` may be the result."""
    rows = "_rows" if e.data == "rows" else ""
    by_op = {
        "add": {"add", "sub"},
        "mul": {"mul", "divide", "scale"},
        "matmul": {"matmul", "solve", "outer", "sum_rows", "sum_columns"},
        "pow": {"power"},
        "adj": {"adjugate"},
        "norm": {"norm2", "frobenius"},
        "lse": {f"logsumexp{rows}"},
        "softmax": {f"softmax{rows}"},
        "log_softmax": {f"log_softmax{rows}"},
        "reshape": {"reshape", "vec"},
        "fn": {e.data},
    }
    return by_op.get(e.op, {e.op})


def places(e: Expr) -> set[tuple[str, str]]:
    """Every (operator, place) in an expression."""
    found = {(name, "root") for name in heads(e)}
    stack = [e]
    while stack:
        x = stack.pop()
        stack += x.args
        for a in x.args:
            found |= {(name, place) for name in heads(a) for place in ("inside", "transposed")[: 1 + (x.op == "T")]}
    return found


def samples(each: int, seed: int) -> Iterator[tuple[Expr, Expr | None, Expr]]:
    """`each` expressions for every operator in every place, all of depth 2 to 8: (expression, upstream, variable)."""
    generator = Generator(seed)
    for _ in range(each):
        for op in OPERATORS:
            for place in PLACES:
                yield generator.sample(op, place)
