"""From recorded operations to a program: improved by the rules, laid out in memory, lowered to launches."""

from collections.abc import Sequence

import numpy as np

from ..runtime.launch import Operation
from .entries import Entries
from .lowering import Lowered
from .memory import lay_out
from .program import Program
from .rewrites import RULES, improve, operations_of


def compiled(
    operations: Sequence[Operation],
    inputs: dict[str, np.ndarray],
    results: dict[str, float],
    finite: Sequence[str] = (),
    saved: Sequence[np.ndarray] | None = (),
    slots: Sequence[str] = (),
    outputs: Sequence[np.ndarray] = (),
    constants: Sequence[str] = (),
    known: Sequence[np.ndarray] = (),
) -> Program:
    """The program of recorded operations, improved by the rules; arguments and errors as those of `Program`.

    `outputs`: arrays that are read after a step. The program's own `outputs` stand in their places. `saved` None: all
    that is written before a kernel may refuse what it is given. `constants`: results that may come from no kernel, if
    they are the same at every step; the program's `results` are the others. `known`: arrays that may be outputs as they
    are; all others must be made by an operation.
    """
    entries = Entries(operations, outputs)
    for A in outputs:
        if entries.root(A) is None and not any(np.may_share_memory(A, B) for B in known):
            raise ValueError(f"the array of shape {A.shape} that is wanted after the step is made by no operation")
    history = [("recorded", operations_of(entries))]
    history += improve(entries, RULES)
    size = lay_out(entries)
    given = [A for e in entries.list for A in e.written() if entries.root(A) is None]
    before = [A.copy() for A in given]
    try:
        lowered = Lowered(entries)
    finally:
        for A, was in zip(reversed(given), reversed(before), strict=True):
            A[...] = was
    if saved is None:
        saved = _before_refusals(entries, lowered)
    now = {name: lowered.now(value) for name, value in results.items()}
    program = Program(
        lowered.launches,
        inputs,
        {name: x for name, x in now.items() if name not in constants or lowered.gives(x)},
        finite,
        lowered.launches_of("count_correct")[:1],
        saved,
        slots,
    )
    program.outputs, program.history, program.bytes = entries.pinned, history, size
    program.written = _each_once(given)
    program.groups = [(*lowered.firsts[i : i + 2], e) for i, e in enumerate(entries.list)]  # type: ignore[misc]
    return program


def _before_refusals(entries: Entries, lowered: Lowered) -> list[np.ndarray]:
    """The given arrays that are written before the last kernel that gives (a number, a row), each once."""
    refusing = [i for i, e in enumerate(entries.list) if e.driver.refuses or lowered.gives_rows(i)]
    last = max(refusing, default=0)
    return _each_once([A for e in entries.list[:last] for A in e.written() if entries.root(A) is None])


def _each_once(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    return list({(A.ctypes.data, A.nbytes): A for A in arrays}.values())
