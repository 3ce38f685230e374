"""NumPy's form of every kernel computes what the kernel does."""

import numpy as np
import pytest

from bench import cases, groups, kernels, ladder, numpy_peer
from nnmat_kernels.geometry import conv_output_size

LADDER = {case.shape: case for case in ladder.cases()}.values()  # one for each of its problems
GROUPS = ("conv", "norms", "attention", "recurrent")
PEERS = [*cases.quick_cases(), *(c for c in groups.cases() if c.group in GROUPS), *LADDER]


@pytest.mark.parametrize("case", PEERS, ids=lambda case: case.key)
def test_the_peers_compute_the_same(case):
    """NumPy beside the float64 twins, in the results' order; the first layer's case has no input gradient."""
    if not case.comparable:
        return
    arrays = case.arrays(np.random.default_rng(0))
    exact = kernels.results(case.call(kernels.twins(), *kernels.copies(arrays, np.float64)))
    last = exact[len(exact) - len(case.outs) :]
    kinds = {"indices": np.int32}
    outs = {name: np.empty(A.shape, kinds.get(name, np.float32)) for name, A in zip(case.outs, last, strict=True)}
    found = kernels.results(case.peer(*arrays, **outs))
    assert kernels.largest_error(found, exact) < 1e-5


def test_a_window_has_as_many_places_as_the_kernels_say():
    sizes = [(size, k, s, p) for size in (5, 8, 9) for k in (1, 3) for s in (1, 2, 3) for p in (0, 1)]
    assert [numpy_peer.positions(*each) for each in sizes] == [conv_output_size(*each) for each in sizes]
