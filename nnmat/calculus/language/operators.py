"""Symbols, and the functions of matrices beside the arithmetic: each checks its shapes and builds one node."""

from collections.abc import Iterable
from unicodedata import normalize

from ..dimensions import Dim, show, size
from ..errors import ShapeError
from .assumptions import declare
from .expr import Expr, described, lift, matmul, mul, node, ones, transpose, zeros
from .signatures import FITTING, SIGNATURES

ATTRIBUTES = {
    "symmetric": "Aᵀ = A",
    "positive_definite": "symmetric, all eigenvalues positive",
    "diagonal": "zero off the diagonal",
    "orthogonal": "AᵀA = I",
    "lower_triangular": "zero above the diagonal",
    "invertible": "A⁻¹ exists",
    "positive": "all entries positive",
    "sums_to_one": "entries of a vector, or of each row of a matrix, sum to one",
    "constant": "no gradient is asked for",
}
OF_SQUARE = {"symmetric", "positive_definite", "diagonal", "orthogonal", "invertible", "lower_triangular"}


def symbol(name: str, rows: Dim | int | str, columns: Dim | int | str, **attributes: bool) -> Expr:
    """A symbol whose shape was found, by nobody's word; the others here are declared by whoever makes them."""
    name = normalize("NFKC", name) if isinstance(name, str) else name  # as Python reads the names of arguments
    if not isinstance(name, str) or not name.isidentifier():
        raise ShapeError(f"symbol: expected a name, got {name!r}. Try a letter, such as 'A' or 'W1'.")
    for word, value in attributes.items():
        if word not in ATTRIBUTES or not isinstance(value, bool):
            raise ShapeError(f"{name}: expected attributes among {', '.join(ATTRIBUTES)}, got {word}={value!r}.")
    had = frozenset(word for word, value in attributes.items() if value)
    shape = (size(rows), size(columns))
    if shape[0] != shape[1] and had & OF_SQUARE:
        raise ShapeError(f"{name}: expected a square matrix as {min(had & OF_SQUARE)}, got shape {show(shape)}.")
    return node("sym", (), (name, tuple(sorted(had))), shape)


def matrix(name: str, rows: Dim | int | str, columns: Dim | int | str, **attributes: bool) -> Expr:
    """A matrix symbol (rows, columns); attributes: symmetric, positive_definite, diagonal, orthogonal, ...=True."""
    return declare(symbol(name, rows, columns, **attributes))


def vector(name: str, rows: Dim | int | str, **attributes: bool) -> Expr:
    """A column symbol of `rows` entries."""
    return declare(symbol(name, rows, 1, **attributes))


def scalar(name: str, **attributes: bool) -> Expr:
    """A scalar symbol."""
    return declare(symbol(name, 1, 1, **attributes))


def let(name: str, definition: Expr) -> Expr:
    """An intermediate quantity with a name: it stands in derivations as `name`, and gets a gradient of its own."""
    if not isinstance(name, str) or not name.replace("∇", "").replace(" ", "").replace("_", "a").isidentifier():
        raise ShapeError(f"let: expected a name, got {name!r}. Try 'h'.")
    definition = lift(definition, "let")
    return node("ref", (definition,), normalize("NFKC", name), definition.shape)


def checked(who: str, *given: Expr) -> tuple[Expr, ...]:
    """The operands of a function, lifted, each of the form that its signature asks for. Raises ShapeError."""
    args = tuple(lift(a, who) for a in given)
    for what, at, a, b in SIGNATURES[who].demands([x.shape for x in args]):
        if a != b and what != FITTING:
            raise ShapeError(f"{who}: expected {what}, got {described(args[at])}. {SIGNATURES[who].hint}")
    return args


def _fit(who: str, *args: Expr) -> bool:
    """The operands are what the signature asks for, each by itself and together."""
    return all(a is b or a == b for _, _, a, b in SIGNATURES[who].demands([x.shape for x in args]))


def made(op: str, who: str, *given: Expr, data: str | None = None) -> Expr:
    """The node `op` by the signature of the function `who`."""
    args = checked(who, *given)
    return node(op, args, data, SIGNATURES[who].shape(*(a.shape for a in args)))


def inv(a: Expr) -> Expr:
    """A⁻¹."""
    return made("inv", "inv", a)


def solve(a: Expr, b: Expr) -> Expr:
    """A⁻¹B."""
    a, b = checked("solve", a, b)
    return matmul(inv(a), b)


def det(a: Expr) -> Expr:
    """The determinant."""
    return made("det", "det", a)


def logdet(a: Expr) -> Expr:
    """The logarithm of the absolute value of the determinant."""
    return made("logdet", "logdet", a)


def adjugate(a: Expr) -> Expr:
    """The transposed matrix of cofactors: A adj(A) = det(A) I for every square A."""
    return made("adj", "adjugate", a)


def trace(a: Expr) -> Expr:
    """The sum of the diagonal."""
    return made("trace", "trace", a)


def inner(a: Expr, b: Expr) -> Expr:
    """⟨A, B⟩ = Tr(AᵀB), the sum of the products of the entries."""
    a, b = lift(a, "inner"), lift(b, "inner")
    if not _fit("inner", a, b):
        raise ShapeError(f"inner: expected equal shapes, got {described(a)} and {described(b)}. Check the transposes.")
    return node("inner", (a, b))


