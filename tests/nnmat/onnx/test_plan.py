"""The node tests of ONNX itself, forward and, for every operator with a gradient, backward."""

import collections
import pathlib
import tracemalloc

import numpy as np
import pytest

from nnmat.errors import FileFormatError, StateError
from nnmat.onnx.operators.table import GRADIENTS, OPERATORS, Node
from nnmat.onnx.plan import Plan, supported, unsupported

from ...extras import needs

pytestmark = needs("onnx")

from .cases import all_cases, by_kernels, feeds, plan_of, readable  # noqa: E402

LEAST = 400  # the bar
FOUND = {"1.23": (963, 384)}  # what this version of onnx has: single operators, and operators written out in others


def close(got: np.ndarray, want: np.ndarray, case) -> None:
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    if want.dtype.kind not in "fc":
        np.testing.assert_array_equal(got, want)
        return
    rtol = max(case.rtol, 2 * np.finfo(np.float16).eps) if want.dtype == np.float16 else case.rtol
    np.testing.assert_allclose(got, want, rtol=rtol, atol=case.atol)


def said(case, error: FileFormatError) -> None:
    """It is refused for an option, by its name."""
    assert "is not supported. Supported:" in str(error), f"{case.name}: {error}"


def test_the_node_tests_of_onnx_pass():
    """Each that is not refused for what it asks gives what it must; how many there are of each is printed."""
    import onnx

    cases, others = readable()
    passed, kernels, written_out = collections.Counter(), 0, 0
    for case, read in cases:
        plan = plan_of(read)
        try:
            for inputs, outputs in case.data_sets:
                found = plan.run(feeds(read, inputs))
                for name, want in zip(read.outputs, map(np.asarray, outputs), strict=True):
                    close(found[name], want, case)
        except FileFormatError as error:
            said(case, error)
            others["options"] += 1
            continue
        except AssertionError as error:
            raise AssertionError(f"{case.name}: {error}") from None
        passed["+".join(sorted({node.kind for node in read.nodes}))] += 1
        kernels += by_kernels(read)
        written_out += "_expanded" in case.name
    total = sum(passed.values())
    known = f"{total:,} of the {len(all_cases()):,}"
    parts = f"{written_out} of them are operators that are written out in others, and {kernels} run by kernels"
    print(f"\n{known} node tests of onnx {onnx.__version__} pass; {parts}")
    print("\n".join(f"{n:5} {kinds[:100]}" for kinds, n in sorted(passed.items(), key=lambda own: (-own[1], own[0]))))
    print("not supported:", ", ".join(f"{n} {reason}" for reason, n in others.most_common()))
    assert total + others.total() == len(all_cases())
    assert total >= LEAST
    if (version := onnx.__version__.rpartition(".")[0]) in FOUND:
        assert (total - written_out, written_out) == FOUND[version]
        page = " ".join((pathlib.Path(__file__).parents[3] / "docs" / "onnx.md").read_text().split())
        assert known in page
        assert parts in page


STEP = 1e-5


def numeric(function, h=STEP):
    return (function(-2 * h) - 8 * function(-h) + 8 * function(h) - function(2 * h)) / (12 * h)


def test_every_gradient_is_the_derivative():
    """On the node tests again, in float64: ⟨G, dY⟩ along a random direction of the inputs, both ways."""
    rng, seen, wrong = np.random.default_rng(5), collections.Counter(), []
    for case, read in readable()[0]:
        if len(read.nodes) != 1 or read.nodes[0].kind not in GRADIENTS or read.nodes[0].kind in ("Cast", "CastLike"):
            continue
        kind = read.nodes[0].kind
        if seen[kind] >= 6:  # enough of it
            continue
        own = feeds(read, case.data_sets[0][0])
        given = {name: A.astype(np.float64) if A.dtype.kind == "f" else A for name, A in own.items()}
        moving = [n for n, A in given.items() if A.dtype.kind == "f" and A.size and not fixed(read, n)]
        given |= {n: given[n] + 1e-3 * moved(rng, given[n].shape) for n in moving}  # away from kinks and ties
        plan = plan_of(read)
        direction = {n: rng.standard_normal(given[n].shape) for n in moving}
        try:
            known = plan.run(dict(given), keep=True)
            wanted = [n for n in read.outputs if known[n].dtype == np.float64 and known[n].size]
            G = {n: rng.standard_normal(known[n].shape) for n in wanted}
            found = plan.backward(known, G)
        except FileFormatError as error:
            said(case, error)
            continue
        if not moving or not wanted or not all(np.isfinite(known[n]).all() for n in wanted):
            continue
        exact = sum(float(np.vdot(direction[n], found[n])) for n in moving if n in found)

        def value(t, plan=plan, given=given, moving=moving, direction=direction, G=G):
            there = plan.run(given | {n: given[n] + t * direction[n] for n in moving})
            return sum(float(np.vdot(g, there[n])) for n, g in G.items())

        rough = numeric(value)
        scale = sum(np.abs(g).sum() for g in G.values())
        seen[kind] += 1
        if not abs(rough - exact) <= 1e-6 * max(scale, abs(exact)):
            wrong.append(f"{case.name}: {exact} is not {rough}")
    assert not wrong, "\n".join(wrong)
    missing = set(GRADIENTS) - set(seen)
    print(f"\n{len(seen)} gradients on {seen.total()} node tests; without one here: {', '.join(sorted(missing))}")
    assert missing <= {"Cast", "CastLike", "GRU", "Trilu"}  # of no floats there, or not there: see test_graph.py


