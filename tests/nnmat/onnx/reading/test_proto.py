"""Damaged and hostile files: typed errors, nothing outside of the folder, no memory for what is only claimed."""

import collections
import itertools
import pathlib
import tracemalloc

import numpy as np
import pytest

import nnmat
from nnmat import Linear, ReLU, Sequential
from tests.extras import needs

pytestmark = needs("onnx")

import onnx  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

from nnmat.onnx import load, save  # noqa: E402
from nnmat.onnx.operators import table  # noqa: E402

EXPORTED = pathlib.Path(__file__).parent / "exported"
ERRORS = (nnmat.FileFormatError, nnmat.ConfigError, nnmat.ShapeError)  # the latter: several outputs, open sizes


def written(tmp_path, nodes, arrays=(), shape=("B", 4), domains=("",)):
    X = helper.make_tensor_value_info("X", TensorProto.FLOAT, list(shape))
    Y = helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["B", "M"])
    graph = helper.make_graph(nodes, "g", [X], [Y], list(arrays))
    opsets = [helper.make_opsetid(domain, 1 if domain else 17) for domain in domains]
    path = tmp_path / "model.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=opsets).SerializeToString())
    return path


def test_files_that_are_none(tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(FileNotFoundError):
        load(path)
    for content in (b"", b"\x00", b"PK\3\4", b"a" * 1000, (EXPORTED / "outputs.npz").read_bytes()[:3000]):
        path.write_bytes(content)
        with pytest.raises(nnmat.FileFormatError, match="model.onnx"):
            load(path)
    with pytest.raises(nnmat.FileFormatError, match="got a folder"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["mlp_script", "lstm_dynamo"])
def test_files_cut_short(name, tmp_path):
    content = (EXPORTED / f"{name}.onnx").read_bytes()
    for end in range(0, len(content), 97):
        (tmp_path / "model.onnx").write_bytes(content[:end])
        with pytest.raises(ERRORS):
            load(tmp_path / "model.onnx")


def test_changed_bytes_give_a_model_or_a_typed_error(tmp_path):
    rng = np.random.default_rng(7)
    contents = [(EXPORTED / f"{name}.onnx").read_bytes() for name in ("mlp_script", "residual_dynamo", "tokens_script")]
    save(Sequential([Linear(4, 3), ReLU()], (4,)), tmp_path / "own.onnx", verify=False)
    contents.append((tmp_path / "own.onnx").read_bytes())
    told: collections.Counter = collections.Counter()
    path, loaded = tmp_path / "model.onnx", 0
    for i in range(600):
        content = bytearray(contents[i % len(contents)])
        for at in rng.integers(0, len(content), rng.integers(1, 4)):
            content[at] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            load(path, layers=bool(i % 3))
            loaded += 1
        except ERRORS as error:
            told[type(error)] += 1
    assert told[nnmat.FileFormatError] > 0.9 * told.total()
    assert 0 < loaded < 600  # weights are numbers: any of them will do


def test_no_memory_for_sizes_that_are_only_claimed(tmp_path):
    huge = helper.make_tensor("W", TensorProto.FLOAT, [4, 1], [0.0] * 4)
    huge.dims[:] = [1 << 20, 1 << 20]
    shape = helper.make_tensor("S", TensorProto.INT64, [2], [1 << 30, 1 << 10])
    column = helper.make_tensor("C", TensorProto.FLOAT, [1, 50_000], [0.0] * 50_000)
    rows, last = helper.make_node("Transpose", ["C"], ["R"]), helper.make_node("MatMul", ["X", "A"], ["Y"])
    one = helper.make_tensor("S", TensorProto.INT64, [3], [1 << 40, 2, 4])
    filled = helper.make_node("ConstantOfShape", ["S"], ["W"])
    spread = helper.make_node("Expand", ["X", "S"], ["Y"])
    product = helper.make_node("MatMul", ["X", "W"], ["Y"])
    kernels = helper.make_tensor("K", TensorProto.FLOAT, [40_000, 1, 1, 1], [0.0] * 40_000)
    outer = helper.make_node("Einsum", ["C", "C"], ["A"], equation="ai,bj->ij")
    image, most = ("B", 1, 300, 300), "at most 67,108,864 numbers"
    tracemalloc.start()
    for nodes, arrays, said in (
        ([product], [huge], "array 'W' is damaged"),
        ([filled, product], [shape], "expected at most 67,108,864 numbers"),
        ([spread], [shape], "Expand: it cannot be run on"),
        ([spread], [one], "expected at most 67,108,864 numbers"),
        ([rows, helper.make_node("MatMul", ["R", "C"], ["A"]), last], [column], "at most 67,108,864 numbers"),
        ([rows, helper.make_node("Add", ["R", "C"], ["A"]), last], [column], "at most 67,108,864 numbers"),
    ):
        with pytest.raises(nnmat.FileFormatError, match=said):
            load(written(tmp_path, nodes, arrays))
    for nodes, arrays, shape in (
        *(([rows, helper.make_node(k, ["R", "C"], ["A"]), last], [column], ("B", 4)) for k in ("Max", "Pow", "PRelu")),
        ([outer, last], [column], ("B", 4)),
        ([helper.make_node("Conv", ["X", "K"], ["Y"])], [kernels], image),
        ([helper.make_node("Relu", ["X"], ["Y"])], [], ("B", 1 << 40)),
        ([helper.make_node("AveragePool", ["X"], ["Y"], kernel_shape=[60_000])], [], ("B", 1, 100_000)),
    ):
        with pytest.raises(nnmat.FileFormatError, match=most):
            load(written(tmp_path, nodes, arrays, shape))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6


def test_arrays_that_grow_from_node_to_node_end_somewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "MOST", 10_000)
    names = ["X", *(f"A{i}" for i in range(30)), "Y"]
    nodes = [helper.make_node("Concat", [a, a], [b], axis=1) for a, b in itertools.pairwise(names)]
    with pytest.raises(nnmat.FileFormatError, match=r"Concat: expected at most 10,000 numbers, got a shape of 16,384"):
        load(written(tmp_path, nodes))


