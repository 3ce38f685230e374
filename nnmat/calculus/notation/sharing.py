"""Sub-expressions that stand in an expression more than once: which of them get a name where it is printed, and which.

An expression is one object wherever it stands, so that repetitions are found by identity. What is written out may have
exponentially many signs (every layer of a residual network stands twice in the next one); with names it has no more
than the expression has nodes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from ..dimensions import Dim
from .names import printed
from .node import Node

LETTERS = {"scalar": "strqck", "column": "uvwpqr", "matrix": "KLPQRSTZ"}
WORTH = 9  # signs that a name has to save
SHORT = 30  # expressions of so few signs are left as they are
MOST = 10**9


def below(e: Node) -> tuple[Node, ...]:
    """The operands that are written where `e` is: of a named quantity, none."""
    return () if e.op == "ref" else e.args


def operands_first(e: Node, until: Callable[[Node], bool]) -> list[Node]:
    """Every node that is written, once, operands before operators; not those for which `until` holds."""
    found: dict[Node, None] = {}
    stack = [] if until(e) else [e]
    while stack:
        x = stack[-1]
        waits = [] if x in found else [a for a in reversed(below(x)) if a not in found and not until(a)]
        if waits:
            stack += waits
        else:
            found.setdefault(stack.pop())
    return list(found)


def length(e: Node, of: Mapping[Node, int]) -> int:
    """About how many signs `e` has when its operands have those of `of`."""
    if e.op in ("sym", "ref"):
        return len(printed(e.name))
    if e.op in ("num", "dim"):
        return len(str(e.data))
    own = {"fn": 3, "T": 1, "inv": 1, "pow": 1, "matmul": 0, "mul": len(e.args) - 1, "add": 2 * len(e.args) - 1}
    minus = 2 if e.op == "mul" and e.args[0].op == "num" and e.args[0].data == -1 else 0
    return min(own.get(e.op, max(4, len(e.op))) + sum(of[a] for a in below(e)) - minus, MOST)


def is_plain(e: Node) -> bool:
    """Not what is named, but its operand: a transpose, a divisor, a multiple, a differential."""
    multiple = e.op == "mul" and len(e.args) == 2 and e.args[0].op == "num"
    simple = e.op in ("inv", "pow") and (not e.args[0].args or e.data == -1)
    return not e.args or multiple or simple or e.op in ("T", "d") or e.has_differential


def repeated(root: Node, names: Mapping[Node, str]) -> list[Node]:
    """The nodes of an expression that a name makes shorter, operands first; those in `names` have theirs."""
    order = operands_first(root, until=names.__contains__)
    sizes: dict[Node, int] = {}
    for x in order:
        sizes[x] = length(x, {a: sizes.get(a, 2) for a in below(x)})
    if sizes.get(root, 0) <= SHORT:
        return []
    count: dict[Node, int] = {root: 1}
    uses: dict[Node, int] = {}
    for x in reversed(order):
        times = count[x]
        if x is not root and times > 1 and not is_plain(x) and (times - 1) * (sizes[x] - 3) >= WORTH:
            uses[x], times = times, 1
        for a in below(x):
            count[a] = count.get(a, 0) + times
    if not uses:
        return []
    chosen: list[Node] = []
    now: dict[Node, int] = {}
    for x in order:  # with the names of what is inside, what is left may be too short for a name of its own
        now[x] = length(x, {a: now.get(a, 2) for a in below(x)})
        if x in uses and (uses[x] - 1) * (now[x] - 3) >= WORTH:
            chosen.append(x)
            now[x] = 2
    return chosen


DEPTH = 40  # operators inside one another in one line of code


def parts(root: Node, names: Mapping[Node, str]) -> list[Node]:
    """The nodes that get a line of their own in code, operands first: what is repeated, and what lies very deep."""
    chosen = set(repeated(root, names))
    found: list[Node] = []
    depth: dict[Node, int] = {}
    for x in operands_first(root, until=names.__contains__):
        depth[x] = 1 + max((depth.get(a, 0) for a in below(x)), default=0)
        if x in chosen or (depth[x] >= DEPTH and x is not root and not is_plain(x)):
            found.append(x)
            depth[x] = 0
    return found


def kind(e: Node) -> str:
    rows, columns = (d.constant == 1 for d in e.shape)
    return "scalar" if rows and columns else "column" if rows or columns else "matrix"


def taken(root: Node) -> set[str]:
    """The names of an expression, of its quantities and of its sizes, as they are printed."""
    found: set[str] = set()
    for x in operands_first(root, until=lambda x: False):
        if x.op in ("sym", "ref"):
            found.add(printed(x.name))
        for size in (*x.shape, x.data):
            if isinstance(size, Dim):
                found |= {printed(name) for name in size.names}
    return found


def fresh(kind: str, used: set[str]) -> str:
    """A name for a scalar, a column or a matrix that is none of those that are used; it is one of them from now on."""
    name = next(name for name in _candidates(LETTERS[kind]) if printed(name) not in used)
    used.add(printed(name))
    return name


def _candidates(letters: Iterable[str]) -> Iterator[str]:
    letters = list(letters)
    yield from letters
    at = 1
    while True:
        yield f"{letters[0]}{at}"
        at += 1
