"""The trace properties: how ⟨G, L(D)⟩ becomes ⟨L*(G), D⟩, with the differential D alone on the right.

Each function below moves one linear operator across the inner product. It gets G, the node L(D) and the place of the
operand that holds the differential; it returns L*(G). ⟨A, B⟩ is Tr(AᵀB), in text `Tr(Aᵀ B)`.
"""

from collections.abc import Callable, Iterable

from ..language.blocks import embed, slice_of
from ..language.convolution import conv, conv_input, conv_kernel
from ..language.expr import Expr, eye, matmul, mul, node, number, ones, transposed_factors
from ..language.operators import diag, diagm, inner, kron, kron_left, kron_right, scaled

STATEMENTS = {
    "TR-1": "a = Tr(a) for a scalar a",
    "TR-2": "Tr(Aᵀ) = Tr(A), so Tr(Gᵀ Dᵀ) = Tr((Gᵀ)ᵀ D)",
    "TR-3": "Tr(A + B) = Tr(A) + Tr(B)",
    "TR-4": "Tr(C Dᵀ) = Tr(Dᵀ C)",
    "TR-4b": "Tr(ABC) = Tr(BCA) = Tr(CAB), so Tr(Gᵀ A D B) = Tr((Aᵀ G Bᵀ)ᵀ D)",
    "TR-5": "Tr(Gᵀ (A ⊙ D)) = Tr((G ⊙ A)ᵀ D)",
    "TR-6": "Tr(Hᵀ(X ⋆ K)) = Tr(Fᵀ X), F = F(H, K)",
    "TR-7": "Tr(Hᵀ(X ⋆ K)) = Tr(Gᵀ K), G = G(H, X)",
    "MOVE-1": "g Tr(D) = Tr((g I)ᵀ D)",
    "MOVE-2": "g ⟨A, D⟩ = Tr((g A)ᵀ D)",
    "MOVE-3": "g sum(D) = Tr((g 1 1ᵀ)ᵀ D)",
    "MOVE-4": "Tr(gᵀ diag(D)) = Tr(diagm(g)ᵀ D); Tr(Gᵀ diagm(d)) = Tr(diag(G)ᵀ d)",
    "MOVE-5": "Tr(Gᵀ reshape(D)) = Tr(reshape(G)ᵀ D)",
    "MOVE-6": "Tr(Gᵀ tril(D)) = Tr(tril(G)ᵀ D)",
    "MOVE-7": "Tr(Gᵀ (A ⊗ D)) = Tr(kron_right(G, A)ᵀ D); Tr(Gᵀ (D ⊗ B)) = Tr(kron_left(G, B)ᵀ D)",
    "MOVE-8": "the three readings of one trilinear form: of ⋆, and of ⊗",
    "MOVE-9": "Tr(Gᵀ D[block]) = Tr((G put into zeros)ᵀ D), and the other way round",
    "MOVE-10": "Tr(Gᵀ L(A, D)) = Tr(L(Aᵀ, G)ᵀ D), L the derivative of Aⁿ, expm or logm along D",
    "MOVE-11": "Tr(Gᵀ X) = Tr(Yᵀ D), A X + X B = D, Aᵀ Y + Y Bᵀ = G",
    "DEF-6": "df = Tr(Gᵀ dX) for every dX, so ∇f = G",
}


def turned(factors: Iterable[Expr]) -> list[Expr]:
    """The factors of the transposed product; that Aᵀ = A for symmetric A is left to a step of its own, SIM-18."""
    return transposed_factors(factors, lambda a: a.is_scalar)


def _matmul(G: Expr, e: Expr, at: int) -> Expr:
    middle = [] if (G.op == "num" and G.data == 1) or (G.op == "eye" and len(e.args) > 1) else [G]
    factors = [*turned(e.args[:at]), *middle, *turned(e.args[at + 1 :])]
    return matmul(*factors) if factors else G


def _mul(G: Expr, e: Expr, at: int) -> Expr:
    others = [*e.args[:at], *e.args[at + 1 :]]
    if e.args[at].shape == e.shape:
        return mul(*([] if G.op == "num" and G.data == 1 else [G]), *others)
    rest = mul(*others)  # the differential is a scalar that multiplies a matrix
    return inner(G, rest if rest.shape == e.shape else mul(rest, ones(*e.shape)))


def _diag(G: Expr, e: Expr, at: int) -> Expr:
    return diagm(G) if e.op == "diag" else diag(G)