def total(a: Expr, axis: int | None = None) -> Expr:
    """The sum of all entries (a scalar); axis=1: of each row, A1 (m); axis=0: of each column, 1ᵀA (1, n)."""
    a = lift(a, "sum")
    if axis is None:
        return node("sum", (a,))
    if axis not in (0, 1):
        raise ShapeError(f"sum: expected axis as 0, 1 or None, got {axis!r}. axis=1 gives the sum of each row.")
    return matmul(a, ones(a.shape[1])) if axis == 1 else matmul(transpose(ones(a.shape[0])), a)


def norm2(a: Expr) -> Expr:
    """The Euclidean length of a vector."""
    return made("norm", "norm2", a)


def frobenius(a: Expr) -> Expr:
    """The Frobenius norm, the root of the sum of the squares."""
    return made("norm", "frobenius", a)


def diag(a: Expr) -> Expr:
    """The diagonal of a square matrix, as a column."""
    return made("diag", "diag", a)


def diagm(v: Expr) -> Expr:
    """The diagonal matrix of a column."""
    return made("diagm", "diagm", v)


def tril(a: Expr) -> Expr:
    """The lower triangle, with the diagonal, and zeros above."""
    return made("tril", "tril", a)


def outer(x: Expr, y: Expr) -> Expr:
    """x yᵀ of two columns."""
    x, y = lift(x, "outer"), lift(y, "outer")
    if not _fit("outer", x, y):
        raise ShapeError(
            f"outer: expected two columns, got {described(x)} and {described(y)}. {SIGNATURES['outer'].hint}"
        )
    return matmul(x, transpose(y))


def kron(a: Expr, b: Expr) -> Expr:
    """The Kronecker product A ⊗ B: the blocks A_ij B."""
    return made("kron", "kron", a, b)


def kron_left(g: Expr, b: Expr, shape) -> Expr:
    """The A of ⟨G, A ⊗ B⟩ = ⟨kron_left(G, B), A⟩: entry (i, j) is the inner product of block (i, j) of G with B."""
    g = adjoint("kron_left", g, kron(zeros(*shape), b))
    return node("kron_left", (g, b), shape, shape)


def kron_right(g: Expr, a: Expr, shape) -> Expr:
    """The B of ⟨G, A ⊗ B⟩ = ⟨kron_right(G, A), B⟩: the sum of the blocks G_ij, times A_ij."""
    g = adjoint("kron_right", g, kron(a, zeros(*shape)))
    return node("kron_right", (g, a), shape, shape)


def adjoint(who: str, g: Expr, forward: Expr) -> Expr:
    """`g`, the first operand of the adjoint of an operator, which has the shape of what the operator gives."""
    if g.shape != forward.shape:
        other = described(next(a for a in forward.args if a.op != "zeros"))
        raise ShapeError(
            f"{who}: expected the first operand of shape {show(forward.shape)}, got {described(g)} with {other}. "
            "Check the sizes at the end."
        )
    return g


def reshape(a: Expr, rows: Dim | int | str, columns: Dim | int | str) -> Expr:
    """The same entries, row by row, as (rows, columns)."""
    a = lift(a, "reshape")
    shape = (size(rows), size(columns))
    if a.shape[0] * a.shape[1] != shape[0] * shape[1]:
        raise ShapeError(
            f"reshape: expected {described(a)} to have as many entries as {show(shape)}, "
            f"got {a.shape[0] * a.shape[1]} and {shape[0] * shape[1]}. Check the sizes."
        )
    return node("reshape", (a,), shape, shape)


def vec(a: Expr) -> Expr:
    """The rows of A below one another, as one column (row-major, as NumPy's ravel)."""
    a = lift(a, "vec")
    shape = SIGNATURES["vec"].shape(a.shape)
    return node("reshape", (a,), shape, shape)


def softmax(x: Expr) -> Expr:
    """exp(x) / (1ᵀ exp(x)) of a column."""
    return made("softmax", "softmax", x, data="column")


def softmax_rows(X: Expr) -> Expr:
    """The softmax of each row."""
    return made("softmax", "softmax_rows", X, data="rows")


def log_softmax(x: Expr) -> Expr:
    """The logarithm of the softmax of a column, x - logsumexp(x)."""
    return made("log_softmax", "log_softmax", x, data="column")


def log_softmax_rows(X: Expr) -> Expr:
    """The logarithm of the softmax of each row."""
    return made("log_softmax", "log_softmax_rows", X, data="rows")


def logsumexp(x: Expr) -> Expr:
    """log(1ᵀ exp(x)) of a column, a scalar."""
    return made("lse", "logsumexp", x, data="column")


def logsumexp_rows(X: Expr) -> Expr:
    """log(exp(X) 1), the log-sum-exp of each row, a column."""
    return made("lse", "logsumexp_rows", X, data="rows")


def commutation(rows: Dim | int | str, columns: Dim | int | str) -> Expr:
    """K of vec(Aᵀ) = K vec(A), A (rows, columns): a permutation of the rows of I."""
    shape = (size(rows), size(columns))
    many = shape[0] * shape[1]
    return node("commutation", (), shape, (many, many))


def names_of(symbols: Iterable[Expr]) -> str:
    """The names, for a message."""
    return ", ".join(sorted(s.name for s in symbols)) or "none"


def scaled(factor: Expr | int, a: Expr) -> Expr:
    """factor * a, without a factor of one."""
    factor = lift(factor)
    return a if factor.op == "num" and factor.data == 1 else mul(factor, a)
