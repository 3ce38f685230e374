"""Rules for functions of matrices, for spectra, for powers by expressions, and for blocks."""

from ..dimensions import Dim, dim
from ..language.assumptions import attributes, is_invertible, is_symmetric
from ..language.blocks import embed, offsets, slice_of
from ..language.elementwise import FUNCTIONS
from ..language.expr import Expr, add, constant, divide, eye, lift, matmul, mul, node, number, power, transpose
from ..language.operators import inv, logdet, trace
from .products import inverse_of
from .sums import is_zero, scalars, zero_like

FUNCTIONS_OF_MATRICES = ("mpow", "expm", "logm", "sqrtm", "inv", "pinv")


def last_coefficient(e: Expr) -> Expr | None:
    """L(A, c E) = c L(A, E) of what is linear in its last operand."""
    front, rest = scalars(e.args[-1])
    if is_zero(e.args[-1]):
        return zero_like(e)
    if not front or rest is None or rest.shape != e.args[-1].shape:
        return None
    return mul(*front, node(e.op, (*e.args[:-1], rest), e.data, e.shape))


def matrix_power(e: Expr) -> Expr | None:
    """A¹ = A, A⁰ = I, A⁻¹, (Aᵐ)ⁿ = Aᵐⁿ."""
    a, n = e.args[0], e.data.constant
    if n in (0, 1, -1):
        return eye(e.shape[0]) if n == 0 else a if n == 1 else inv(a)
    if a.is_scalar and n is not None:
        return power(a, n)
    if a.op == "eye":
        return a
    if a.op == "mpow" and (n is None or n > 0 or is_invertible(a)):
        return node("mpow", a.args, a.data * e.data, e.shape)
    return None


def product_powers(e: Expr) -> Expr | None:
    """Aᵐ Aⁿ = Aᵐ⁺ⁿ, of a power and what it is a power of; of (Aᵐ)⁻¹ where m - n is a number."""
    for i, (a, b) in enumerate(zip(e.args, e.args[1:], strict=False)):
        (x, m, x_turned), (y, n, y_turned) = _base(a), _base(b)
        if x.digest != y.digest or x_turned != y_turned or not (_is_power(a) or _is_power(b)):
            continue
        if any(inverse_of(f) is not None for f in (a, b)) and (m + n).constant is None:
            continue
        both = _power(x, m + n)
        return matmul(*e.args[:i], transpose(both) if x_turned else both, *e.args[i + 2 :])
    return None


def _power(a: Expr, n: Dim) -> Expr:
    new = node("mpow", (a,), n, a.shape)
    short = matrix_power(new)
    return new if short is None else short


def _is_power(a: Expr) -> bool:
    return a.op == "mpow" or (a.op in ("T", "inv") and _is_power(a.args[0]))


def _base(a: Expr) -> tuple[Expr, Dim, bool]:
    """x, n and whether it is transposed, of a = xⁿ."""
    if a.op == "T":
        x, n, turned = _base(a.args[0])
        return x, n, not turned
    if a.op == "inv":
        x, n, turned = _base(a.args[0])
        return x, -n, turned
    return (a.args[0], a.data, False) if a.op == "mpow" else (a, dim(1), False)


def function_transpose(e: Expr) -> Expr | None:
    """f(Aᵀ) = f(A)ᵀ, and the derivative of f along E the same."""
    if all(a.op == "T" or is_symmetric(a) for a in e.args) and any(a.op == "T" for a in e.args):
        args = tuple(a.args[0] if a.op == "T" else a for a in e.args)
        shape = e.shape if len(args) > 1 or args[0].shape == e.shape else e.shape[::-1]
        return transpose(node(e.op, args, e.data, shape[::-1] if e.op in ("pinv", "pinv_full") else shape))
    return None


def invariant(e: Expr) -> Expr | None:
    """The largest entry, the largest singular value, and the sum of these, of Aᵀ are those of A."""
    a = e.args[0]
    return node(e.op, a.args) if a.op == "T" and e.data is None else None


