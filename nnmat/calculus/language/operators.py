"""Symbols, and the functions of matrices beside the arithmetic: each checks its shapes and builds one node."""

from collections.abc import Iterable

from ..dimensions import ONE, Dim, show, size
from ..errors import ShapeError
from .expr import SCALAR, Expr, described, lift, matmul, mul, node, ones, transpose, zeros

ATTRIBUTES = {
    "symmetric": "Aᵀ = A",
    "positive_definite": "symmetric, all eigenvalues positive",
    "diagonal": "zero off the diagonal",
    "orthogonal": "AᵀA = I",
    "invertible": "A⁻¹ exists",
    "positive": "all entries positive",
    "sums_to_one": "entries of a vector, or of each row of a matrix, sum to one",
    "constant": "no gradient is asked for",
}
SQUARE = {"symmetric", "positive_definite", "diagonal", "orthogonal", "invertible"}


def _symbol(name: str, rows, columns, attributes: dict[str, bool]) -> Expr:
    if not isinstance(name, str) or not name.isidentifier():
        raise ShapeError(f"symbol: expected a name, got {name!r}. Try a letter, such as 'A' or 'W1'.")
    for word, value in attributes.items():
        if word not in ATTRIBUTES or not isinstance(value, bool):
            raise ShapeError(f"{name}: expected attributes among {', '.join(ATTRIBUTES)}, got {word}={value!r}.")
    had = frozenset(word for word, value in attributes.items() if value)
    shape = (size(rows), size(columns))
    if shape[0] != shape[1] and had & SQUARE:
        raise ShapeError(f"{name}: expected a square matrix as {min(had & SQUARE)}, got shape {show(shape)}.")
    return node("sym", (), (name, tuple(sorted(had))), shape)


def matrix(name: str, rows: Dim | int | str, columns: Dim | int | str, **attributes: bool) -> Expr:
    """A matrix symbol (rows, columns); attributes: symmetric, positive_definite, diagonal, orthogonal, ...=True."""
    return _symbol(name, rows, columns, attributes)


def vector(name: str, rows: Dim | int | str, **attributes: bool) -> Expr:
    """A column symbol of `rows` entries."""
    return _symbol(name, rows, 1, attributes)


def scalar(name: str, **attributes: bool) -> Expr:
    """A scalar symbol."""
    return _symbol(name, 1, 1, attributes)


def let(name: str, definition: Expr) -> Expr:
    """An intermediate quantity with a name: it stands in derivations as `name`, and gets a gradient of its own."""
    if not isinstance(name, str) or not name.replace("∇", "").replace(" ", "").replace("_", "a").isidentifier():
        raise ShapeError(f"let: expected a name, got {name!r}. Try 'h'.")
    definition = lift(definition, "let")
    return node("ref", (definition,), name, definition.shape)


def _square(who: str, a: Expr) -> Expr:
    a = lift(a, who)
    if a.shape[0] != a.shape[1]:
        raise ShapeError(f"{who}: expected a square matrix, got {described(a)}. Try A.T @ A, or another operand.")
    return a


def _column(who: str, a: Expr) -> Expr:
    a = lift(a, who)
    if a.shape[1] != ONE:
        raise ShapeError(f"{who}: expected a column, got {described(a)}. Try {who}_rows for a matrix, or vec(A).")
    return a


def inv(a: Expr) -> Expr:
    """A⁻¹."""
    a = _square("inv", a)
    return node("inv", (a,), None, a.shape)


def solve(a: Expr, b: Expr) -> Expr:
    """A⁻¹B."""
    return matmul(inv(_square("solve", a)), lift(b, "solve"))


def det(a: Expr) -> Expr:
    """The determinant."""
    return node("det", (_square("det", a),))


def logdet(a: Expr) -> Expr:
    """The logarithm of the absolute value of the determinant."""
    return node("logdet", (_square("logdet", a),))


