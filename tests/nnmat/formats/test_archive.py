"""Model files with every byte damaged, of every length, and files that claim too much: the model, or a typed error."""

import io
import json
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

import nnmat
from nnmat import Conv2d, Dropout, Flatten, Linear, ReLU, Sequential
from nnmat.datasets import load_npz
from nnmat.formats.archive import read_arrays

MEGA = 1 << 20


def small():
    model = Sequential([Linear(2, 3), ReLU(), Dropout(0.2), Linear(3, 2, bias=False)], input_shape=(2,), seed=1)
    model[0].bias.trainable = False
    return model


def same(one, other) -> bool:
    settings = [[(p.name, p.trainable, p.decay) for p in model.parameters()] for model in (one, other)]
    buffers = one.buffers(), other.buffers()
    return (
        repr(one) == repr(other)
        and (one.dtype, one.input_shape) == (other.dtype, other.input_shape)
        and settings[0] == settings[1]
        and one.flat_parameters.tobytes() == other.flat_parameters.tobytes()
        and buffers[0].keys() == buffers[1].keys()
        and all(A.tobytes() == buffers[1][name].tobytes() for name, A in buffers[0].items())
    )


def without_list(path):
    """Make it a file of an earlier version, whose header has no list of the entries."""
    with np.load(path) as archive:
        arrays = dict(archive)
    header = json.loads(arrays["header"].tobytes())
    del header["entries"]
    rewrite(path, header, {name: A for name, A in arrays.items() if name != "header"})


def rewrite(path, header, arrays, write=np.savez):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    write(path, header=np.frombuffer(text, np.uint8), **arrays)


@pytest.fixture(params=["with a list", "of an earlier version"])
def saved(request, tmp_path):
    path = tmp_path / "model.npz"
    nnmat.save(small(), path)
    if request.param == "of an earlier version":
        without_list(path)
    assert same(nnmat.load(path), small())
    return path


def put(path, content: bytes):
    """Change the file in place: many systems wait for the disk where a file is cut to nothing and written again."""
    with open(path, "r+b") as file:
        file.write(content)
        file.truncate()


def outcome(path, whole: bytes, original) -> str:
    """Load damaged bytes: "same" or "error"; fails for another model or an error of another kind."""
    put(path, whole)
    try:
        loaded = nnmat.load(path)
    except nnmat.FileFormatError:
        return "error"
    assert same(loaded, original), "another model"
    return "same"


def test_every_flipped_byte_is_noticed_or_harmless(saved):
    whole, original = saved.read_bytes(), small()
    found = []
    for at in range(len(whole)):
        for flip in (1 << at % 8, 0xFF):
            found.append(outcome(saved, whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :], original))
    assert found.count("error") > len(found) // 2


def test_every_flipped_bit_of_the_directory_is_noticed_or_harmless(saved):
    whole, original = saved.read_bytes(), small()
    with zipfile.ZipFile(saved) as archive:
        start = archive.start_dir
    for at in range(start, len(whole)):
        for bit in range(8):
            outcome(saved, whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :], original)


def test_every_truncation_is_noticed(saved):
    whole, original = saved.read_bytes(), small()
    for length in range(len(whole)):
        assert outcome(saved, whole[:length], original) == "error"


