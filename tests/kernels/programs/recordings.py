"""Steps that are recorded, improved and run, for the tests of programs."""

import numpy as np

from nnmat_kernels.programs.entries import Entries
from nnmat_kernels.programs.lowering import Lowered
from nnmat_kernels.programs.memory import lay_out
from nnmat_kernels.programs.rewrites import improve
from nnmat_kernels.runtime.launch import Recorder


def entries_of(work, keep=()):
    """The entries of what `work()` does; the arrays that it returns are pinned."""
    with Recorder() as recorder:
        result = work()
    outputs = [] if result is None else list(result) if isinstance(result, tuple) else [result]
    assert not recorder.refused
    return Entries(recorder.operations, [*outputs, *keep])


def improved(work, rules=None):
    """The names of the rules that fire, the operations after them, and whether the outputs keep their bits."""
    entries = entries_of(work)
    before = [A.copy() for A in entries.pinned]
    fired = [name for name, _ in (improve(entries) if rules is None else improve(entries, rules))]
    lay_out(entries)
    for A in entries.pinned:
        A[...] = 7
    Lowered(entries)
    same = all(A.tobytes() == B.tobytes() for A, B in zip(entries.pinned, before, strict=True))
    return fired, [e.name for e in entries.list], same


def array(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)
