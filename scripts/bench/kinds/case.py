"""What a case is: one computation on one shape, and how it is called."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """One kernel on one shape.

    `arrays(rng)` makes the inputs; `call(module, *arrays, **outs)` runs the kernel or its float64 twin and
    `peer(*arrays, **outs)` NumPy; both return all results: an array or number, or several. `outs` names the arguments
    that take the last results. `flops` is the work of a product; 0 means that memory traffic counts: all inputs and
    results, once each. `terms` is the longest sum in one element of a result, which bounds its rounding error.
    `comparable` is false where NumPy's results are right and yet others: another random mask. `group` is what --only
    asks for and what may have a bar (`groups.py`); `torch` is what `torch_peer.py` needs to compute the same.
    `bind` and `bind_peer`, where they are given, take what `call` and `peer` take and give a function without arguments
    that does the same: of a kernel that takes microseconds, the frames of `call` would be a part.
    """

    name: str
    shape: str
    arrays: Callable
    call: Callable
    peer: Callable
    flops: float = 0
    terms: int = 8
    outs: tuple[str, ...] = ("out",)
    comparable: bool = True
    group: str = "others"
    torch: dict | None = None
    bind: Callable | None = None
    bind_peer: Callable | None = None

    @property
    def key(self) -> str:
        return f"{self.name} {self.shape}"


def at_once(bind: Callable) -> Callable:
    """What `call` or `peer` is, made of `bind` or `bind_peer`."""
    return lambda *arguments, **outs: bind(*arguments, **outs)()


def normal(*shapes):
    """A maker of float32 arrays of standard normal numbers."""
    return lambda rng: [rng.standard_normal(shape, np.float32) for shape in shapes]


def taken(outs: dict, **names: str) -> dict:
    """The arguments of one kernel of several: `taken(outs, out="Y")` is {"out": outs["Y"]}, or empty without outs."""
    return {argument: outs[name] for argument, name in names.items()} if outs else {}