def adjugate(a: Expr) -> Expr:
    """The transposed matrix of cofactors: A adj(A) = det(A) I for every square A."""
    a = _square("adjugate", a)
    return node("adj", (a,), None, a.shape)


def trace(a: Expr) -> Expr:
    """The sum of the diagonal."""
    return node("trace", (_square("trace", a),))


def inner(a: Expr, b: Expr) -> Expr:
    """⟨A, B⟩ = Tr(AᵀB), the sum of the products of the entries."""
    a, b = lift(a, "inner"), lift(b, "inner")
    if a.shape != b.shape:
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
    return node("norm", (_column("norm2", a),))


def frobenius(a: Expr) -> Expr:
    """The Frobenius norm, the root of the sum of the squares."""
    return node("norm", (lift(a, "frobenius"),))


def diag(a: Expr) -> Expr:
    """The diagonal of a square matrix, as a column."""
    a = _square("diag", a)
    return node("diag", (a,), None, (a.shape[0], ONE))


def diagm(v: Expr) -> Expr:
    """The diagonal matrix of a column."""
    v = lift(v, "diagm")
    if v.shape[1] != ONE:
        raise ShapeError(f"diagm: expected a column, got {described(v)}. Try diag(A) for a square matrix.")
    return node("diagm", (v,), None, (v.shape[0], v.shape[0]))


def tril(a: Expr) -> Expr:
    """The lower triangle, with the diagonal, and zeros above."""
    a = _square("tril", a)
    return node("tril", (a,), None, a.shape)


def outer(x: Expr, y: Expr) -> Expr:
    """x yᵀ of two columns."""
    x, y = lift(x, "outer"), lift(y, "outer")
    if x.shape[1] != ONE or y.shape[1] != ONE:
        raise ShapeError(f"outer: expected two columns, got {described(x)} and {described(y)}. Try A @ B.T or kron.")
    return matmul(x, transpose(y))


def kron(a: Expr, b: Expr) -> Expr:
    """The Kronecker product A ⊗ B: the blocks A_ij B."""
    a, b = lift(a, "kron"), lift(b, "kron")
    return node("kron", (a, b), None, (a.shape[0] * b.shape[0], a.shape[1] * b.shape[1]))


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
    shape = (a.shape[0] * a.shape[1], ONE)
    return node("reshape", (a,), shape, shape)


def softmax(x: Expr) -> Expr:
    """exp(x) / (1ᵀ exp(x)) of a column."""
    x = _column("softmax", x)
    return node("softmax", (x,), "column", x.shape)


def softmax_rows(X: Expr) -> Expr:
    """The softmax of each row."""
    X = lift(X, "softmax_rows")
    return node("softmax", (X,), "rows", X.shape)


def log_softmax(x: Expr) -> Expr:
    """The logarithm of the softmax of a column, x - logsumexp(x)."""
    x = _column("log_softmax", x)
    return node("log_softmax", (x,), "column", x.shape)


def log_softmax_rows(X: Expr) -> Expr:
    """The logarithm of the softmax of each row."""
    X = lift(X, "log_softmax_rows")
    return node("log_softmax", (X,), "rows", X.shape)


def logsumexp(x: Expr) -> Expr:
    """log(1ᵀ exp(x)) of a column, a scalar."""
    x = _column("logsumexp", x)
    return node("lse", (x,), "column", SCALAR)


def logsumexp_rows(X: Expr) -> Expr:
    """log(exp(X) 1), the log-sum-exp of each row, a column."""
    X = lift(X, "logsumexp_rows")
    return node("lse", (X,), "rows", (X.shape[0], ONE))


def names_of(symbols: Iterable[Expr]) -> str:
    """The names, for a message."""
    return ", ".join(sorted(s.name for s in symbols)) or "none"


def scaled(factor: Expr | int, a: Expr) -> Expr:
    """factor * a, without a factor of one."""
    factor = lift(factor)
    return a if factor.op == "num" and factor.data == 1 else mul(factor, a)