def _kron(G: Expr, e: Expr, at: int) -> Expr:
    return kron_left(G, e.args[1], e.args[0].shape) if at == 0 else kron_right(G, e.args[0], e.args[1].shape)


def _kron_adjoint(G: Expr, e: Expr, at: int) -> Expr:
    g, other = e.args
    if e.op == "kron_left":  # ⟨G, kron_left(g, B)⟩ = ⟨g, G ⊗ B⟩
        return kron(G, other) if at == 0 else kron_right(g, G, other.shape)
    return kron(other, G) if at == 0 else kron_left(g, G, other.shape)


def _conv(G: Expr, e: Expr, at: int) -> Expr:
    X, K = e.args
    return conv_input(G, K, X.shape, e.data) if at == 0 else conv_kernel(G, X, K.shape, e.data)


def _conv_adjoint(G: Expr, e: Expr, at: int) -> Expr:
    H, other = e.args
    setting = e.data[0]
    if e.op == "conv_input":  # ⟨G, F(H, K)⟩ = ⟨H, G ⋆ K⟩
        return conv(G, other, *setting) if at == 0 else conv_kernel(H, G, other.shape, setting)
    return conv(other, G, *setting) if at == 0 else conv_input(H, G, other.shape, setting)


def _reshape(G: Expr, e: Expr, at: int) -> Expr:
    return node("reshape", (G,), e.args[0].shape, e.args[0].shape)


def _block(G: Expr, e: Expr, at: int) -> Expr:
    """A block of zeros with G in it for a slice; a slice of G for what was put into zeros."""
    move = embed if e.op == "slice" else slice_of
    return move(G, e.data, e.args[0].shape)


def _along(G: Expr, e: Expr, at: int) -> Expr:
    return node(e.op, (*turned(e.args[:1]), G), e.data, e.shape)


def _sylvester(G: Expr, e: Expr, at: int) -> Expr:
    a, b = (turned([x])[0] for x in e.args[:2])
    return node("sylvester", (a, b, G), None, e.shape)


Move = Callable[[Expr, Expr, int], Expr]
MOVES: dict[str, tuple[str, Move]] = {
    "matmul": ("TR-4b", _matmul),
    "mul": ("TR-5", _mul),
    "T": ("TR-2", lambda G, e, at: matmul(*turned(G.args if G.op == "matmul" else [G]))),
    "trace": ("MOVE-1", lambda G, e, at: scaled(G, eye(e.args[0].shape[0]))),
    "inner": ("MOVE-2", lambda G, e, at: scaled(G, e.args[1 - at])),
    "sum": ("MOVE-3", lambda G, e, at: scaled(G, ones(*e.args[0].shape))),
    "diag": ("MOVE-4", _diag),
    "diagm": ("MOVE-4", _diag),
    "reshape": ("MOVE-5", _reshape),
    "tril": ("MOVE-6", lambda G, e, at: node("tril", (G,), None, G.shape)),
    "slice": ("MOVE-9", _block),
    "embed": ("MOVE-9", _block),
    **{op: ("MOVE-10", _along) for op in ("mpow_frechet", "expm_frechet", "logm_frechet")},
    "sylvester": ("MOVE-11", _sylvester),
    "kron": ("MOVE-7", _kron),
    "conv": ("TR-6", _conv),
    "conv_input": ("MOVE-8", _conv_adjoint),
    "conv_kernel": ("MOVE-8", _conv_adjoint),
    "kron_left": ("MOVE-8", _kron_adjoint),
    "kron_right": ("MOVE-8", _kron_adjoint),
}


def move(term: Expr, has: Callable[[Expr], bool]) -> tuple[str, list[Expr]] | None:
    """One step towards ⟨M, d⟩ for a term that is linear in differentials; `has` says where they are.

    Returns the property and the terms that take the place of `term`, or None if the differential stands alone.
    """
    if term.op == "add":
        return "TR-3", list(term.args)
    if term.op != "inner" or has(term.args[0]):
        return "TR-1", [inner(number(1), term)]
    G, e = term.args
    if e.op == "d":
        return None
    if e.op == "add":
        parts = [a if a.shape == e.shape else mul(a, ones(*e.shape)) for a in e.args]
        return "TR-3", [inner(G, a) for a in parts]
    at = next(i for i, a in enumerate(e.args) if has(a))
    name, adjoint = MOVES[e.op]
    if name == "TR-6" and at == 1:
        name = "TR-7"
    return name, [inner(adjoint(G, e, at), e.args[at])]