def of_one(e: Expr) -> Expr | None:
    """Of a matrix of one entry: its only eigenvalue, its largest entry, its size."""
    a = e.args[0]
    if not a.is_scalar:
        return None
    if e.op in ("eigenvalues", "max"):
        return a
    if e.op in ("eigenvectors", "right_singular", "at_max"):
        return number(1)
    return FUNCTIONS[{"cholesky": "sqrt", "polar": "sign", "dyad": "sign"}.get(e.op, "abs")](a)


def sylvester_transpose(e: Expr) -> Expr | None:
    """The X of Aᵀ X + X Bᵀ = Cᵀ is the transpose of the Y of B Y + Y A = C."""
    if all(a.op == "T" or is_symmetric(a) for a in e.args) and e.args[2].op == "T":
        a, b, c = (x.args[0] if x.op == "T" else x for x in e.args)
        return transpose(node("sylvester", (b, a, c), None, c.shape))
    return None


def function_value(e: Expr) -> Expr | None:
    """expm(logm(A)) = A, expm(0) = I, logm(I) = 0, sqrtm(I) = I."""
    a = e.args[0]
    if a.is_scalar:
        return FUNCTIONS[{"expm": "exp", "logm": "log", "sqrtm": "sqrt"}[e.op]](a)
    if e.op == "expm" and (a.op == "logm" or is_zero(a)):
        return a.args[0] if a.op == "logm" else eye(a.shape[0])
    if a.op == "eye" and e.op != "expm":
        return a if e.op == "sqrtm" else zero_like(a)
    return None


def product_roots(e: Expr) -> Expr | None:
    """sqrtm(A) sqrtm(A) = A."""
    for i, (a, b) in enumerate(zip(e.args, e.args[1:], strict=False)):
        if a.op == b.op == "sqrtm" and a is b:
            return matmul(*e.args[:i], a.args[0], *e.args[i + 2 :])
    return None


def commutes(a: Expr, e: Expr) -> bool:
    """E is made of A and multiples of I by sums, products and functions of matrices: A E = E A."""
    if e.digest == a.digest or e.op == "eye":
        return True
    if e.op == "mul":
        rest = [x for x in e.args if not x.is_scalar]
        return len(rest) == 1 and commutes(a, rest[0])
    inside = e.op in ("add", "matmul", *FUNCTIONS_OF_MATRICES) and e.shape == a.shape
    return inside and all(x.shape == a.shape and commutes(a, x) for x in e.args)


def along_commuting(e: Expr) -> Expr | None:
    """L(A, E) = f'(A) E where A E = E A."""
    a, along = e.args
    if not commutes(a, along):
        return None
    if e.op == "mpow_frechet":
        slope = mul(lift(e.data), node("mpow", (a,), e.data - 1, a.shape))
    else:
        slope = node("expm", (a,), None, a.shape) if e.op == "expm_frechet" else inv(a)
    return matmul(slope, along)


def along_short(e: Expr) -> Expr | None:
    """The sum of A² and A³ along E written out: A E + E A."""
    a, along = e.args
    n = e.data.constant
    if n not in (1, 2, 3) or a.op == "add":
        return None
    return add(*(matmul(*[a] * k, along, *[a] * (n - 1 - k)) for k in range(n)))


def sylvester_commuting(e: Expr) -> Expr | None:
    """A X + X A = C has X = A⁻¹ C/2 where A C = C A."""
    a, b, c = e.args
    return mul(number(1) / 2, matmul(inv(a), c)) if a.digest == b.digest and commutes(a, c) else None


def pseudo_inverse(e: Expr) -> Expr | None:
    """A⁺ = A⁻¹ of an invertible A."""
    return inv(e.args[0]) if is_invertible(e.args[0]) else None


def determinant(e: Expr) -> Expr | None:
    """|expm(A)| = exp(Tr(A)), |Aⁿ| = |A|ⁿ, |L| of a Cholesky factor by its diagonal."""
    a = e.args[0]
    log = e.op == "logdet"
    if a.op == "expm":
        inside = trace(a.args[0])
        return inside if log else FUNCTIONS["exp"](inside)
    if a.op == "mpow" and (log or a.data.constant is not None):
        inside = node(e.op, a.args)
        return mul(lift(a.data), inside) if log else power(inside, a.data.constant)
    if a.op == "sqrtm":
        inside = node(e.op, a.args)
        return divide(inside, number(2)) if log else FUNCTIONS["sqrt"](inside)
    return None


