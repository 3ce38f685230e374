"""Simplification by numbered rules, each application on record, from the leaves up until none applies.

A rule takes a node whose operands are simplified and returns an equal expression, or None. The rules are made to end:
each has fewer nodes or fewer transposes on its right, or moves an operator to the place where it stays (scalars to the
front, transposes inside products). Should they not, a limit on the number of applications makes that an error instead
of an endless loop. Products are multiplied out over sums only where that is shorter (`expansion.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import NotDerivable
from ..language.expr import Expr, lift, rebuild
from . import expansion, functions, gathering, matrix_rules, products, sums, traces

LIMIT = 20_000
Rule = Callable[[Expr], Expr | None]

STATEMENTS = {
    "SIM-1": "numbers are combined; 1 A = A, 0 A = 0, A + 0 = A",
    "SIM-2": "a A + b A = (a + b) A",
    "SIM-3": "a + b 1 = a + b: a multiple of ones in a sum is a scalar that broadcasts",
    "SIM-4": "A B + A C = A (B + C), the same on the right, for ⊙ and for scalars",
    "SIM-5": "scalars stand in front: A (c B) = c A B, L(c A) = c L(A)",
    "SIM-6": "A^a ⊙ A^b = A^(a+b), (A^a)^b = A^(ab)",
    "SIM-7": "1 ⊙ A = A",
    "SIM-8": "(v 1ᵀ) ⊙ A = Diag(v) A, (1 vᵀ) ⊙ A = A Diag(v), Diag(v) u = v ⊙ u",
    "SIM-9": "I A = A, I⁻¹ = I, Tr(I) = n, |I| = 1",
    "SIM-10": "a factor of shape 1 × 1 in a product is a scalar",
    "SIM-11": "A⁻¹ A = I, (A B)⁻¹ A B = I, (A⁻¹)⁻¹ = A, (A B)⁻¹ = B⁻¹ A⁻¹, the same for ⊗, Diag(v)⁻¹ = Diag(1/v)",
    "SIM-12": "QᵀQ = I and Q⁻¹ = Qᵀ for orthogonal Q",
    "SIM-13": "1ᵀ1 = n, sum(1 1ᵀ) = m n, 1 1ᵀ is the matrix of ones",
    "SIM-14": "1ᵀp = 1 where p sums to one",
    "SIM-15": "a scalar equals its transpose: yᵀAᵀx = xᵀAy",
    "SIM-16": "aᵀ(b ⊙ c) = 1ᵀ(a ⊙ b ⊙ c)",
    "SIM-17": "(Aᵀ)ᵀ = A, (A B)ᵀ = Bᵀ Aᵀ, (A ⊙ B)ᵀ = Aᵀ ⊙ Bᵀ, f(Aᵀ) = f(A)ᵀ, (Aᵀ)⁻¹ = (A⁻¹)ᵀ",
    "SIM-18": "Aᵀ = A for symmetric A",
    "SIM-19": "Tr(Aᵀ) = Tr(A), Tr(A B) = Tr(B A), Tr(x yᵀ) = yᵀx, Tr(A ⊗ B) = Tr(A) Tr(B)",
    "SIM-20": "⟨x, y⟩ = xᵀy, ⟨I, A⟩ = Tr(A), ⟨Aᵀ, B⟩ = Tr(A B), ⟨x yᵀ, A⟩ = xᵀAy, sum(A ⊙ B) = ⟨A, B⟩",
    "SIM-21": "|Aᵀ| = |A|, |A⁻¹| = 1/|A|",
    "SIM-22": "log(exp A) = A, exp(log A) = A, √(xᵀx) = ‖x‖, ‖A‖² = ⟨A, A⟩",
    "SIM-23": "exp(x)/(1ᵀ exp(x)) = softmax(x), log(softmax(x)) = log_softmax(x)",
    "SIM-24": "diag(diagm(v)) = v, diag(x yᵀ) = x ⊙ y, reshape(reshape(A)) = reshape(A)",
    "SIM-25": "kron_right(A ⊗ B, C) = ⟨A, C⟩ B, kron_left(A ⊗ B, C) = ⟨B, C⟩ A, kron_right(I, A) = Tr(A) I",
    "SIM-26": "1 × 1: I = 1, adj(a) = 1, softmax(a) = 1, diag(a) = tril(a) = logsumexp(a) = a",
    **gathering.STATEMENTS,
    **expansion.STATEMENTS,
    **matrix_rules.STATEMENTS,
}

RULES: dict[str, list[tuple[str, Rule]]] = {}
BASIC = (sums.RULES, products.RULES, traces.RULES, functions.RULES)
for table in (*BASIC, gathering.RULES, expansion.RULES, matrix_rules.RULES):
    for op, entries in table.items():
        RULES.setdefault(op, []).extend(entries)


@dataclass(frozen=True)
class Applied:
    """One application: `rule` turned `before` into `after`."""

    rule: str
    before: Expr
    after: Expr


class Simplifier:
    """Simplifies many expressions of one derivation; `log` holds what was applied, in order."""

    def __init__(self) -> None:
        self.done: dict[Expr, Expr] = {}
        self.log: list[Applied] = []
        self.turns: dict[Expr, Expr] = {}  # what an expression on the way was turned into, which is on the way itself

    def __call__(self, e: Expr) -> Expr:
        path = [e]  # each waits for the one after it
        while path:
            x = path[-1]
            if x not in self.done:
                waits = self._step(x)
                if waits is not None:
                    path.append(waits)
                    if len(path) > LIMIT:
                        raise self._endless(waits)
                    continue
            path.pop()
        return self.done[e]

    def _step(self, x: Expr) -> Expr | None:
        """Simplify `x` if all that it needs is there; otherwise the first expression that is not."""
        new = self.turns.get(x)
        if new is None:
            args = x.args if x.op != "ref" else ()
            for a in args:
                if a not in self.done:
                    return a
            now = tuple([self.done[a] for a in args])
            new = rebuild(x, now) if now != args else self._applied(x)
            if new is not x:
                self.turns[x] = new
        if new is not x and new not in self.done:
            return new
        self.done[x] = x if new is x else self.done[new]
        return None

    def _applied(self, x: Expr) -> Expr:
        """What the first rule that applies makes of `x`, whose operands are simplified; `x` itself if none does."""
        for name, rule in RULES.get(x.op, ()):
            new = rule(x)
            if new is not None and new is not x:
                self.log.append(Applied(name, x, new))
                if len(self.log) > LIMIT:
                    raise self._endless(x)
                return new
        return x

    def _endless(self, x: Expr) -> NotDerivable:
        return NotDerivable(x, f"simplification took more than {LIMIT} steps. Derive it in parts.")


def simplify(e: Expr) -> Expr:
    """The normal form of an expression."""
    return Simplifier()(lift(e, "simplify"))
