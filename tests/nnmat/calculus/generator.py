"""Random well-formed expressions, with every operator of the calculus in every place.

`Generator(seed).sample(op, place)` gives an expression in which `op` stands at the root, inside, or under a
transpose, its variable, and, if it is a matrix, its upstream gradient. Arguments of functions with small domains are
wrapped so that points exist: the aim is right or wrong, not how many draws a domain needs.
"""

from collections.abc import Iterator

import numpy as np

from nnmat.calculus import dim
from nnmat.calculus.language import blocks, matrix_functions, operators, reductions, spectra
from nnmat.calculus.language.convolution import conv
from nnmat.calculus.language.elementwise import FUNCTIONS
from nnmat.calculus.language.expr import Expr, add, eye, matmul, mul, nodes, number, ones, ordered, power, transpose

DIMS = ("M", "N", "K")
PLACES = ("root", "inside", "transposed")
POSITIVE = ("log", "sqrt", "lgamma", "digamma", "log1p")  # functions of numbers that are
ELEMENTWISE = (
    *("exp", "sigmoid", "tanh", "relu", "abs", "softplus", "gelu", "sin", "cos", "tan", "arctan", "cosh", "sinh"),
    *("erf", "silu", "elu", "huber", "clip"),
    *POSITIVE,
)
MATRIX_FUNCTIONS = ("mpow", "expm", "logm", "sqrtm", "cholesky")  # of a square matrix, with a square matrix as value
OPERATORS = (
    *("add", "sub", "mul", "divide", "scale", "matmul", "T", "power"),
    *("inv", "solve", "det", "logdet", "adjugate", "trace", "inner", "sum", "sum_rows", "sum_columns", "norm2"),
    *("frobenius", "diag", "diagm", "kron", "vec", "reshape", "outer", "softmax", "softmax_rows", "log_softmax"),
    *("log_softmax_rows", "logsumexp", "logsumexp_rows", "conv"),
    *("maximum", "where", "xpow", "slice", "padded", "hstack", "vstack", "sylvester", "pinv"),
    *("eigenvalues", "singular_values", "nuclear", "spectral", "max", "max_rows", "mean", "var", "norm2_rows"),
    *MATRIX_FUNCTIONS,
    *ELEMENTWISE,
)
ANY = (
    *("add", "sub", "mul", "divide", "scale", "matmul", "T", "power", "outer", "maximum", "where", "xpow", "hstack"),
    *("vstack", "slice", *ELEMENTWISE),
)
FIXED = ("det", "logdet", "trace", "inner", "sum", "norm2", "frobenius", "logsumexp")  # with a scalar as value
FIXED += ("nuclear", "spectral", "max", "mean", "var")
SCALARS = (*FIXED, "matmul")


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
        return self.free(self.pick("AB"), shape)

    def free(self, letter: str, shape) -> Expr:
        """A symbol without attributes."""
        name = f"{letter}_{shape[0]}_{shape[1]}"
        for sign, word in ((" + ", "p"), (" - ", "m"), ("*", "t")):
            name = name.replace(sign, word)
        return operators.matrix(name, *shape)

    def gen(self, shape, depth: int) -> Expr:
        if depth <= 0:
            return self.leaf(shape)
        one = dim(1)
        choices = list(ANY)
        if shape == (one, one):
            choices = [*SCALARS, "scale", "add", "sin", "mul"]
        elif shape[1] == one:
            choices += ["sum_rows", "softmax", "log_softmax", "logsumexp_rows", "diag", "vec", "solve", "max_rows"]
            choices += ["eigenvalues", "norm2_rows"]
        elif shape[0] == one:
            choices += ["sum_columns", "T"]
        else:
            choices += ["softmax_rows", "log_softmax_rows", "conv", "reshape", "pinv", "sylvester"]
            if shape[0] == shape[1]:
                choices += ["inv", "adjugate", "diagm", "kron", "solve", *MATRIX_FUNCTIONS]
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
            if op in POSITIVE:
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
        if op in ("maximum", "where", "xpow"):
            return self.chosen(op, shape, depth)
        if op in ("hstack", "vstack", "slice", "padded"):
            return self.block(op, shape, depth)
        if op in (*MATRIX_FUNCTIONS, "sylvester", "pinv", "eigenvalues", "singular_values"):
            return self.of_matrices(op, shape, depth)
        if op == "max_rows":
            return reductions.largest(self.sub((rows, dim(self.pick(DIMS))), depth), axis=1)
        if op == "norm2_rows":
            return reductions.norm2_rows(add(self.leaf((rows, dim(self.pick(DIMS)))), number(3)))
        return self.fixed(op, shape, depth)

    def chosen(self, op: str, shape, depth: int) -> Expr:
        """Element by element, of two or three operands."""
        one = (dim(1), dim(1))
        a, b = self.sub(shape, depth), self.sub(self.pick((shape, shape, one)), depth)
        if op == "maximum":
            return reductions.maximum(a, b if b is not a else FUNCTIONS["sin"](b))  # of two that are equal, a tie
        if op == "where":
            return reductions.where(self.sub(shape, depth), a, b)
        base = add(number(1), mul(*[self.tame(a)] * 2))
        exponent = add(self.tame(b), self.leaf(one))
        return power(base, exponent) if self.rng.random() < 0.7 else power(number(2), self.tame(a) + self.leaf(one))

    def block(self, op: str, shape, depth: int) -> Expr:
        """Parts of matrices, and matrices of parts."""
        rows, columns = shape
        n, m = dim(self.pick(DIMS)), dim(self.pick(DIMS))
        if op == "hstack":
            e = blocks.hstack(self.sub((rows, n), depth), self.leaf((rows, m)))
            return matmul(e, self.free("E", (e.shape[1], columns)))
        if op == "vstack":
            e = blocks.vstack(self.sub((n, columns), depth), self.leaf((dim(1), columns)), self.leaf((m, columns)))
            return matmul(self.free("E", (rows, e.shape[0])), e)
        first = (dim(self.pick((0, 1))), dim(self.pick((0, 1))))
        if op == "slice":
            whole = (rows + 1, columns + 1)
            e = self.free("A", whole)
            e = e if self.rng.random() < 0.5 else FUNCTIONS["sin"](mul(e, self.free("B", whole)))
            return blocks.slice_of(e, first, shape)
        e = blocks.embed(self.sub(shape, depth), first, (rows + 1, columns + 1))
        return matmul(self.free("E", (rows, rows + 1)), e, self.free("E", (columns + 1, columns)))

    def of_matrices(self, op: str, shape, depth: int) -> Expr:
        """Functions of matrices, where they are mild at some points."""
        rows, columns = shape
        if op == "pinv":
            return matrix_functions.pinv(self.full((columns, rows)))
        if op == "sylvester":
            return matrix_functions.sylvester(
                self.regular(rows, depth), self.regular(columns, depth), self.sub(shape, depth)
            )
        if op == "singular_values":
            return spectra.singular_values(self.full((rows + 1, rows)))
        square = (rows, rows)
        if op == "eigenvalues":
            x = self.full(square)
            return spectra.eigenvalues(self.pick((add(x, transpose(x)), matmul(transpose(x), x))))
        if op == "cholesky":
            x = self.tame(self.sub(square, depth))
            return matrix_functions.cholesky(add(eye(rows), matmul(x, transpose(x))))
        near = add(eye(rows), mul(number(0.05), self.tame(self.sub(square, depth))))
        if op == "mpow":
            return matrix_functions.matrix_power(near, self.pick((2, 3, 4, -1, -2, "n")))
        return getattr(matrix_functions, op)(near)

    def full(self, shape) -> Expr:
        """A matrix of the largest rank, and with different singular values, at most points."""
        x, y = self.free("A", shape), self.free("B", shape)
        return self.pick((x, FUNCTIONS["sin"](x), add(x, mul(number(2), y)), mul(x, FUNCTIONS["exp"](y))))

    def invertible(self, n) -> Expr:
        """A matrix known to be invertible."""
        x = operators.matrix(f"I_{n}", n, n, invertible=True)
        return self.pick((x, transpose(x), matmul(x, operators.matrix(f"P_{n}", n, n, positive_definite=True))))

    def fixed(self, op: str, shape, depth: int) -> Expr:
        """Operators whose result has a shape of its own, and here a shape at hand."""
        rows, columns = shape
        one = dim(1)
        n = dim(self.pick(DIMS))
        if op in ("nuclear", "spectral"):
            return getattr(spectra, op)(self.full((n, dim(self.pick(DIMS)))))
        if op in ("max", "mean", "var"):
            make = reductions.largest if op == "max" else getattr(reductions, op)
            return make(self.sub(self.shape(), depth))
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
        return self.free("E", (rows, columns))

    def natural(self, op: str):
        """A shape that the operator can have."""
        if op in FIXED:
            return self.shape("scalar")
        if op in ("sum_rows", "softmax", "log_softmax", "logsumexp_rows", "diag", "vec", "max_rows", "norm2_rows"):
            return self.shape("column")
        if op in ("eigenvalues", "singular_values"):
            return self.shape("column")
        if op in ("inv", "adjugate", "diagm", "kron", *MATRIX_FUNCTIONS):
            return self.shape("square")
        if op in ("conv", "softmax_rows", "log_softmax_rows", "reshape", "sylvester", "pinv"):
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
    depth: dict[Expr, int] = {}
    for x in ordered(e):
        depth[x] = max((1 + depth[a] for a in x.args), default=0)
    return depth[e]


def heads(e: Expr) -> set[str]:
    """The operators, by the names that this page gives them, of which the node `e` may be the result."""
    rows = "_rows" if e.data == "rows" else ""
    by_op = {
        "add": {"add", "sub"},
        "mul": {"mul", "divide", "scale", "mean", "var"},
        "matmul": {"matmul", "solve", "outer", "sum_rows", "sum_columns", "hstack", "vstack", "padded"},
        "pow": {"power"},
        "adj": {"adjugate"},
        "norm": {"norm2", "frobenius"},
        "lse": {f"logsumexp{rows}"},
        "softmax": {f"softmax{rows}"},
        "log_softmax": {f"log_softmax{rows}"},
        "reshape": {"reshape", "vec"},
        "max": {f"max{rows}"},
        "embed": {"padded"},
        "fn": {e.data, "norm2_rows"} if e.data == "sqrt" else {e.data},
    }
    return by_op.get(e.op, {e.op})


def places(e: Expr) -> set[tuple[str, str]]:
    """Every (operator, place) in an expression."""
    found = {(name, "root") for name in heads(e)}
    for x in nodes(e):
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