def trace_of_logarithm(e: Expr) -> Expr | None:
    """Tr(logm(A)) = log|A|."""
    return logdet(e.args[0].args[0]) if e.args[0].op == "logm" else None


def sum_of_eigenvalues(e: Expr) -> Expr | None:
    """1ᵀλ(A) = Tr(A), 1ᵀ log(λ(A)) = log|A|."""
    a, b = e.args if len(e.args) == 2 else (e, e)
    if a.op != "ones" or not e.is_scalar:
        return None
    if b.op == "eigenvalues":
        return trace(b.args[0])
    logs = b.op == "fn" and b.data == "log" and b.args[0].op == "eigenvalues"
    return logdet(b.args[0].args[0]) if logs else None


def exponential_of_logdet(e: Expr) -> Expr | None:
    """exp(log|A|) = |A| of a positive definite A."""
    a = e.args[0]
    known = e.data == "exp" and a.op == "logdet" and "positive_definite" in attributes(a.args[0])
    return node("det", a.args) if known else None


def of_spectrum(e: Expr) -> Expr | None:
    """Q Diag(f(λ)) Qᵀ = f(A), of the eigenvalues λ and eigenvectors Q of A; Q Diag(eᵢ) Qᵀ = q qᵀ of its column i."""
    for i, (q, d, r) in enumerate(zip(e.args, e.args[1:], e.args[2:], strict=False)):
        if d.op != "diagm":
            continue
        v = d.args[0]
        if v.op == "embed" and v.args[0].is_scalar:
            at, n = v.data[0], v.shape[0]
            column = slice_of(q, (dim(0), at), (q.shape[0], dim(1)))
            row = slice_of(r, (at, dim(0)), (dim(1), r.shape[1]))
            if n.constant == 1:
                continue
            return mul(v.args[0], matmul(*e.args[:i], column, row, *e.args[i + 3 :]))
        mirrored = q.op == "eigenvectors" and r.op == "T" and r.args[0] is q
        new = _function_of(v, q.args[0]) if mirrored else None
        if new is not None:
            return matmul(*e.args[:i], new, *e.args[i + 3 :])
    return None


def _function_of(v: Expr, a: Expr) -> Expr | None:
    """f(A), if `v` is f of the eigenvalues of A."""
    inside = v.args[0] if v.args else v
    if v.op == "eigenvalues":
        return a if v.args[0] is a else None
    if inside.op != "eigenvalues" or inside.args[0] is not a:
        return None
    if v.op == "pow" and v.data.denominator == 1:
        return _power(a, dim(int(v.data)))
    name = {"exp": "expm", "log": "logm", "sqrt": "sqrtm"}.get(v.data) if v.op == "fn" else None
    return node(name, (a,), None, a.shape) if name else None


def number_power(e: Expr) -> Expr | None:
    """A^P for a P that is a number; A^0.5 A^0.5 is left to SIM-6."""
    value = constant(e.args[1])
    return None if value is None else power(e.args[0], value)


def nested_slice(e: Expr) -> Expr | None:
    """A block of a block, of zeros or ones, of a stack, or of what was put into zeros."""
    a = e.args[0]
    if a.op in ("zeros", "ones"):
        return node(a.op, (), None, e.shape)
    if a.op == "slice":
        return slice_of(a.args[0], (a.data[0] + e.data[0], a.data[1] + e.data[1]), e.shape)
    if a.op == "embed" and a.data == e.data and a.args[0].shape == e.shape:
        return a.args[0]
    if a.op in ("hstack", "vstack"):
        return next((x for x, at in zip(a.args, offsets(a), strict=True) if at == e.data and x.shape == e.shape), None)
    if a.op == "T":
        return transpose(node("slice", a.args, e.data[::-1], e.shape[::-1]))
    return None


def nested_embed(e: Expr) -> Expr | None:
    a = e.args[0]
    if is_zero(a):
        return zero_like(e)
    if a.op == "embed":
        return embed(a.args[0], (a.data[0] + e.data[0], a.data[1] + e.data[1]), e.shape)
    return transpose(node("embed", a.args, e.data[::-1], e.shape[::-1])) if a.op == "T" else None


