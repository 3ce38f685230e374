"""safetensors files: round trips, every malformed kind, and mutated files beside the reference reader."""

import json
import os
import re

import numpy as np
import pytest

import nnmat
from nnmat import BatchNorm2d, Conv2d, Dropout, Flatten, Linear, ReLU, Sequential
from nnmat.formats.safe_tensors import DTYPES, HALF, layout, read_tensors, write_tensors
from tests.composites import Sandwich, Transposed
from tests.extras import needs

pytestmark = needs("safetensors")
MUTATIONS = int(os.environ.get("NNMAT_MUTATIONS", "1000"))


def file(header, data: bytes = b"", length: int | None = None, pad: bytes = b"") -> bytes:
    """A file with a header, given as a dict, a text or bytes, whatever sense it makes."""
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    text += pad
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(2, 2), start=0, end=16, **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end], **more}


def bare(header: str) -> bytes:
    return file(header, bytes(16))


def accepted(content: bytes) -> bool:
    """The verdict of the reference reader."""
    from safetensors import SafetensorError, deserialize

    try:
        deserialize(content)
    except (SafetensorError, Exception):
        return False
    return True


TEXT = json.dumps({"a": entry()})
DEEP = '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"
# What the format's own readers are tested with, each kind made here, and more of the kind: (file, what is said).
MALFORMED = {
    "no byte": (b"", "it has 0 bytes"),
    "less than the length": (b"\x08\0\0\0\0\0\0", "it has 7 bytes"),
    "a length and nothing else": (file(b"", length=60), "header has 60 bytes, 0 follow"),
    "a length beyond the file": (file({"a": entry()}, bytes(16), length=1000), "has 1,000 bytes, [0-9]+ follow"),
    "a length over the limit": (file(TEXT, bytes(16), length=100_000_001), "the format allows 100,000,000"),
    "a length of 2^64 - 1": (file(TEXT, bytes(16), length=2**64 - 1), "the format allows 100,000,000"),
    "a length of 0": (file(b"", bytes(16)), "starts with b'' at byte 8"),
    "a length that cuts the header": (file(TEXT, bytes(16), length=len(TEXT) - 1), "no JSON: .* at byte"),
    "a length into the data": (file(TEXT, bytes(16), length=len(TEXT) + 4), "stands something else than spaces"),
    "no UTF-8": (file(b'{"\xff": 1}'), "no UTF-8 at byte 10"),
    "one byte that is no UTF-8": (file(b"\xff"), r"starts with b'\\xff'"),
    "no JSON": (file(b"{"), "no JSON: .* at byte 9"),
    "a list": (file(b"[]"), r"starts with b'\['"),
    "a byte order mark": (file(b"\xef\xbb\xbf" + TEXT.encode(), bytes(16)), "starts with"),
    "padding of zeros": (file(TEXT, bytes(16), pad=b"\0\0\0"), "stands something else than spaces"),
    "a second header": (file(TEXT + TEXT, bytes(16)), "stands something else than spaces"),
    "nested without end": (file(DEEP), "nested deeper|needs dtype"),
    "trailing bytes": (file(TEXT, bytes(16) + b"another file"), "12 bytes follow that belong to none"),
    "two bytes missing": (file(TEXT, bytes(14)), "the tensors end at 16 of 14 bytes"),
    "tensors on one place": (
        file({f"weight_{i}": entry() for i in range(10)}, bytes(16)),
        "'weight_1' starts at 0 of the data and overlaps tensor 'weight_0', which ends at 16",
    ),
    "tensors that overlap": (
        file({"a": entry(), "b": entry(start=12, end=28)}, bytes(28)),
        "'b' starts at 12 .* overlaps tensor 'a', which ends at 16",
    ),
    "a hole": (file({"a": entry(), "b": entry(start=20, end=36)}, bytes(36)), "'b' starts at 20 .* hole .* at 16"),
    "a hole at the start": (file({"a": entry(start=4, end=20)}, bytes(20)), "'a' starts at 4 .* hole behind its start"),
    "an end before its start": (file({"a": entry(start=16, end=0)}, bytes(16)), r"are \[16, 0\], no start and end"),
    "fewer bytes than the shape": (file({"a": entry(end=4)}, bytes(4)), r"has 4 bytes \(0 to 4\), F32 of shape"),
    "more bytes than the shape": (file({"a": entry(end=20)}, bytes(20)), "has 20 bytes .* takes 16"),
    "another dtype's bytes": (file({"a": entry("F64")}, bytes(16)), "F64 of shape .* takes 32"),
    "a shape that wraps": (file({"a": entry(shape=(2, 2**64 - 2))}, bytes(16)), "more elements than a file can hold"),
    "bytes that wrap": (file({"a": entry(shape=(2, 2**63 - 1))}, bytes(16)), "more elements than a file can hold"),
    "a product that wraps to 16 bytes": (file({"a": entry(shape=(2**62 + 1, 4))}, bytes(16)), "more elements"),
    "a product that wraps before a 0": (file({"a": entry(shape=(2**40, 2**40, 0), end=0)}), "more elements"),
    "an unknown dtype": (file({"a": entry("F31")}, bytes(16)), "dtype 'F31', which is not known"),
    "a dtype in small letters": (file({"a": entry("f32")}, bytes(16)), "dtype 'f32', which is not known"),
    "a dtype of another library": (file({"a": entry("float32")}, bytes(16)), "which is not known"),
    "a key of a tensor twice": (
        bare('{"a":{"dtype":"F32","dtype":"F32","shape":[4],"data_offsets":[0,16]}}'),
        "has the key 'dtype' twice",
    ),
    "no text as dtype": (file({"a": entry(3)}, bytes(16)), "dtype 3, which is not known"),
    "a negative size": (bare('{"a":{"dtype":"F32","shape":[-2,-2],"data_offsets":[0,16]}}'), "'-2', where .* whole"),
    "a size with a point": (bare('{"a":{"dtype":"F32","shape":[2.0,2],"data_offsets":[0,16]}}'), "'2.0', where"),
    "a size with an exponent": (bare('{"a":{"dtype":"F32","shape":[2e0,2],"data_offsets":[0,16]}}'), "'2e0', where"),
    "a size as text": (file({"a": entry(shape=("2", 2))}, bytes(16)), "no list of at most 64 numbers"),
    "a size of true": (file({"a": entry(shape=(True, 4))}, bytes(16)), "no list of at most 64 numbers"),
    "no list as shape": (file({"a": entry() | {"shape": 4}}, bytes(16)), "no list of at most 64 numbers"),
    "a number of 5,000 digits": (bare('{"a":{"dtype":"F32","shape":[' + "9" * 5000 + "]}}"), "whole numbers of 0 to"),
    "minus zero": (bare('{"a":{"dtype":"F32","shape":[],"data_offsets":[-0,4]}}'), "'-0', where"),
    "a leading zero": (bare('{"a":{"dtype":"F32","shape":[02,2],"data_offsets":[0,16]}}'), "no JSON"),
    "no number": (bare('{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,16]}}'), "'NaN', which is no JSON"),
    "three offsets": (file({"a": entry() | {"data_offsets": [0, 8, 16]}}, bytes(16)), "no start and end"),
    "one offset": (file({"a": entry() | {"data_offsets": [16]}}, bytes(16)), "no start and end"),
    "no offsets": (file({"a": {"dtype": "F32", "shape": [4]}}, bytes(16)), "needs dtype, shape and data_offsets"),
    "no shape": (file({"a": {"dtype": "F32", "data_offsets": [0, 16]}}, bytes(16)), "needs dtype, shape"),
    "null as tensor": (file({"a": None}), "needs dtype.* it has NoneType"),
    "metadata of numbers": (file({"__metadata__": {"a": 1}}), "not a map of texts to texts"),
    "metadata as text": (file({"__metadata__": "a"}), "not a map of texts to texts"),
    "half a surrogate pair": (file(b'{"\\ud800":' + json.dumps(entry()).encode() + b"}", bytes(16)), "surrogate"),
    "a control character": (bare(TEXT.replace('"a"', '"a\n"')), "no JSON"),
    "single quotes": (bare(TEXT.replace('"', "'")), "no JSON"),
    "a comma too many": (bare(TEXT[:-1] + ",}"), "no JSON"),
    "a comment": (bare(TEXT[:-1] + "/* */}"), "no JSON"),
    "of another kind: a zip file": (b"PK\x03\x04" + bytes(60), "has 67,324,752 bytes"),
    "of another kind: pickle": (b"\x80\x04\x95\x0b" + bytes(60), "format allows|starts with"),
}
# What the reference reads and this reader does not, and what it says: two readers could read these files in two ways.
STRICTER = {
    "a key twice": (bare(TEXT[:-1] + ',"a":' + json.dumps(entry(shape=(4,))) + "}"), "has the key 'a' twice"),
    "a list as tensor": (file({"a": ["F32", [2, 2], [0, 16]]}, bytes(16)), "needs dtype.* it has list"),
    "a key that the format does not have": (file({"a": entry(strides=[1, 2])}, bytes(16)), "and nothing else"),
    "no metadata": (file({"__metadata__": None, "a": entry()}, bytes(16)), "not a map of texts"),
    "other white space behind": (file(TEXT, bytes(16), pad=b"\r\t\n"), "stands something else than spaces"),
    "white space first": (bare("\t\n" + TEXT), "starts with"),
    "eight bits": (file({"a": entry("F8_E4M3", end=4)}, bytes(4)), "'F8_E4M3', which NumPy cannot hold"),
    "four bits": (file({"a": entry("F4", end=2)}, bytes(2)), "'F4', which NumPy cannot hold"),
    "more axes than NumPy's": (file({"a": entry(shape=[1] * 65, end=4)}, bytes(4)), "at most 64 numbers"),
    "more elements than 2^63 bytes in an empty one": (
        file({"a": entry(shape=(0, 2**62), end=0)}),
        "more elements than a file can hold",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_the_reference_refuses_is_refused_with_the_place(case, tmp_path):
    content, said = MALFORMED[case]
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(nnmat.FileFormatError, match=rf"^read_tensors: .*a\.safetensors is not a complete .*: .*{said}"):
        read_tensors(path)
    assert not accepted(content)


@pytest.mark.parametrize("case", STRICTER)
def test_what_is_refused_beyond_the_reference(case):
    content, said = STRICTER[case]
    assert accepted(content)
    with pytest.raises(nnmat.FileFormatError, match=said):
        layout(content)


def test_the_malformed_kinds_are_at_least_those_of_the_format():
    assert len(MALFORMED) >= 27


@pytest.mark.parametrize(
    "content",
    [
        file({}),
        file({"__metadata__": {"a": "b"}}),
        file(TEXT, bytes(16), pad=b"      "),
        file({"a": entry(shape=(), end=4)}, bytes(4)),
        file({"a": entry(shape=(2, 0), end=0)}),
        file({"b": entry(start=16, end=32), "a": entry()}, bytes(32)),
        file({"a": entry(shape=(0,), end=0), "b": entry()}, bytes(16)),
        file({"": entry(), "ä/ö \u0000": entry("I8", start=16, end=20)}, bytes(20)),
        file({"a": entry("C64", (2,))}, bytes(16)),
    ],
)
def test_odd_files_that_are_right(content, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    assert accepted(content)
    metadata, arrays = read_tensors(path)
    assert metadata in ({}, {"a": "b"})
    for A in arrays.values():
        assert not A.any()


def whole() -> bytes:
    """A file with metadata, four kinds of numbers, an empty tensor and a scalar, the same each time."""
    rng = np.random.default_rng(0)
    header = {"__metadata__": {"format": "np", "text": '{"a": [1, 2]}'}, "count": entry("I64", (), 0, 8)}
    header |= {"0.bias": entry("F64", (3,), 8, 32), "0.weight": entry("F32", (3, 2), 32, 56)}
    header |= {"none": entry("F32", (2, 0), 56, 56), "mask": entry("BOOL", (2,), 56, 58)}
    return file(json.dumps(header, separators=(",", ":")), rng.bytes(58), pad=b"    ")


TOKENS = [b"0", b"1", b"16", b"-1", b"1e3", b"2.0", b"null", b"true", b'"F64"', b'"F16"', b'"BF16"', b'"U8"', b'"BOOL"']
TOKENS += [b'"shape"', b'"dtype"', b'"data_offsets"', b"[]", b"{}", b",", b":", b"[", b"}", b'"', b"\\", b" ", b"\t"]
TOKENS += [b"18446744073709551615", b"9223372036854775807", b"\\u0000", b"\\ud800", b"\xff", b"\0", b'"0.bias"']


# Changes that a header may survive: what is looked for, and what takes its place.
CHANGES = [
    (rb"[,:]", rb"\g<0> "),
    (rb"[\[{]", rb"\g<0>\n"),
    (rb'"F32"', rb'"I32"'),
    (rb'"(F64|I64)"', rb'"U64"'),
    (rb'"(F64|I64)"', rb'"C64"'),
    (rb'"BOOL"', rb'"F8_E5M2"'),
    (rb'"BOOL"', rb'"U8"'),
    (rb"\[3,2\]", rb"[2,3]"),
    (rb"\[3,2\]", rb"[6]"),
    (rb"\[3,2\]", rb"[1,6,1]"),
    (rb"\[2,0\]", rb"[0]"),
    (rb"\[2,0\]", rb"[0,18446744073709551615]"),
    (rb'"dtype"', rb'"more":[{"a":null}],"dtype"'),
    (rb'"shape":\[3,2\],', rb'"shape":[3,2],"shape":[3,2],'),
    (rb'"mask"', rb'"none"'),
    (rb'"0\.', rb'"1.'),
    (rb'"count"', rb'"\\u0063ount"'),
    (rb'"format":"np"', rb'"format":"np","format":"pt"'),
    (rb'"__metadata__":\{[^}]*\}', rb'"__metadata__":null'),
    (rb'"__metadata__"', rb'"metadata"'),
    (rb"\}\s*$", rb"} \n"),
    (rb"\}\s*$", rb"}        "),
    (rb'\{"dtype":("\w+"),"shape":(\S+?),"data_offsets":(\S+?)\}', rb"[\1,\2,\3]"),
]


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """One or two changes: of bits, bytes, tokens and whole parts of the header, of its length, of the data's end."""
    found = content
    for _ in range(rng.integers(1, 3)):
        length = int.from_bytes(found[:8], "little")
        header, data = found[8 : 8 + length], found[8 + length :]
        at, kind = int(rng.integers(len(header) + 1)), rng.integers(10)
        if kind == 0:
            header = header[:at] + bytes(b ^ 1 << int(rng.integers(8)) for b in header[at : at + 1]) + header[at + 1 :]
        elif kind == 1:
            header = header[:at] + TOKENS[rng.integers(len(TOKENS))] + header[at:]
        elif kind == 2:
            header = header[:at] + header[at + int(rng.integers(1, 12)) :]
        elif kind == 3:
            parts = list(re.finditer(rb'"[^"]*"|\d+|[\[\]{}:,]', header)) or [re.match(b"", b"")]
            part = parts[rng.integers(len(parts))]
            header = header[: part.start()] + TOKENS[rng.integers(len(TOKENS))] + header[part.end() :]
        elif kind == 4:
            numbers = list(re.finditer(rb"\d+", header)) or [re.match(b"", b"0")]
            part = numbers[rng.integers(len(numbers))]
            value = max(int(part[0] or 0) + int(rng.integers(-8, 9)), 0)
            header = header[: part.start()] + str(value).encode() + header[part.end() :]
        elif kind == 5:
            data = data[: len(data) - int(rng.integers(9))] + rng.bytes(rng.integers(9))
        elif kind == 6:
            parts = re.findall(rb'"[^"]+":\{[^{}]*\}', header)
            if len(parts) > 1:  # two entries change their places
                one, other = (parts[i] for i in rng.choice(len(parts), 2, replace=False))
                header = header.replace(one, b"\1").replace(other, one).replace(b"\1", other)
        else:
            old, new = CHANGES[rng.integers(len(CHANGES))]
            header = re.sub(old, new, header, count=int(rng.integers(3)))
        shift = 0 if rng.random() < 0.9 else int(rng.integers(-9, 10))
        found = max(len(header) + shift, 0).to_bytes(8, "little") + header + data
        if rng.random() < 0.05:
            found = found[: int(rng.integers(8, len(found)))]
    return found


def verdict(content: bytes):
    """The tensors, or why there are none."""
    try:
        return layout(content)[1], ""
    except nnmat.FileFormatError as error:
        return {}, str(error)


def test_mutated_files_have_the_verdict_of_the_reference_or_a_stricter_one():
    """NNMAT_MUTATIONS=10000 for the row of the evidence."""
    from safetensors import deserialize

    rng, original = np.random.default_rng(17), whole()
    both = neither = stricter = 0
    reasons = re.sub(r"'(a|F4|F8_E4M3)'", r"'[^']*'", "|".join(said for _, said in STRICTER.values()))
    for _ in range(MUTATIONS):
        content = mutated(original, rng)
        known = accepted(content)
        tensors, said = verdict(content)
        if said:
            neither += not known
            stricter += known
            assert not known or re.search(reasons, said), f"{said}\n{content!r}"
            continue
        assert known, content
        both += 1
        theirs = dict(deserialize(content))
        assert tensors.keys() == theirs.keys()
        start = 8 + int.from_bytes(content[:8], "little")
        for name, tensor in tensors.items():
            assert (tensor.dtype, list(tensor.shape)) == (theirs[name]["dtype"], theirs[name]["shape"])
            assert content[start + tensor.start : start + tensor.end] == bytes(theirs[name]["data"])
    print(f"safetensors: {both} taken by both, {neither} refused by both, {stricter} refused here only")
    assert both + neither + stricter == MUTATIONS
    assert min(both, neither, stricter) > 0.05 * MUTATIONS


# ---- arrays ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in DTYPES if name not in HALF])
def test_arrays_of_every_type(tmp_path, name, rng):
    path = tmp_path / "a.safetensors"
    A = rng.integers(0, 2 if name == "BOOL" else 100, (3, 4)).astype(DTYPES[name])
    write_tensors(path, {"a": "b"}, {"x": A, "y": A[0, 0], "z": A.T[:, :0]})
    metadata, found = read_tensors(path)
    assert metadata == {"a": "b"}
    assert {key: B.dtype for key, B in found.items()} == dict.fromkeys("xyz", A.dtype)
    np.testing.assert_array_equal(found["x"], A)
    assert found["y"].shape == ()
    assert found["z"].shape == (4, 0)


def test_arrays_in_any_layout(tmp_path, rng):
    A = rng.standard_normal((3, 4))
    layouts = {"turned": A.T, "big": A.astype(">f8"), "strided": A[::2, ::-1], "both": A.astype(">f4").T}
    write_tensors(tmp_path / "a.safetensors", {}, layouts)
    for name, B in read_tensors(tmp_path / "a.safetensors")[1].items():
        assert B.dtype.isnative
        np.testing.assert_array_equal(B, layouts[name], err_msg=name)


@pytest.mark.parametrize("kind", ["F16", "BF16"])
def test_half_precision_is_refused_or_read_as_float32(tmp_path, kind, rng):
    path = tmp_path / "a.safetensors"
    bits = rng.integers(0, 2**16, 64).astype("<u2")
    path.write_bytes(file({"a": entry(kind, (8, 8), end=128)}, bits.tobytes()))
    with pytest.raises(nnmat.DtypeError, match=rf"got {HALF[kind]} for 'a' .* Pass half=True to read them as float32"):
        read_tensors(path)
    _, found = read_tensors(path, half=True)
    assert found["a"].dtype == np.float32
    expected = bits.view("<f2").astype(np.float32) if kind == "F16" else (bits.astype("<u4") << 16).view("<f4")
    np.testing.assert_array_equal(found["a"], expected.reshape(8, 8))
    model = Sequential([Linear(8, 8, bias=False)], input_shape=(8,))
    path.write_bytes(file({"0.weight": entry(kind, (8, 8), end=128)}, bytes([0, 0x3C] * 64)))
    with pytest.raises(nnmat.DtypeError, match="^load_state: .*half=True"):
        nnmat.load_state(model, path)
    nnmat.load_state(model, path, half=True)
    assert (model[0].weight.value == (1 if kind == "F16" else 0.0078125)).all()


@pytest.mark.parametrize("A", [np.array(["a"]), np.array([None]), np.zeros(2, np.longdouble), np.zeros(2, np.float16)])
def test_arrays_that_cannot_be_written(tmp_path, A):
    with pytest.raises(nnmat.DtypeError, match="^save: expected 'x' as numbers that safetensors can hold"):
        write_tensors(tmp_path / "a.safetensors", {}, {"x": A})
    assert not list(tmp_path.iterdir())


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(nnmat.ConfigError, match=r"ends in \.safetensors"):
        write_tensors(tmp_path / "a.npz", {}, {})


# ---- models ---------------------------------------------------------------------------------------------------------


def model(seed=1, dtype=np.float32):
    layers = [Conv2d(1, 2, 3), BatchNorm2d(2), Sequential([ReLU(), Dropout(0.2)]), Flatten(), Linear(None, 3)]
    return Sequential(layers, input_shape=(5, 5, 1), seed=seed, dtype=dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_there_and_back(tmp_path, dtype):
    path, original = tmp_path / "m.safetensors", model(dtype=dtype)
    original[0].bias.trainable = False
    X = np.random.default_rng(0).standard_normal((2, 5, 5, 1)).astype(dtype)
    original.forward(X, training=True)
    nnmat.save(original, path)
    loaded = nnmat.load(path)
    assert loaded.summary() == original.summary()
    assert loaded.dtype == dtype
    assert [p.trainable for p in loaded.parameters()] == [p.trainable for p in original.parameters()]
    assert loaded.flat_parameters.tobytes() == original.flat_parameters.tobytes()
    for name, A in original.buffers().items():
        assert A.tobytes() == loaded.buffers()[name].tobytes()
    assert np.array_equal(loaded.forward(X, training=True), original.forward(X, training=True))  # same dropout mask


def test_other_libraries_find_plain_names(tmp_path):
    from safetensors.numpy import load_file

    original = model()
    nnmat.save(original, tmp_path / "m.safetensors")
    found = load_file(tmp_path / "m.safetensors")
    expected = {p.name: p.value for p in original.parameters()} | original.buffers()
    assert found.keys() == expected.keys()
    for name, A in expected.items():
        np.testing.assert_array_equal(found[name], A)


def test_states_of_others(tmp_path):
    from safetensors.numpy import save_file

    source, twin = model(1), model(2)
    state = {p.name: p.value for p in source.parameters()} | source.buffers()
    save_file(state, tmp_path / "theirs.safetensors")
    nnmat.load_state(twin, tmp_path / "theirs.safetensors")
    assert twin.flat_parameters.tobytes() == source.flat_parameters.tobytes()
    with pytest.raises(nnmat.FileFormatError, match=r"^load: .* no architecture: nnmat\.save did not write it. Build"):
        nnmat.load(tmp_path / "theirs.safetensors")
    save_file({"0.weight": state["0.weight"]}, tmp_path / "part.safetensors")
    with pytest.raises(nnmat.ConfigError, match="partial=True"):
        nnmat.load_state(twin, tmp_path / "part.safetensors")
    nnmat.load_state(twin, tmp_path / "part.safetensors", partial=True)
    nnmat.save(source, tmp_path / "ours.safetensors")
    nnmat.load_state(model(3), tmp_path / "ours.safetensors")


def test_no_flipped_bit_gives_another_model(tmp_path):
    path = tmp_path / "m.safetensors"
    original = Sequential([Linear(2, 3), ReLU(), Dropout(0.2), Linear(3, 2, bias=False)], input_shape=(2,), seed=1)
    nnmat.save(original, path)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    noticed = 0
    for at in [*range(8), *rng.choice(len(content), 300, replace=False)]:
        damaged = bytearray(content)
        damaged[at] ^= 1 << int(rng.integers(8))
        with open(path, "r+b") as handle:
            handle.write(damaged)
        try:
            loaded = nnmat.load(path)
        except nnmat.FileFormatError:
            noticed += 1
        else:
            assert loaded.flat_parameters.tobytes() == original.flat_parameters.tobytes()
            assert repr(loaded) == repr(original)
    assert noticed > 270
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(nnmat.FileFormatError):
            nnmat.load(path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": "nnmat model"}', '{"format": 1, "version": 1, "entries": {}}']
)
def test_damaged_headers_of_a_model(tmp_path, text):
    path = tmp_path / "m.safetensors"
    write_tensors(path, {"nnmat": text}, {})
    with pytest.raises(nnmat.FileFormatError, match=r"^load: .*m\.safetensors (is not a complete nnmat|has format)"):
        nnmat.load(path)


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    nnmat.save(model(), path)
    before = path.read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"m\.safetensors needs [\d,]+ bytes"):
        nnmat.save(model(2), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


def test_names_that_cannot_stand_beside_each_other(tmp_path, rng):
    kept = Sandwich(3).build((5,))
    nnmat.save(kept, tmp_path / "m.safetensors")
    loaded = nnmat.load(tmp_path / "m.safetensors", layers=[Sandwich, Transposed])
    np.testing.assert_array_equal(loaded.flat_parameters, kept.flat_parameters)

    class Twice(Linear):
        def own_buffers(self):
            return {"weight": np.zeros(2)}

    with pytest.raises(nnmat.ConfigError, match=r"^save: a parameter and a buffer of one name .* or write \.npz"):
        nnmat.save(Sequential([Twice(2, 3)], input_shape=(2,)), tmp_path / "n.safetensors")


def test_without_the_package(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    nnmat.save(model(), path)
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    monkeypatch.setitem(__import__("sys").modules, "safetensors.numpy", None)
    for call in (lambda: nnmat.load(path), lambda: nnmat.save(model(), path)):
        with pytest.raises(nnmat.MissingExtraError, match=r"pip install 'nnmat\[safetensors\]'"):
            call()
