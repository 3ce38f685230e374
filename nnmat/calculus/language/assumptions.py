"""What is known of an expression from its form and the attributes of its symbols. Unknown counts as no."""

from collections.abc import Callable, Iterable
from functools import wraps
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from ..dimensions import ONE
from .expr import Expr, node, nodes, ordered, rebuild, transpose

_clock = count()
_declared: WeakKeyDictionary[Expr, int] = WeakKeyDictionary()  # symbols, and when they were declared last
_read: WeakKeyDictionary[Expr, tuple[int, frozenset[str], frozenset[str]]] = WeakKeyDictionary()  # see assume


def declare(symbol: Expr) -> Expr:
    """The symbol, whose shape somebody has said."""
    _declared[symbol] = next(_clock)
    return symbol


def assume(e: Expr, names: Iterable[str], either: Iterable[str]) -> None:
    """Of an expression that was read from text: the names whose shapes were found from use, not declared, and those
    `either` among them that are scalars though the text holds for columns, too."""
    _read[e] = next(_clock), frozenset(names), frozenset(either)


def assumed(e: Expr) -> tuple[list[str], list[str]]:
    """The names in an expression whose shapes were found from use, and those among them that could be columns.

    A symbol that was declared after the text was read counts as declared: there is one object for each expression.
    """
    found: tuple[set[str], set[str]] = (set(), set())
    for x in nodes(e, until=_read.__contains__):
        if x in _read:
            when, *both = _read[x]
            open_still = {s.name for s in x.free if _declared.get(s, -1) < when}
            for names, more in zip(found, both, strict=True):
                names |= more & open_still
    return sorted(found[0]), sorted(found[1])


def attributes(e: Expr) -> frozenset[str]:
    """The attributes of a symbol."""
    return frozenset(e.data[1]) if e.op == "sym" else frozenset()


def kept(question: Callable[[Expr], Any]) -> Callable[[Expr], Any]:
    """The answers stay with the nodes, and are found from the operands up: each once, however deep it lies."""
    name = question.__name__

    @wraps(question)
    def asked(e: Expr) -> Any:
        answers = e.__dict__
        if name not in answers:
            for x in ordered(e, until=lambda x: name in x.__dict__):
                x.__dict__[name] = question(x)
        return answers[name]

    return asked


@kept
def is_symmetric(e: Expr) -> bool:
    """Aᵀ = A."""
    if e.shape[0] != e.shape[1]:
        return False
    if e.is_scalar or e.op in ("eye", "ones", "zeros", "diagm"):
        return True
    if e.op == "sym":
        return bool(attributes(e) & {"symmetric", "positive_definite", "diagonal"})
    if e.op in ("inv", "adj", "fn", "pow", "ref", "T", "mpow", "expm", "logm", "sqrtm", "pinv", "pinv_full", "polar"):
        return is_symmetric(e.args[0])
    if e.op in ("mpow_frechet", "expm_frechet", "logm_frechet"):
        return all(is_symmetric(a) for a in e.args)
    if e.op in ("add", "mul", "matmul"):
        if all(is_symmetric(a) for a in e.args):
            return e.op != "matmul" or [plain(a).digest for a in e.args] == [plain(a).digest for a in reversed(e.args)]
        same, turned = sides(e) if is_turned(e) else (e, None)
        return turned is not None and same.digest == turned.digest
    return False


@kept
def is_turned(e: Expr) -> bool:
    """A transpose stands in it: without one, a sum or a product is symmetric only if all its operands are."""
    return e.op == "T" or any(is_turned(a) for a in e.args)


@kept
def sides(e: Expr) -> tuple[Expr, Expr]:
    """The expression and its transpose, both with transposes moved inside as far as they go."""
    if e.is_scalar:
        return e, e
    both = [sides(a) for a in e.args]
    if e.op == "T":
        return both[0][::-1]
    if e.op in ("add", "mul", "matmul"):
        order = -1 if e.op == "matmul" else 1
        return rebuild(e, tuple(a for a, _ in both)), rebuild(e, tuple(b for _, b in both[::order]))
    if e.op in ("fn", "pow", "inv", "adj", "mpow", "expm", "logm", "sqrtm", "polar"):
        a, b = both[0]
        return node(e.op, (a,), e.data, a.shape), node(e.op, (b,), e.data, b.shape)
    return e, e if is_symmetric(e) else transpose(e)


def plain(e: Expr) -> Expr:
    """A factor, without the transpose that a symmetric one may have."""
    return e.args[0] if e.op == "T" and is_symmetric(e) else e


@kept
def is_invertible(e: Expr) -> bool:
    """The inverse exists wherever the expression is defined."""
    if e.shape[0] != e.shape[1]:
        return False
    if e.op == "sym":
        return bool(attributes(e) & {"invertible", "positive_definite", "orthogonal"})
    if e.op in ("eye", "inv", "expm", "cholesky", "eigenvectors", "right_singular"):
        return True
    if e.op in ("T", "ref", "mpow"):
        return is_invertible(e.args[0])
    if e.op == "matmul":
        return all(is_invertible(a) for a in e.args)
    if e.op == "mul":
        rest = [a for a in e.args if not a.is_scalar]
        return (
            len(rest) == 1 and is_invertible(rest[0]) and all(a.op == "num" and a.data for a in e.args if a.is_scalar)
        )
    return False


@kept
def is_orthogonal(e: Expr) -> bool:
    """AᵀA = I."""
    own = "orthogonal" in attributes(e) or e.op in ("eigenvectors", "right_singular", "commutation")
    return own or (e.op in ("T", "ref") and is_orthogonal(e.args[0]))


@kept
def is_positive(e: Expr) -> bool:
    """All entries are positive."""
    if e.op == "sym":
        return "positive" in attributes(e)
    if e.op in ("num", "dim"):
        return e.op == "dim" or e.data > 0
    if e.op == "fn":
        return e.data in ("exp", "sigmoid", "softplus", "Phi", "phi", "sqrt", "cosh")
    if e.op in ("softmax", "ones", "norm"):
        return True
    if e.op in ("add", "mul"):
        return all(is_positive(a) for a in e.args)
    return e.op in ("ref", "T", "pow", "matmul") and all(is_positive(a) for a in e.args)


@kept
def sums_to_one(e: Expr) -> str | None:
    """ "column" if the entries of a column sum to one, "rows" if those of each row do, else None."""
    if e.op == "sym" and "sums_to_one" in attributes(e):
        return "column" if e.shape[1] == ONE else "rows"
    if e.op == "softmax":
        return str(e.data)
    return sums_to_one(e.args[0]) if e.op == "ref" else None
