"""Intermediate quantities: those that the user named, and those worth a name, found in the expression.

Found are: the results of elementwise functions and of softmax, what such functions (and norms, powers) are applied
to, and whatever is used twice. Every quantity gets a gradient of its own, so that contributions are added before they
are passed on: with r = Xw - y, the gradient of rᵀr is 2r, and Xᵀ(2r) follows without factoring.
"""

from ..dimensions import show
from ..errors import ShapeError
from ..language.expr import Expr, bottom_up, depending, dimensions, node, nodes

CURVED = {"fn", "softmax", "log_softmax"}
TAKES = {"fn", "softmax", "log_softmax", "lse", "norm", "pow"}
LEAVES = {"sym", "num", "dim", "ones", "zeros", "eye", "ref"}


def is_plain(e: Expr) -> bool:
    """A symbol or a named quantity, perhaps transposed or with a sign: it needs no name."""
    if e.op in LEAVES:
        return True
    if e.op == "mul":
        return len(e.args) == 2 and e.args[0].op == "num" and is_plain(e.args[1])
    return e.op == "T" and is_plain(e.args[0])


def found(e: Expr, wrt: Expr) -> list[Expr]:
    """The nodes of `e` that get a name, in the order of evaluation."""
    ordered = depending(e, wrt)
    uses: dict[Expr, int] = {}
    taken: set[Expr] = set()
    for x in ordered:
        for a in x.args:
            uses[a] = uses.get(a, 0) + 1
        if x.op in TAKES and x.args[0].op != "norm":
            taken.add(x.args[0])
        if x.op == "ref":  # what a name stands for has its name already
            taken.discard(x.args[0])
            uses[x.args[0]] = 0
    named = {x.args[0] for x in ordered if x.op == "ref"}
    return [
        x
        for x in ordered
        if x is not e and x not in named and not is_plain(x) and (uses.get(x, 0) > 1 or x in taken or x.op in CURVED)
    ]


def name_quantities(e: Expr, wrt: Expr) -> tuple[Expr, dict[str, Expr]]:
    """`e` with its found quantities as named nodes, and the original of every name that was given here."""
    chosen = found(e, wrt)
    used = {*dimensions(e), *names(e)}
    groups: dict[str, list[Expr]] = {}
    for x in chosen:
        groups.setdefault("z" if x.op in CURVED else "h", []).append(x)
    titles: dict[Expr, str] = {}
    for letter, members in groups.items():
        count = 0
        for x in members:
            while True:
                count += 1
                name = letter if len(members) == 1 and count == 1 else f"{letter}{count}"
                if name not in used:
                    break
            used.add(name)
            titles[x] = name
    given: dict[str, Expr] = {}

    def titled(x: Expr, new: Expr) -> Expr:
        if x not in titles:
            return new
        given[titles[x]] = x
        return node("ref", (new,), titles[x], new.shape)

    return bottom_up(e, titled), given


def names(e: Expr) -> dict[str, Expr]:
    """The symbols and the named quantities of `e`; a ShapeError where one name stands for two of them."""
    found: dict[str, Expr] = {}
    for x in nodes(e):
        if x.op in ("sym", "ref") and found.setdefault(x.name, x) is not x:
            kinds = " and ".join(sorted(_kind(y) for y in (x, found[x.name])))
            raise ShapeError(f"derive: expected one meaning of the name {x.name}, got {kinds}. Rename one of them.")
    return found


def _kind(x: Expr) -> str:
    """What a name stands for, for a message."""
    if x.op == "ref":
        return f"the quantity {x.args[0]}"
    return f"a symbol of shape {show(x.shape)}{''.join(f', {word}' for word in x.data[1])}"
