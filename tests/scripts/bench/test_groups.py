"""The shapes of the groups, and how one case calls several kernels."""

from bench import groups
from bench.kinds.case import taken


def test_the_shapes_of_the_groups():
    found = {}
    for case in groups.cases():
        found.setdefault(case.group, []).append(case)
    sizes = {name: len(cases) for name, cases in found.items()}
    assert sizes == {"matmul": 42, "batched_matmul": 5, "conv": 10, "elementwise": 15} | {
        "norms": 6,
        "attention": 3,
        "recurrent": 3,
    }
    assert all(case.torch for case in groups.cases())
    assert len({case.key for case in groups.cases()}) == len(groups.cases())


def test_a_group_has_a_bar_and_cases():
    assert {case.group for case in groups.cases()} == set(groups.BARS)
    assert all(least <= mean for mean, least in groups.BARS.values())


def test_each_kernel_of_a_case_takes_its_own_arrays():
    assert taken({"Y": 1, "dX": 2}, out="dX") == {"out": 2}
    assert taken({}, out="dX") == {}  # without arrays for the results the kernels make their own


def test_the_first_layer_needs_no_input_gradient():
    assert groups.trained_convolution(2, 8, 3, 4, 3).outs == ("Y", "dK")
    assert groups.trained_convolution(2, 8, 4, 4, 3).outs == ("Y", "dK", "dX")