def outside(location, offset=0, length=None):
    t = TensorProto(name="W", data_type=TensorProto.FLOAT, dims=[4, 3], data_location=TensorProto.EXTERNAL)
    entries = {"location": location, "offset": str(offset)} | ({} if length is None else {"length": str(length)})
    for key, value in entries.items():
        t.external_data.add(key=key, value=value)
    return t


def test_weights_in_a_file_beside_the_model(tmp_path, rng):
    W = rng.standard_normal((4, 3)).astype(np.float32)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "W.bin").write_bytes(b"12345678" + W.tobytes())
    product = helper.make_node("MatMul", ["X", "W"], ["Y"])
    model = load(written(tmp_path, [product], [outside("below/W.bin", 8, 48)]))
    X = rng.standard_normal((2, 4)).astype(np.float32)
    np.testing.assert_allclose(model.forward(X), X @ W, rtol=1e-5)
    assert [p.name for p in model.parameters()] == ["W"]
    for wrong in (outside("below/W.bin", 9, 48), outside("below/W.bin", 8, 47), outside("below/W.bin", -1, 48)):
        with pytest.raises(nnmat.FileFormatError, match="does not hold its 48 bytes"):
            load(written(tmp_path, [product], [wrong]))


def test_weights_outside_of_the_folder_are_refused(tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(b"0" * 48)
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.bin").symlink_to(secret)
    product = helper.make_node("MatMul", ["X", "W"], ["Y"])
    for location in ("../secret.bin", str(secret), "link.bin", "missing.bin", "a/../../secret.bin", ".", ""):
        with pytest.raises(nnmat.FileFormatError, match="array 'W' lies in"):
            load(written(inside, [product], [outside(location)]))


def test_what_onnx_itself_finds_wrong(tmp_path):
    twice = [helper.make_node("Relu", ["X"], ["Y"]), helper.make_node("Exp", ["X"], ["Y"])]
    with pytest.raises(nnmat.FileFormatError, match="it is not valid"):
        load(written(tmp_path, twice))
    with pytest.raises(nnmat.FileFormatError, match="it is not valid"):
        load(written(tmp_path, [helper.make_node("Relu", ["nowhere"], ["Y"])]))
    with pytest.raises(nnmat.FileFormatError, match="not supported: operator my.domain.Odd"):
        load(written(tmp_path, [helper.make_node("Odd", ["X"], ["Y"], domain="my.domain")], domains=("", "my.domain")))


def test_functions_of_the_file_are_put_in_their_places(tmp_path, rng):
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    twice = helper.make_node("Add", ["a", "a"], ["b"])
    function = helper.make_function("own", "Twice", ["a"], ["b"], [twice], opsets[:1])
    X, Y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", 4]) for name in "XY")
    graph = helper.make_graph([helper.make_node("Twice", ["X"], ["Y"], domain="own")], "g", [X], [Y])
    model = helper.make_model(graph, functions=[function], opset_imports=opsets)
    onnx.save(model, tmp_path / "model.onnx")
    A = rng.standard_normal((2, 4)).astype(np.float32)
    assert np.array_equal(load(tmp_path / "model.onnx").forward(A), 2 * A)


def test_functions_that_call_each_other_over_and_over_are_refused(tmp_path):
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    functions = [helper.make_function("own", "F0", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], opsets)]
    for i in range(1, 60):
        nodes = [helper.make_node(f"F{i - 1}", [a], [b], domain="own") for a, b in ("ac", "cb")]
        functions.append(helper.make_function("own", f"F{i}", ["a"], ["b"], nodes, opsets))
    X, Y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", 4]) for name in "XY")
    graph = helper.make_graph([helper.make_node("F59", ["X"], ["Y"], domain="own")], "g", [X], [Y])
    onnx.save(helper.make_model(graph, functions=functions, opset_imports=opsets), tmp_path / "model.onnx")
    with pytest.raises(nnmat.FileFormatError, match=r"its functions make [0-9,]+ nodes of it, more than 100,000"):
        load(tmp_path / "model.onnx")


def test_types_and_paths_that_are_none(tmp_path):
    (tmp_path / "W.bin").write_bytes(b"0" * 48)
    odd = outside("W.bin")
    odd.data_type = 99
    product = helper.make_node("MatMul", ["X", "W"], ["Y"])
    for wrong in (odd, outside("W\0.bin")):
        with pytest.raises(nnmat.FileFormatError, match="array 'W' is damaged"):
            load(written(tmp_path, [product], [wrong]))


def test_arrays_that_have_the_name_of_a_copy(tmp_path):
    """A weight that is a bound as well is stored twice, under a name that the file does not have."""
    arrays = [helper.make_tensor(name, TensorProto.FLOAT, [4], [x] * 4) for name, x in (("A", 1.0), ("A:fixed", 2.0))]
    ways = (("Pow", "X", "A", "P"), ("Mul", "P", "A:fixed", "Q"), ("Add", "Q", "A", "Y"))
    path = written(tmp_path, [helper.make_node(k, [a, b], [c]) for k, a, b, c in ways], arrays)
    assert np.array_equal(load(path).forward(np.full((1, 4), 3, np.float32)), np.full((1, 4), 7))
