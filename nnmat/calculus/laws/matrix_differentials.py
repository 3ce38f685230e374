"""The laws of the differential of functions of matrices, of spectra, of largest entries and of blocks.

They are used as those in `differentials.py`, which holds all of them.
"""

from collections.abc import Callable

from ..errors import NotDerivable
from ..language.blocks import embed, offsets, slice_of
from ..language.elementwise import FUNCTIONS
from ..language.expr import Expr, add, eye, matmul, mul, negative, node, number, ones, power, transpose
from ..language.matrix_functions import along, pinv_full, sylvester
from ..language.operators import diag, diagm, inner, inv, tril
from ..language.reductions import greater
from ..language.spectra import dyad, eigenvectors, gaps, polar, right_singular, singular_values

Differential = Callable[[Expr], Expr | None]
STATEMENTS = {
    "CAL-10": "d Aⁿ = Σ_{k<n} Aᵏ dA Aⁿ⁻¹⁻ᵏ = power_frechet(A, dA, n)",
    "CAL-11": "d f(A) = L(A, dA), f = expm or logm: the upper right block of f([[A, dA], [0, A]])",
    "CAL-12": "d sqrtm(A) is the X of S X + X S = dA, S = sqrtm(A)",
    "CAL-13": "A X + X B = C: dX is the Y of A Y + Y B = dC - dA X - X dB",
    "CAL-14": "d L(A, E) = L(A, dE) + the upper right block of L([[A, E], [0, A]], [[dA, 0], [0, dA]])",
    "CAL-15": "d A⁺ = -A⁺ dA A⁺ + A⁺A⁺ᵀ dAᵀ (I - A A⁺) + (I - A⁺A) dAᵀ A⁺ᵀA⁺, where A has its largest rank",
    "CAL-16": "d λ(A) = diagonal(Qᵀ dA Q) for distinct eigenvalues λ of a symmetric A with eigenvectors Q",
    "CAL-17": "d Q = Q (F ⊙ (Qᵀ dA Q)), F_ij = 1/(λ_j - λ_i), F_ii = 0",
    "CAL-18": "d gaps(v) = F ⊙ F ⊙ (dv 1ᵀ - 1 dvᵀ), F = gaps(v)",
    "CAL-19": "d σ(A) = diagonal(Vᵀ Aᵀ dA V) ⊘ σ, for distinct singular values σ > 0",
    "CAL-20": "d V = V (F ⊙ (Vᵀ (dAᵀ A + Aᵀ dA) V)), F = gaps(σ ⊙ σ)",
    "CAL-21": "d ‖A‖_* = ⟨polar(A), dA⟩, polar(A) = U Vᵀ of A = U Diag(σ) Vᵀ, σ > 0",
    "CAL-22": "d ‖A‖₂ = ⟨u vᵀ, dA⟩, u and v those of the largest singular value, if there is one such",
    "CAL-23": "d L = L Φ(L⁻¹ dA L⁻ᵀ), A = L Lᵀ, Φ(M) = tril(M) - Diag(diagonal(M))/2",
    "CAL-24": "d max(A) = ⟨at_max(A), dA⟩, where one entry is the largest; of each row the same",
    "CAL-25": "d maximum(A, B) = greater(A, B) ⊙ dA + greater(B, A) ⊙ dB, where no entries are equal",
    "CAL-26": "d where(C, A, B) = step(C) ⊙ dA + (1 - step(C)) ⊙ dB",
    "CAL-27": "d (A^P) = P ⊙ A^(P - 1) ⊙ dA + log(A) ⊙ A^P ⊙ dP, element by element",
    "CAL-28": "d [A, B] = [dA, 0] + [0, dB], and below one another the same",
    "CAL-29": "at_max and greater stay what they are: their differentials are 0",
}


def _d(a: Expr, d: Differential) -> Expr:
    """The differential of the only operand."""
    da = d(a)
    assert da is not None
    return da


def _function(e: Expr, d: Differential) -> Expr:
    return along(e, e.args[0], _d(e.args[0], d))


def _root(e: Expr, d: Differential) -> Expr:
    return sylvester(e, e, _d(e.args[0], d))


def _sylvester(e: Expr, d: Differential) -> Expr:
    a, b, c = e.args
    da, db, dc = d(a), d(b), d(c)
    terms = [] if dc is None else [dc]
    terms += [] if da is None else [negative(matmul(da, e))]
    terms += [] if db is None else [negative(matmul(e, db))]
    return sylvester(a, b, add(*terms))


def _frechet(e: Expr, d: Differential) -> Expr:
    a, direction = e.args
    da, de = d(a), d(direction)
    terms = [] if de is None else [node(e.op, (a, de), e.data, e.shape)]
    if da is not None:
        n = a.shape[0]
        zero, shape = n * 0, (n * 2, n * 2)
        corners = (zero, zero), (n, n), (zero, n)
        both = [embed(x, at, shape) for x, at in zip((a, a, direction), corners, strict=True)]
        turned = add(embed(da, corners[0], shape), embed(da, corners[1], shape))
        terms.append(slice_of(node(e.op, (add(*both), turned), e.data, shape), corners[2], e.shape))
    return add(*terms)


def _pinv(e: Expr, d: Differential) -> Expr:
    a = e.args[0]
    p, da = pinv_full(a), _d(a, d)
    pt, back = transpose(p), transpose(da)
    beside = add(eye(a.shape[0]), negative(matmul(a, p)))
    below = add(eye(a.shape[1]), negative(matmul(p, a)))
    return add(negative(matmul(p, da, p)), matmul(p, pt, back, beside), matmul(below, back, pt, p))


