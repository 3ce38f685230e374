"""`derive`: the gradient of a scalar function of matrices, as a chain of matrix equations.

The method is that of the source: write df, put the laws of the differential in, wrap it in a trace, move every factor
to the left until dX stands alone, read off the gradient (DEF-6). It is done for one intermediate quantity at a time,
from the function down: `df = Tr((∇_h f)ᵀ dh)`, with dh by its law, gives the gradients of what h is made of. That is
backpropagation, written as matrix equations.
"""

from ..checking.differences import compare
from ..errors import NotDerivable, ShapeError
from ..language.assumptions import assumed, attributes, is_symmetric
from ..language.expr import Expr, add, described, eye, lift, mul, negative, node, number
from ..language.operators import inner, names_of, tril
from ..laws.simplifier import Simplifier
from ..parsing.questions import scalar_or
from ..records.record import Edit, Link, Reading, Stage
from .backward import Backward
from .derivation import Derivation
from .intermediates import names

FORMS = ("manifold", "entries")
UPSTREAM = "Pass its upstream gradient, G=matrix('G', ...), or take"


def derive(
    f: Expr, wrt: Expr | str, G: Expr | None = None, symmetric: str = "manifold", check: bool = True
) -> Derivation:
    """The gradient of `f` by the symbol `wrt` (or its name), of the shape of that symbol.

    `f` is a scalar, or a matrix with its upstream gradient `G` (of its shape): then ⟨G, f⟩ is derived, G constant.
    For a symmetric symbol, `symmetric` names the gradient that is meant: "manifold" (the symmetric one) or "entries"
    (by the free entries of the lower triangle); for independent entries declare the symbol without the attribute.
    The result is compared with difference quotients before it is returned; `check=False` leaves that out.
    Raises ShapeError for what does not fit, NotDerivable with node and reason, UnverifiedError if the check fails.
    """
    return derived("derive", f, wrt, G, symmetric, check)


def derived(
    who: str, f: Expr, wrt: Expr | str, G: Expr | None = None, symmetric: str = "manifold", check: bool = True
) -> Derivation:
    """What `derive` gives, for a function of another name: `who` stands in the errors about its arguments."""
    f = lift(f, who)
    try:
        return _derive(who, f, wrt, G, symmetric, check)
    except RecursionError:
        raise NotDerivable(f, "an expression nested deeper than Python's stack. Derive it in parts.") from None


def _derive(who: str, f: Expr, wrt: Expr | str, G: Expr | None, symmetric: str, check: bool) -> Derivation:
    variable = variable_of(who, f, wrt)
    root = f if G is None else inner(_upstream(who, f, G, variable), f)
    if not root.is_scalar:
        raise ShapeError(
            f"{who}: expected a scalar function, got {described(f)}. "
            f"{UPSTREAM if who == 'derive' else 'Take'} sum(...) or inner(G, ...).{_numbers(f)}"
        )
    if symmetric not in FORMS:
        raise ShapeError(f"{who}: expected symmetric as one of {', '.join(FORMS)}, got {symmetric!r}.")
    if symmetric == "entries" and not is_symmetric(variable):
        raise ShapeError(
            f"{who}: expected a symmetric variable for the gradient by free entries, got {described(variable)}. "
            "Declare it symmetric=True."
        )
    from_use, either = assumed(root)
    if variable.name in either:
        raise ShapeError(f"{who}: {scalar_or('column', [variable.name])}")
    _allowed(variable)
    result = Backward(root, variable).run() if variable in root.free else _constant(root, variable)
    result.function, result.assumed = f, tuple(from_use)
    _attributed(result, symmetric)
    if check and variable in root.free:
        result.error = compare(root, result.gradient, variable, entries=result.form == "entries")
    return result


def gradient(f: Expr, wrt: Expr | str, G: Expr | None = None, symmetric: str = "manifold") -> Expr:
    """The gradient alone: `derive(...).gradient`."""
    return derive(f, wrt, G, symmetric).gradient


def hessian_product(f: Expr, wrt: Expr | str, V: Expr) -> Derivation:
    """The product of the Hessian with V, of the shape of the variable: the gradient of ⟨∇f, V⟩, V constant."""
    first = derived("hessian_product", f, wrt)
    V = lift(V, "hessian_product")
    if V.shape != first.wrt.shape or first.wrt in V.free:
        raise ShapeError(
            f"hessian_product: expected V of the shape of {described(first.wrt)}, without {first.wrt.name}, "
            f"got {described(V)}. Take a symbol for V, and its array in evaluate(...)."
        )
    second = derive(inner(first.gradient, V), first.wrt)
    second.assumed = first.assumed
    return second


