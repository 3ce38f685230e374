import numpy as np

from nnmat_kernels import unchecked as k
from nnmat_kernels.programs.lowering import Lowered
from tests.kernels.programs.recordings import array, entries_of


def test_launches_belong_to_their_entries():
    H, y = array(6, 3), np.array([0, 1, 2, 0, 1, 2])

    def work():
        k.count_correct(H, y)
        _value, G = k.softmax_cross_entropy(H, y)
        k.norm([G.reshape(-1), H.reshape(-1)])
        return G

    entries = entries_of(work)
    lowered = Lowered(entries)
    assert [e.name for e in lowered.entries] == ["count_correct", "softmax_cross_entropy", "norm"]
    assert lowered.launches_of("count_correct") == [0]
    assert lowered.firsts[:3] == [0, 1, 2]
    assert lowered.firsts[3] == len(lowered.launches) > 4  # of the norm: two sums of squares, and their root
    value = entries.list[1].result[0]
    assert lowered.now(value) == value
    assert any(part is lowered.now(value) for part in lowered.launches[1][2])  # what that launch has given


def test_a_number_is_passed_on_to_the_entry_that_takes_it():
    theta, g = np.ones(4), np.full(4, 2.0)

    def work():
        scale = k.clip_scale(k.norm([g]), 1.0)
        k.sgd_update(theta, g, None, 0.1, scale=scale)
        return None

    lowered = Lowered(entries_of(work))
    clip, update = lowered.launches[-2:]
    assert update[1][-1] is clip[2]