def moved(rng, shape: tuple) -> np.ndarray:
    """Numbers of either sign, none near 0."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.0, shape)


def fixed(read, name: str) -> bool:
    """Inputs without a gradient: running figures, bounds, scales, what lies at the ends."""
    without = {
        "BatchNormalization": (3, 4),
        "Clip": (1, 2),
        "Resize": (1, 2),
        "Pad": (2,),
        "Dropout": (1,),
        "Upsample": (1,),
    }
    return any(n == name and i in without.get(node.kind, ()) for node in read.nodes for i, n in enumerate(node.inputs))


def test_arrays_that_nobody_reads_any_more_are_let_go():
    nodes = [Node("Neg", ("X",), ("A",), {}, 21), Node("Neg", ("A",), ("Y",), {}, 21)]
    plan = Plan(nodes, ["X"], ["Y"], {})
    X = np.arange(3.0)
    assert "A" not in plan.run({"X": X})
    assert {"X", "A", "Y"} <= set(plan.run({"X": X}, keep=True))


def test_a_node_that_does_not_fit_is_named():
    plan = Plan([Node("MatMul", ("X", "X"), ("Y",), {}, 21, "product")], ["X"], ["Y"], {})
    with pytest.raises(FileFormatError, match=r"node 'product' \(MatMul\): it cannot be run on float64 \(2, 3\)"):
        plan.run({"X": np.ones((2, 3))})


def test_a_node_without_a_gradient_is_named():
    plan = Plan([Node("Mod", ("X", "X"), ("Y",), {"fmod": 1}, 21, "rest")], ["X"], ["Y"], {})
    known = plan.run({"X": np.ones(3)}, keep=True)
    with pytest.raises(StateError, match=r"expected nodes with a gradient, got node 'rest' \(Mod\)"):
        plan.backward(known, {"Y": np.ones(3)})


def test_all_that_is_not_known_is_listed():
    nodes = [
        Node("Loop", ("X",), ("A",), {}, 21, "l"),
        Node("Relu", ("A",), ("B",), {"slope": 1}, 21, "r"),
        Node("Relu", ("B",), ("Y",), {}, 6),
    ]
    assert unsupported(nodes) == [
        "operator Loop (node 'l' (Loop))",
        "attribute slope of node 'r' (Relu)",
        "version 6 of the operators (7 to 28 are)",
    ]


@pytest.mark.parametrize(("kind", "attributes"), [("Trilu", {"upper": 0}), ("Cast", {"to": 11}), ("Identity", {})])
def test_gradients_that_those_tests_have_no_floats_for(kind, attributes, rng):
    plan = Plan([Node(kind, ("X",), ("Y",), attributes, 21)], ["X"], ["Y"], {})
    X, D, G = (rng.standard_normal((3, 3)) for _ in range(3))
    found = plan.backward(plan.run({"X": X}, keep=True), {"Y": G})
    rough = numeric(lambda t: float(np.vdot(G, plan.run({"X": X + t * D})["Y"])))
    assert abs(rough - np.vdot(D, found["X"])) < 1e-8


def test_what_is_supported():
    found = supported()
    assert found["Conv"] == "kernels, with its gradient"
    assert found["NonZero"] == "NumPy"
    assert len(found) == len(OPERATORS) >= 150


def test_every_gradient_belongs_to_an_operator():
    assert set(GRADIENTS) <= set(OPERATORS)


def run(kind, *arrays, outputs=1, **attributes):
    """One node on arrays."""
    inputs, names = tuple(f"X{i}" for i in range(len(arrays))), tuple(f"Y{i}" for i in range(outputs))
    known = Plan([Node(kind, inputs, names, attributes, 21)], inputs, names, {}).run(
        dict(zip(inputs, arrays, strict=True))
    )
    return known[names[0]] if outputs == 1 else [known[name] for name in names]


def test_indices_that_leave_out_entries_of_other_axes(rng):
    X = rng.standard_normal((4, 5))
    assert np.array_equal(run("GatherElements", X, np.array([[3, -1]]), axis=1), X[:1][:, [3, -1]])
    assert np.array_equal(
        run("GatherElements", X, np.array([[1, 0], [0, 2]]), axis=0), [[X[1, 0], X[0, 1]], [X[0, 0], X[2, 1]]]
    )
    with pytest.raises(FileFormatError, match=r"indices of no larger a shape than \(4, 5\), got \(5, 1\)"):
        run("GatherElements", X, np.zeros((5, 1), int), axis=1)


@pytest.mark.parametrize(
    ("start", "end", "step", "want"),
    [(-9, -(2**40), -1, [0]), (9, -9, -2, [4, 2, 0]), (-9, 2**40, 3, [0, 3]), (-1, 0, -1, [4, 3, 2, 1]), (7, 9, 1, [])],
)
def test_slices_beyond_the_ends(start, end, step, want):
    X = np.arange(5)
    assert np.array_equal(run("Slice", X, *(np.array([n]) for n in (start, end, 0, step))), want)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 2, -1), (3, 3, 3), (2, 1)])
def test_sizes_that_are_no_split(sizes):
    with pytest.raises(
        FileFormatError, match=r"expected 3 sizes that make 3 together|expected 3 sizes that make 5 tog"
    ):
        run("Split", np.arange(5 if sizes != (2, 2, -1) else 3), np.array(sizes), outputs=3)
    parts = run("Split", np.arange(3), outputs=5, num_outputs=5)
    assert [len(part) for part in parts] == [1, 1, 1, 0, 0]


def test_an_axis_that_is_none_is_refused(rng):
    with pytest.raises(FileFormatError, match="expected axes from -2 to 1"):
        run("Flatten", rng.standard_normal((2, 3)), axis=5)


@pytest.mark.parametrize(
    ("kind", "rest", "want"),
    [
        ("ReduceProd", (), [[0, 6, 0], [0, 0, 0]]),
        ("ReduceL2", (), [[2 / 13**0.5, 0, 3 / 13**0.5], [0, 0, 0]]),
        ("Pow", (np.array([0.0, 0.0, 2.0]),), [[0, 0, 6], [0, 0, 0]]),
    ],
)
def test_gradients_at_zero_are_numbers(kind, rest, want):
    X = np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 0.0]])
    node = Node(kind, ("X", "P") if rest else ("X",), ("Y",), {} if rest else {"axes": [1], "keepdims": 0}, 17)
    plan = Plan([node], ["X"], ["Y"], {"P": rest[0]} if rest else {})
    known = plan.run({"X": X}, keep=True)
    np.testing.assert_allclose(plan.backward(known, {"Y": np.ones(known["Y"].shape)})["X"], want, rtol=1e-12)


def test_means_of_long_sequences_take_little_memory(rng):
    """A matrix with as many entries as there are in windows, and not one for each pair of places."""
    X = rng.standard_normal((1, 1, 20_000)).astype(np.float32)
    tracemalloc.start()
    Y = run("AveragePool", X, kernel_shape=[3], strides=[2], pads=[1, 0])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6
    assert Y.shape == (1, 1, 10_000)
    assert np.allclose(Y[0, 0, :2], [X[0, 0, :2].mean(), X[0, 0, 1:4].mean()], atol=1e-6)


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize(("axis", "positive"), [(-1, 2), (-2, 1), (-3, 0)])
def test_negative_axes_before_version_13(kind, axis, positive, rng):
    """All axes from that one on are one, as for the same axis counted from the front."""
    X = rng.standard_normal((2, 3, 4))
    Y, Z = (
        Plan([Node(kind, ("X",), ("Y",), {"axis": a}, 11)], ["X"], ["Y"], {}).run({"X": X})["Y"]
        for a in (axis, positive)
    )
    assert np.array_equal(Y, Z)
    sums = (np.exp(Y) if kind == "LogSoftmax" else Y).sum(axis=tuple(range(positive, 3)))
    np.testing.assert_allclose(sums, np.ones(sums.shape), rtol=1e-12)