def linear_coefficient(e: Expr) -> Expr | None:
    """A block of c A is c times that of A."""
    front, rest = scalars(e.args[0])
    if not front or rest is None or rest.shape != e.args[0].shape:
        return None
    return mul(*front, node(e.op, (rest,), e.data, e.shape))


OF_ONE = [("MAT-2", function_transpose), ("MAT-3", function_value)]
SINGLE = ("MAT-10", of_one)
ALONG = [("MAT-1", last_coefficient), ("MAT-5", along_commuting), ("MAT-2", function_transpose)]
STATEMENTS = {
    "MAT-1": "A¹ = A, A⁰ = I, (Aᵐ)ⁿ = Aᵐⁿ, Aᵐ Aⁿ = Aᵐ⁺ⁿ, (Aᵐ)⁻¹ Aᵐ⁻¹ = A⁻¹, L(A, c E) = c L(A, E)",
    "MAT-2": "f(Aᵀ) = f(A)ᵀ for Aⁿ, expm, logm, sqrtm, A⁺, polar; L(Aᵀ, Eᵀ) = L(A, E)ᵀ; ‖Aᵀ‖_* = ‖A‖_*",
    "MAT-3": "expm(logm(A)) = A, sqrtm(A) sqrtm(A) = A, expm(0) = I, logm(I) = 0",
    "MAT-4": "|expm(A)| = exp(Tr(A)), Tr(logm(A)) = log|A|, |Aⁿ| = |A|ⁿ, 1ᵀλ(A) = Tr(A), 1ᵀ log(λ(A)) = log|A|",
    "MAT-5": "L(A, E) = f'(A) E where A E = E A; A X + X A = C has X = A⁻¹ C/2 where A C = C A",
    "MAT-6": "Σ_{k<n} Aᵏ E Aⁿ⁻¹⁻ᵏ written out for n up to 3",
    "MAT-7": "A⁺ = A⁻¹ of an invertible A",
    "MAT-8": "A^P for a number P",
    "MAT-9": "blocks of blocks, of stacks and of zeros; a block of c A is c times that of A",
    "MAT-10": "of a matrix of one entry a: λ(a) = max(a) = a, ‖a‖₂ = ‖a‖_* = |a|, its Cholesky factor is √a",
    "MAT-11": "Q Diag(f(λ)) Qᵀ = f(A) of A = Q Diag(λ) Qᵀ, A Diag(c eᵢ) B = c (A eᵢ) (eᵢᵀ B)",
}
RULES = {
    "mpow": [("MAT-1", matrix_power), ("MAT-2", function_transpose)],
    **dict.fromkeys(("expm", "logm", "sqrtm"), OF_ONE),
    **dict.fromkeys(("expm_frechet", "logm_frechet"), ALONG),
    "mpow_frechet": [*ALONG, ("MAT-6", along_short)],
    "sylvester": [("MAT-1", last_coefficient), ("MAT-5", sylvester_commuting), ("MAT-2", sylvester_transpose)],
    "pinv": [("MAT-7", pseudo_inverse), ("MAT-2", function_transpose)],
    "pinv_full": [("MAT-7", pseudo_inverse), ("MAT-2", function_transpose)],
    "matmul": [
        ("MAT-1", product_powers),
        ("MAT-3", product_roots),
        ("MAT-4", sum_of_eigenvalues),
        ("MAT-11", of_spectrum),
    ],
    "fn": [("MAT-4", exponential_of_logdet)],
    "det": [("MAT-4", determinant)],
    "logdet": [("MAT-4", determinant)],
    "trace": [("MAT-4", trace_of_logarithm)],
    "xpow": [("MAT-8", number_power)],
    **{key: [SINGLE] for key in ("eigenvalues", "eigenvectors", "singular_values", "right_singular", "cholesky")},
    **{key: [SINGLE, ("MAT-2", invariant)] for key in ("nuclear", "spectral", "max")},
    **{key: [SINGLE, ("MAT-2", function_transpose)] for key in ("polar", "dyad")},
    "at_max": [SINGLE],
    "slice": [("MAT-9", linear_coefficient), ("MAT-9", nested_slice)],
    "embed": [("MAT-9", linear_coefficient), ("MAT-9", nested_embed)],
}