def _eigenvalues(e: Expr, d: Differential) -> Expr:
    q = eigenvectors(e.args[0])
    return diag(matmul(transpose(q), _d(e.args[0], d), q))


def _eigenvectors(e: Expr, d: Differential) -> Expr:
    a = e.args[0]
    values = node("eigenvalues", (a,), None, (a.shape[0], ones(1).shape[1]))
    return matmul(e, mul(gaps(values), matmul(transpose(e), _d(a, d), e)))


def _gaps(e: Expr, d: Differential) -> Expr:
    dv = _d(e.args[0], d)
    row = ones(1, e.shape[0])
    return mul(e, e, add(matmul(dv, row), negative(matmul(ones(e.shape[0]), transpose(dv)))))


def _singular_values(e: Expr, d: Differential) -> Expr:
    a = e.args[0]
    v = right_singular(a)
    return mul(power(e, -1), diag(matmul(transpose(v), transpose(a), _d(a, d), v)))


def _right_singular(e: Expr, d: Differential) -> Expr:
    a = e.args[0]
    da, sigma = _d(a, d), singular_values(a)
    inside = [matmul(transpose(da), a), matmul(transpose(a), da)]
    turned = add(*(matmul(transpose(e), x, e) for x in inside))
    return matmul(e, mul(gaps(mul(sigma, sigma)), turned))


def _nuclear(e: Expr, d: Differential) -> Expr:
    return inner(polar(e.args[0]), _d(e.args[0], d))


def _spectral(e: Expr, d: Differential) -> Expr:
    return inner(dyad(e.args[0]), _d(e.args[0], d))


def _no_second(e: Expr, d: Differential) -> Expr:
    norm, other = ("nuclear", "trace(sqrtm(A.T @ A))") if e.op == "polar" else ("spectral", "singular_values(A)[0]")
    raise NotDerivable(e, f"the second derivative of the {norm} norm, by {e}. Write the norm as {other}.")


def _cholesky(e: Expr, d: Differential) -> Expr:
    back = inv(e)
    inside = matmul(back, _d(e.args[0], d), transpose(back))
    half = mul(number(1) / 2, diagm(diag(inside)))
    return matmul(e, add(tril(inside), negative(half)))


def _max(e: Expr, d: Differential) -> Expr:
    a = e.args[0]
    da, at = _d(a, d), node("at_max", e.args, e.data, a.shape)
    return inner(at, da) if e.data is None else matmul(mul(at, da), ones(a.shape[1]))


def _maximum(e: Expr, d: Differential) -> Expr:
    a, b = e.args
    return add(*(mul(greater(x, y), _spread(dx, e)) for x, y in ((a, b), (b, a)) if (dx := d(x)) is not None))


def _spread(dx: Expr, e: Expr) -> Expr:
    """A differential in the shape of the node: that of a scalar in every entry."""
    return dx if dx.shape == e.shape else mul(dx, ones(*e.shape))


def _where(e: Expr, d: Differential) -> Expr:
    c, a, b = e.args
    chosen = FUNCTIONS["step"](c)
    masks = chosen, add(number(1), negative(chosen))
    terms = [mul(mask, _spread(dx, e)) for mask, x in zip(masks, (a, b), strict=True) if (dx := d(x)) is not None]
    return add(*terms) if terms else mul(number(0), _spread(_d(c, d), e))


def _xpow(e: Expr, d: Differential) -> Expr:
    x, p = e.args
    dx, dp = d(x), d(p)
    terms = [] if dx is None else [mul(p, power(x, add(p, number(-1))), _spread(dx, e))]
    terms += [] if dp is None else [mul(FUNCTIONS["log"](x), e, _spread(dp, e))]
    return add(*terms)


def _stacked(e: Expr, d: Differential) -> Expr:
    terms = [embed(da, at, e.shape) for a, at in zip(e.args, offsets(e), strict=True) if (da := d(a)) is not None]
    return add(*terms)


def _nothing(e: Expr, d: Differential) -> Expr:
    return add(*(mul(number(0), _spread(da, e)) for a in e.args if (da := d(a)) is not None))


Law = Callable[[Expr, Differential], Expr]
LAWS: dict[str, tuple[str, Law]] = {
    "mpow": ("CAL-10", _function),
    "expm": ("CAL-11", _function),
    "logm": ("CAL-11", _function),
    "sqrtm": ("CAL-12", _root),
    "sylvester": ("CAL-13", _sylvester),
    "mpow_frechet": ("CAL-14", _frechet),
    "expm_frechet": ("CAL-14", _frechet),
    "logm_frechet": ("CAL-14", _frechet),
    "pinv": ("CAL-15", _pinv),
    "pinv_full": ("CAL-15", _pinv),
    "eigenvalues": ("CAL-16", _eigenvalues),
    "eigenvectors": ("CAL-17", _eigenvectors),
    "gaps": ("CAL-18", _gaps),
    "singular_values": ("CAL-19", _singular_values),
    "right_singular": ("CAL-20", _right_singular),
    "nuclear": ("CAL-21", _nuclear),
    "polar": ("CAL-21", _no_second),
    "spectral": ("CAL-22", _spectral),
    "dyad": ("CAL-22", _no_second),
    "cholesky": ("CAL-23", _cholesky),
    "max": ("CAL-24", _max),
    "maximum": ("CAL-25", _maximum),
    "where": ("CAL-26", _where),
    "xpow": ("CAL-27", _xpow),
    "hstack": ("CAL-28", _stacked),
    "vstack": ("CAL-28", _stacked),
    "at_max": ("CAL-29", _nothing),
    "greater": ("CAL-29", _nothing),
}