@pytest.mark.parametrize("count", [2, 5, 9])
def test_no_flipped_bit_of_the_directory_drops_entries(tmp_path, count):
    """zipfile stops without a word where a damaged length leads out of the directory."""
    path = tmp_path / "a.npz"
    np.savez(path, **{f"array{i}": np.arange(3.0) for i in range(count)})
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        names, start = [name.removesuffix(".npy") for name in archive.namelist()], archive.start_dir
    fewer = 0
    for at in range(start, len(whole)):
        for bit in range(8):
            put(path, whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            try:
                found, _ = read_arrays(path, wanted=["array0"])
                assert found == names or len(set(found) - set(names)) == 1  # a name itself was damaged
            except nnmat.FileFormatError as error:
                fewer += f"of {count} entries" in str(error)
    assert fewer > 0


def test_random_damage_of_many_bytes(saved):
    whole, original = saved.read_bytes(), small()
    rng = np.random.default_rng(0)
    for _ in range(500):
        damaged = bytearray(whole)
        kind, at, length = rng.integers(4), int(rng.integers(len(whole))), int(rng.integers(1, 60))
        if kind == 0:
            damaged[at : at + length] = rng.bytes(length)
        elif kind == 1:
            del damaged[at : at + length]
        elif kind == 2:
            damaged[at:at] = damaged[at : at + length]
        else:
            damaged[at : at + length] = bytes(length)
        outcome(saved, bytes(damaged), original)


def test_every_flipped_bit_in_the_npy_header_of_a_large_entry_is_noticed(tmp_path):
    """NumPy stops where that header says, and zipfile compares the checksum at an entry's end only."""
    path = tmp_path / "model.npz"
    model = Sequential([Linear(300, 400, bias=False)], input_shape=(300,))
    nnmat.save(model, path)
    without_list(path)
    whole = path.read_bytes()
    start = whole.index(b"\x93NUMPY", whole.index(b"parameter/0.weight"))
    for at in range(start, start + 128):
        for bit in range(8):
            damaged = whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
            put(path, damaged)
            with pytest.raises(nnmat.FileFormatError):
                nnmat.load(path)
            if bit == at % 8:
                with pytest.raises(nnmat.FileFormatError):
                    load_npz(path, X="parameter/0.weight", y="parameter/0.weight")


def test_the_list_names_shape_dtype_and_digest(tmp_path):
    path = tmp_path / "model.npz"
    nnmat.save(small(), path)
    with np.load(path) as archive:
        listed = json.loads(archive["header"].tobytes())["entries"]
        names = set(archive.files)
    assert listed.keys() == names - {"header"}
    entry = listed["parameter/0.weight"]
    assert (entry["shape"], entry["dtype"], len(entry["sha256"])) == ([3, 2], "<f4", 64)


@pytest.mark.parametrize("change", ["value", "dtype", "extra", "missing", "swapped"])
def test_arrays_that_are_not_those_listed_are_refused(tmp_path, change):
    path = tmp_path / "model.npz"
    nnmat.save(Sequential([Linear(2, 2), Linear(2, 2)], input_shape=(2,)), path)
    with np.load(path) as archive:
        arrays = dict(archive)
    if change == "value":
        arrays["parameter/1.weight"] = arrays["parameter/1.weight"] + np.float32(1)
    elif change == "dtype":
        arrays["parameter/1.weight"] = arrays["parameter/1.weight"].astype(float)
    elif change == "extra":
        arrays["parameter/extra"] = np.zeros(3)
    elif change == "missing":
        del arrays["parameter/1.weight"]
    else:
        one, other = "parameter/0.weight", "parameter/1.weight"
        arrays[one], arrays[other] = arrays[other], arrays[one]
    np.savez(path, **arrays)
    with pytest.raises(nnmat.FileFormatError, match=r"differing entries: parameter/"):
        nnmat.load(path)


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_a_file_that_numpy_wrote_again_is_loaded(tmp_path, write):
    path = tmp_path / "model.npz"
    nnmat.save(small(), path)
    with np.load(path) as archive:
        arrays = {name: np.asfortranarray(A) for name, A in archive.items()}
    write(path, **arrays)
    assert same(nnmat.load(path), small())


# ---- files that claim too much --------------------------------------------------------------------------------------


def header_of(architecture, input_shape, parameters=()):
    return {
        "format": "nnmat model",
        "version": 1,
        "architecture": architecture,
        "input_shape": input_shape,
        "dtype": "float32",
        "parameters": {name: {"trainable": True, "decay": True} for name in parameters},
    }


def chain(*layers):
    return {"type": "Sequential", "layers": list(layers)}


def linear(n, m, initializer="glorot_uniform"):
    return {"type": "Linear", "in_features": n, "out_features": m, "weight_initializer": initializer}


def entry(archive, name, shape, content, compress=zipfile.ZIP_STORED, descr="<f4"):
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": descr, "fortran_order": False, "shape": shape})
    archive.writestr(f"{name}.npy", head.getvalue() + content, compress)


LARGE = {
    "a large layer": (chain(linear(50_000, 50_000)), [50_000]),
    "of zeros": (chain(linear(50_000, 50_000, "zeros")), [50_000]),
    "behind a small one": (chain(linear(2, 3), linear(3, 900_000_000)), [2]),
    "with the width of the input": (chain({"type": "Linear", "in_features": None, "out_features": 50_000}), [50_000]),
    "with a width that wraps": (chain(linear(2**62, 16)), [2**62]),
    "a convolution": (
        chain({"type": "Conv2d", "in_channels": 3000, "out_channels": 3000, "kernel_size": [30, 30]}),
        [40, 40, 3000],
    ),
    "of many layers": (chain(*[linear(5000, 5000)] * 100), [5000]),
}


@pytest.mark.parametrize("claim", ["no arrays", "small arrays", "a header of the shape"])
@pytest.mark.parametrize("case", LARGE)
def test_shapes_are_compared_before_memory_is_taken(tmp_path, case, claim):
    architecture, input_shape = LARGE[case]
    path = tmp_path / "model.npz"
    arrays = {} if claim == "no arrays" else {"parameter/0.weight": np.zeros((2, 2), np.float32)}
    rewrite(path, header_of(architecture, input_shape, arrays), arrays)
    if claim == "a header of the shape":
        with zipfile.ZipFile(path, "a") as archive:
            entry(archive, "parameter/0.bias", (50_000, 50_000), bytes(16))
    assert path.stat().st_size < 20_000
    started = time.perf_counter()
    tracemalloc.start()
    with pytest.raises(nnmat.FileFormatError):
        nnmat.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * MEGA
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("method", ["DEFLATED", "BZIP2", "LZMA"])
@pytest.mark.parametrize("name", ["unknown", "callback/0/x", "parameter/0.weight", "buffer/x", "header"])
def test_a_small_file_takes_little_memory(tmp_path, name, method):
    path = tmp_path / "model.npz"
    nnmat.save(small(), path)
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays.pop(name, None)
    np.savez(path, **arrays)
    count = 64 * MEGA
    with zipfile.ZipFile(path, "a") as archive:
        entry(archive, name, (count,), bytes(count), getattr(zipfile, f"ZIP_{method}"), "|u1")
    assert path.stat().st_size < MEGA // 4
    tracemalloc.start()
    with pytest.raises(nnmat.FileFormatError, match="not a complete nnmat model file"):
        nnmat.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * MEGA


def test_sizes_that_an_entry_cannot_have_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    for shape, descr in (
        ((2**62, 2**62, 0), "<f4"),
        ((0, 2**63), "<f4"),
        ((-2, -2), "<f4"),
        ((2**40,), "<f8"),
        ((3,), "|O"),
    ):
        with zipfile.ZipFile(path, "w") as archive:
            entry(archive, "X", shape, bytes(16), descr=descr)
        with pytest.raises(nnmat.FileFormatError):
            read_arrays(path)
        with pytest.raises(nnmat.FileFormatError):
            load_npz(path, X="X", y="X")


# ---- headers of all kinds -------------------------------------------------------------------------------------------

GOOD = chain(linear(2, 3))
DEEP = b"[" * 100_000 + b"]" * 100_000


def nested(depth):
    text = '{"type": "Sequential", "layers": [' * depth + json.dumps(linear(2, 3)) + "]}" * depth
    return json.dumps(header_of("@", [2])).replace('"@"', text).encode()


HEADERS = {
    "no JSON": b"hello",
    "no UTF-8": b"\xff\xfe\x00",
    "empty": b"",
    "deep": DEEP,
    "a deep architecture": json.dumps(header_of("@", [2])).encode().replace(b'"@"', DEEP),
    "deep layers": nested(400),
    "very deep layers": nested(20_000),
    "a number of 5000 digits": b'{"format": "nnmat model", "version": ' + b"1" * 5000 + b"}",
    "a list": [1, 2],
    "a text": "nnmat model",
    "null": None,
    "another format": {"format": "x", "version": 1},
    "another version": {"format": "nnmat model", "version": 2},
    "no version": {"format": "nnmat model"},
    "nothing more": {"format": "nnmat model", "version": 1},
    "architecture null": header_of(None, [2]),
    "architecture a list": header_of([GOOD], [2]),
    "architecture a text": header_of("Linear", [2]),
    "architecture a number": header_of(3, [2]),
    "no type": header_of({"layers": []}, [2]),
    "a type that is a list": header_of({"type": ["Linear"]}, [2]),
    "a type that is null": header_of({"type": None}, [2]),
    "an unknown type": header_of({"type": "Lin"}, [2]),
    "the abstract type": header_of({"type": "Layer"}, [2]),
    "unknown arguments": header_of({"type": "Linear", "x": 1}, [2]),
    "layers that are none": header_of(chain(1, 2), [2]),
    "no layers": header_of(chain(), [2]),
    "layers a number": header_of({"type": "Sequential", "layers": 5}, [2]),
    "a fraction of features": header_of(chain(linear(2.5, 3)), [2]),
    "infinite features": header_of(chain(linear(2, float("inf"))), [2]),
    "features beyond all": header_of(chain(linear(2, 10**400)), [2]),
    "negative features": header_of(chain(linear(2, -3)), [2]),
    "features a text": header_of(chain(linear("2", 3)), [2]),
    "an unknown initializer": header_of(chain(linear(2, 3, "x")), [2]),
    "an initializer of another kind": header_of(chain(linear(2, 3, {"a": 1})), [2]),
    "an input shape null": header_of(GOOD, None),
    "an input shape of text": header_of(GOOD, "2"),
    "an input shape of fractions": header_of(GOOD, [2.0]),
    "an input shape beyond all": header_of(GOOD, [10**30]),
    "a negative input shape": header_of(GOOD, [-2]),
    "a deep input shape": json.dumps(header_of(GOOD, "@")).encode().replace(b'"@"', b"[" * 900 + b"]" * 900),
    "another input shape": header_of(GOOD, [3]),
    "an unknown dtype": header_of(GOOD, [2]) | {"dtype": "nope"},
    "a dtype of objects": header_of(GOOD, [2]) | {"dtype": "O"},
    "a dtype of integers": header_of(GOOD, [2]) | {"dtype": "int32"},
    "a dtype that is a list": header_of(GOOD, [2]) | {"dtype": ["f4"]},
    "a dtype that is null": header_of(GOOD, [2]) | {"dtype": None},
    "another dtype": header_of(GOOD, [2]) | {"dtype": "float64"},
    "settings null": header_of(GOOD, [2]) | {"parameters": None},
    "settings a list": header_of(GOOD, [2]) | {"parameters": []},
    "settings of nobody": header_of(GOOD, [2]) | {"parameters": {}},
    "settings in words": header_of(GOOD, [2])
    | {"parameters": {f"0.{kind}": {"trainable": "no", "decay": "no"} for kind in ("weight", "bias")}},
    "a list of entries of another kind": header_of(GOOD, [2]) | {"entries": []},
    "a list of no entries": header_of(GOOD, [2]) | {"entries": {}},
    "a list of other entries": header_of(GOOD, [2]) | {"entries": {"a": 1, "b": None}},
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_that_cannot_be_used_is_a_typed_error(tmp_path, case):
    path = tmp_path / "model.npz"
    arrays = {"parameter/0.weight": np.zeros((3, 2), np.float32), "parameter/0.bias": np.zeros(3, np.float32)}
    rewrite(path, HEADERS[case], arrays)
    with pytest.raises(nnmat.FileFormatError, match=r"^load: .*model\.npz"):
        nnmat.load(path)


def test_the_good_header_of_these_cases_is_loaded(tmp_path):
    path = tmp_path / "model.npz"
    arrays = {"parameter/0.weight": np.ones((3, 2), np.float32), "parameter/0.bias": np.zeros(3, np.float32)}
    rewrite(path, header_of(GOOD, [2], ["0.weight", "0.bias"]), arrays)
    assert nnmat.load(path).flat_parameters.sum() == 6


def test_images_without_parameters_take_nothing(tmp_path):
    path = tmp_path / "model.npz"
    nnmat.save(Sequential([ReLU(), Flatten()], input_shape=(10**6, 10**6, 3)), path)
    assert nnmat.load(path).input_shape == (10**6, 10**6, 3)
    nnmat.save(Sequential([Conv2d(1, 2, 3, method="khat")], input_shape=(200, 200, 1)), path)
    assert nnmat.load(path).output_shape((200, 200, 1)) == (198, 198, 2)


@pytest.mark.parametrize("path", [None, 3, "a\0b", b"a\0b.npz", ""])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(nnmat.ConfigError, match="load: expected a path"):
        nnmat.load(path)
    with pytest.raises(nnmat.ConfigError, match="save: expected a path"):
        nnmat.save(small(), path)