def variable_of(who: str, f: Expr, wrt: Expr | str) -> Expr:
    """The symbol of `f` that is meant. Raises ShapeError."""
    if isinstance(wrt, Expr):
        if wrt.op != "sym":
            raise ShapeError(
                f"{who}: expected wrt as a symbol or its name, got {wrt}. Name the quantity with let(...)."
            )
        same = [s for s in f.free if s.name == wrt.name and s is not wrt]
        if same:
            raise ShapeError(
                f"{who}: expected wrt as the symbol {wrt.name} of the function, got another one of this name: "
                f"{described(wrt)} beside {described(same[0])}, or other attributes. Use the same object."
            )
        return wrt
    found = names(f).get(wrt) if isinstance(wrt, str) else None
    if found is None or found.op == "ref":
        hint = "Check the spelling." if found is None else "The gradient of a named quantity stands in the chain."
        raise ShapeError(f"{who}: expected wrt among {names_of(f.free)}, got {wrt!r}. {hint}")
    return found


def _numbers(f: Expr) -> str:
    """What else to try where shapes were not declared: one of the names may be a number."""
    from_use, _ = assumed(f)
    ways = f"{from_use[0]}=() in parse, --shape {from_use[0]}=1 in the command" if from_use else ""
    return f" The shapes of {', '.join(from_use)} were found from use: declare a scalar as {ways}." if from_use else ""


def _upstream(who: str, f: Expr, G: Expr, variable: Expr) -> Expr:
    G = lift(G, who)
    if G.shape != f.shape or variable in G.free:
        raise ShapeError(
            f"{who}: expected G of the shape of {described(f)}, without {variable.name}, got {described(G)}."
        )
    return G


def _allowed(variable: Expr) -> None:
    """Attributes that leave no open set of directions have no gradient entry by entry."""
    had = attributes(variable)
    for word, why in (
        ("constant", "it is declared constant"),
        ("sums_to_one", "it is declared sums_to_one, which leaves the gradient open up to a multiple of 1"),
        ("orthogonal", "it is declared orthogonal, and its entries are not free"),
    ):
        if word in had:
            raise NotDerivable(variable, f"expected a variable, got {variable.name}: {why}. Declare it without {word}.")


def _constant(root: Expr, variable: Expr) -> Derivation:
    zero = node("zeros", (), None, variable.shape) if not variable.is_scalar else number(0)
    start = (node("d", (root,)),)
    stage = Stage("f", start, [Edit("CONST", root, 0, start, (number(0),))])
    return Derivation(root, variable, root, zero, [Link(variable.name, variable, zero, zero)], [stage])


def _attributed(result: Derivation, symmetric: str) -> None:
    """The gradient for a symmetric or diagonal variable, as a step of its own."""
    variable, G = result.wrt, result.gradient
    lower = "lower_triangular" in attributes(variable)
    if variable.is_scalar or not (lower or is_symmetric(variable)):
        return
    if lower and not is_symmetric(variable):
        rule, raw = "SYM-4", tril(G)
    elif "diagonal" in attributes(variable):
        rule, raw = "SYM-3", mul(eye(variable.shape[0]), G)
    elif symmetric == "manifold":
        rule, raw = "SYM-1", mul(number(1) / 2, add(G, G.T))
    else:
        rule, raw = "SYM-2", tril(add(G, G.T, negative(mul(eye(variable.shape[0]), G))))
    result.form = {"SYM-1": "manifold", "SYM-2": "entries", "SYM-3": "diagonal", "SYM-4": "lower"}[rule]
    simplifier = Simplifier()
    after = simplifier(raw)
    if after.digest != G.digest:
        stage = Stage(variable.name, (G,), [Edit(rule, G, 0, (G,), (raw,))], kind="attribute")
        stage.readings.append(Reading(variable.name, raw, after, simplifier.log))
        result.stages.append(stage)
    last = result.chain[-1]
    result.gradient, result.chain[-1] = after, Link(last.name, last.node, last.local, after)
