"""The rules that improve a recorded step, each with what it becomes and why the bits stay.

A rule looks at one entry and what stands round it, and changes the list, or does not fit. They are applied, in this
order, until none fits any more.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..codegen.builder import ACTIVATIONS
from .entries import Entries, Entry
from .listing import operation_text

Fits = Callable[[Entries, Entry], bool]


class Rule(NamedTuple):
    """`apply` changes the entries at one of them and says so, or returns False and has done nothing."""

    name: str
    pattern: str
    becomes: str
    why: str  # the bits stay
    apply: Fits


def _drop_copy(entries: Entries, e: Entry) -> bool:
    if e.name != "copy" or "out" not in e.made:
        return False
    X, out = e.arguments["X"], e.arguments["out"]
    if X.dtype != out.dtype or _is_written_after(entries, e, X) or _is_written_after(entries, e, out):
        return False
    if entries.root(X) is None and entries.is_pinned(out):
        return False  # what comes back must be made by the step
    entries.remove(e)
    entries.replace(out, X)
    return True


def _is_written_after(entries: Entries, e: Entry, A: np.ndarray, until: Entry | None = None) -> bool:
    later = entries.list[entries.list.index(e) + 1 : None if until is None else entries.list.index(until)]
    return any(np.may_share_memory(A, B) for other in later for B in other.written())


def _drop_unread(entries: Entries, e: Entry) -> bool:
    if e.result is not None and not isinstance(e.result, np.ndarray):
        return False  # a number, which somebody may want
    written = e.written()
    if len(e.made) < len(written) or any(
        entries.readers(root) or any(entries.root(B) is root for B in entries.pinned)
        for A in written
        if (root := entries.root(A)) is not None
    ):
        return False
    entries.remove(e)
    return True


def _activate(entries: Entries, e: Entry) -> bool:
    if e.name not in ("matmul", "conv2d") or e.arguments["activation"] is not None or "out" not in e.made:
        return False
    H = e.arguments["out"]
    after = entries.only_reader(H)
    if after is None or after.name not in ACTIVATIONS or "out" not in after.made:
        return False
    if not entries.is_whole(after.arguments["X"], H):
        return False
    e.arguments |= {"activation": after.name, "out": after.arguments["out"].reshape(H.shape)}
    e.fused += [after.name, *after.fused]
    entries.remove(after)
    return True


def _pool_before_relu(entries: Entries, e: Entry) -> bool:
    if e.name != "max_pool2d_backward" or e.arguments["Y"] is not None or "out" not in e.made:
        return False
    gX = e.arguments["out"]
    after, pool = entries.only_reader(gX), entries.maker(e.arguments["indices"])
    if after is None or after.name != "relu_backward" or not entries.is_whole(after.arguments["G"], gX):
        return False
    if pool is None or pool[0].name != "max_pool2d" or pool[0].arguments["relu"]:
        return False
    X, before = pool[0].arguments["X"], entries.maker(pool[0].arguments["X"])
    if before is None or not entries.is_whole(after.arguments["Y"], X):
        return False
    if before[0].name != "relu" and before[0].arguments.get("activation") != "relu":
        return False
    e.arguments |= {"Y": pool[0].arguments["out"], "out": after.arguments["out"].reshape(gX.shape)}
    e.fused += [after.name, *after.fused]
    entries.remove(after)
    entries.reads_too(e, pool[0].arguments["out"])
    return True


def _add_to_values(entries: Entries, e: Entry) -> bool:
    if e.name not in NORMALISES or e.arguments["plus"] is not None or e.arguments["relu"] or "out" not in e.made:
        return False
    H = e.arguments["out"]
    after = None if (made := entries.root(H)) is None else entries.only_reader(made)
    if after is None or after.name != "add" or "out" not in after.made:
        return False
    A, B = after.arguments["A"], after.arguments["B"]
    plus, own = (B, A) if entries.is_whole(A, H) else (A, B)
    if not entries.is_whole(own, H) or entries.is_whole(plus, H):
        return False
    maker = entries.maker(plus)
    if entries.root(plus) is not None and (maker is None or entries.list.index(maker[0]) > entries.list.index(e)):
        return False  # it is not there yet
    if _is_written_after(entries, e, plus, after):
        return False
    e.arguments |= {"plus": plus.reshape(H.shape), "out": after.arguments["out"].reshape(H.shape)}
    e.fused += [after.name, *after.fused]
    entries.remove(after)
    entries.reads_too(e, plus)
    return True


def _rectify_values(entries: Entries, e: Entry) -> bool:
    if e.name not in NORMALISES or e.arguments["relu"] or "out" not in e.made:
        return False
    H = e.arguments["out"]
    after = None if (made := entries.root(H)) is None else entries.only_reader(made)
    if after is None or after.name != "relu" or "out" not in after.made:
        return False
    if not entries.is_whole(after.arguments["X"], H):
        return False
    e.arguments |= {"relu": True, "out": after.arguments["out"].reshape(H.shape)}
    e.fused += [after.name, *after.fused]
    entries.remove(after)
    return True


def _let_through(entries: Entries, e: Entry) -> bool:
    """`e` is the derivative of the ReLU, whose first reader is that of a BatchNorm."""
    if e.name != "relu_backward" or "out" not in e.made:
        return False
    gH, G, Y = e.arguments["out"], e.arguments["G"], e.arguments["Y"]
    after = next(iter(entries.readers(gH)), None)
    if after is None or after.name != "batch_norm_backward" or after.arguments["relu"]:
        return False
    if not entries.is_whole(after.arguments["G"], gH) or any(_is_written_after(entries, e, A, after) for A in (G, Y)):
        return False
    G, Y = G.reshape(gH.shape), Y.reshape(gH.shape)
    if entries.only_reader(gH) is after and (values := _values_of(entries, after, Y)) is not None:
        after.arguments |= {"G": G, "relu": True, "beta": values.arguments["beta"]}
    else:  # of something else, or what comes through is wanted elsewhere, too
        after.arguments |= {"G": G, "relu": True, "Y": Y, "masked": gH.reshape(G.shape)}
        after.made.add("masked")
        entries.reads_too(after, Y)
    after.before = [*e.before, e.name, *e.fused, *after.before]
    entries.remove(e)
    entries.reads_too(after, G)
    return True


def _values_of(entries: Entries, backward: Entry, Y: np.ndarray) -> Entry | None:
    """The BatchNorm whose gradient that is, if Y is the positive part of its values, which it can compute once more."""
    made = entries.maker(Y)
    if made is None or made[0].name not in NORMALISES or not made[0].arguments["relu"]:
        return None
    e, a, b = made[0], made[0].arguments, backward.arguments
    if a["plus"] is not None or not all(entries.is_whole(a[name], b[name]) for name in ("X", "statistics")):
        return None
    if (a["gamma"] is None) != (b["gamma"] is None):
        return None
    if a["gamma"] is not None and not entries.is_whole(a["gamma"], b["gamma"]):
        return None
    read = [a[name] for name in ("X", "statistics", "gamma", "beta") if a[name] is not None]
    return None if any(_is_written_after(entries, e, A, backward) for A in read) else e


NORMALISES = ("batch_norm", "batch_norm_evaluation")
TOLD = 200  # operations of a step up to which its story has every change
RULES = (
    Rule(
        "copy",
        "Z = copy(X)",
        "who reads Z reads X",
        "nobody writes to X afterwards, so both are the same numbers",
        _drop_copy,
    ),
    Rule("unread", "Z = f(...), and nobody reads Z", "nothing", "nothing that is read has changed", _drop_unread),
    Rule(
        "activation",
        "H = product or convolution, Y = f(H), and nobody else reads H",
        "Y = f(product or convolution), in one pass",
        "the kernel applies the same function to the same numbers while they are in the cache",
        _activate,
    ),
    Rule(
        "pooling before ReLU",
        "Y = maxpool(relu(H)) forward; gX = maxpool_backward(G), gH = relu_backward(gX) backward",
        "gH = maxpool_backward(G ⊙ 1[Y > 0])",
        "the chosen element is the output: where that is not above 0 the ReLU lets nothing through, and elsewhere in "
        "the window the gradient is 0 either way",
        _pool_before_relu,
    ),
    Rule(
        "addition after BatchNorm",
        "H = BatchNorm(X), Y = H + A, and nobody else reads H",
        "Y = BatchNorm(X) + A, in one pass",
        "the same sums of the same numbers, while they are in registers",
        _add_to_values,
    ),
    Rule(
        "ReLU after BatchNorm",
        "H = BatchNorm(X), or BatchNorm(X) + A, Y = relu(H), and nobody else reads H",
        "Y = relu(H), in one pass",
        "the kernel takes the positive part of the same numbers while they are in registers",
        _rectify_values,
    ),
    Rule(
        "ReLU before BatchNorm's gradient",
        "gH = relu_backward(G), gX = batch_norm_backward(gH)",
        "gX = batch_norm_backward(G ⊙ 1[Y > 0]), with Y = BatchNorm(X) computed once more if that is all it is",
        "the values have the same bits once more, and what the ReLU lets through is added up in the same order",
        _let_through,
    ),
)


def improve(entries: Entries, rules: Any = RULES) -> list[tuple[str, list[str]]]:
    """Apply the rules until none fits; returns those that did, in order: each name, and the operations after it."""
    fired: list[tuple[str, list[str]]] = []
    short, changed = len(entries.list) <= TOLD, True
    while changed:
        changed = False
        for rule in rules:
            for e in list(entries.list):
                if any(other is e for other in entries.list) and rule.apply(entries, e):
                    fired.append((rule.name, operations_of(entries) if short else []))
                    changed = True
    return fired


def operations_of(entries: Entries) -> list[str]:
    """What the entries do, as text."""
    return [f"{e.place}: {operation_text(e)}" if e.place else operation_text(e) for e in entries.list]
