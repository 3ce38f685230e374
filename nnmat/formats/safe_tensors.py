"""Files of the format safetensors: eight bytes with the length of the header, the header (JSON), the tensors' bytes.

What is read is checked here first, to the last byte, and then by the reference reader of the package `safetensors`
(extra `safetensors`): a file is taken if both take it. This reader is the stricter one, and says where the fault is.
Beyond what the reference refuses it refuses what two readers could read in two ways: a key that stands twice or that
the format does not have, other white space than spaces behind the header, `null` for no metadata, half a surrogate pair
in a name, shapes whose product wraps or that NumPy cannot have; and types of numbers that NumPy has not.

Reference: the format's description, https://huggingface.co/docs/safetensors.
"""

import json
import math
import os
from typing import Any, NamedTuple

import numpy as np

from ..errors import ConfigError, DtypeError, FileFormatError
from ..extras import extra
from .atomic import atomic_write
from .paths import as_path, existing_file

SUFFIX = ".safetensors"
MOST_HEADER = 100_000_000  # bytes: the format's own limit
MOST_AXES = 64  # of a NumPy array
KEYS = ("dtype", "shape", "data_offsets")
DTYPES = {
    "BOOL": np.dtype("?"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "C64": np.dtype("<c8"),
    "BF16": np.dtype("<u2"),  # the upper halves of float32 numbers
}
HALF = {"F16": "float16", "BF16": "bfloat16"}
FOREIGN = {"F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F6_E2M3", "F6_E3M2", "F4"}


class Tensor(NamedTuple):
    """What the header says of a tensor: its place is counted from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_tensors(
    path: str | bytes | os.PathLike, *, half: bool = False, who: str = "read_tensors"
) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The metadata and the tensors of a file, by their names, in the order of their places.

    `half`: read float16 and bfloat16 as float32, which holds all of their numbers; without, they are refused, for
    they were rounded to 11 and 8 binary digits. Raises FileNotFoundError; FileFormatError with the place of the fault;
    DtypeError (half precision); MissingExtraError.
    """
    path = existing_file(who, path)
    content = path.read_bytes()
    try:
        metadata, tensors = layout(content)
    except FileFormatError as error:
        raise FileFormatError(f"{who}: {path} is not a complete safetensors file: {error}") from None
    library = extra("safetensors", who, "safetensors")
    try:
        found = dict(library.deserialize(content))
    except Exception as error:  # a version that is stricter than this reader
        raise FileFormatError(f"{who}: {path} is refused by the package safetensors: {error}.") from error
    rounded = [name for name, tensor in tensors.items() if tensor.dtype in HALF]
    if rounded and not half:
        kind = HALF[tensors[rounded[0]].dtype]
        raise DtypeError(
            f"{who}: expected float32 or float64 in {path}, got {kind} for {rounded[0]!r} ({len(rounded)} of "
            f"{len(tensors)} tensors are of half precision: they were rounded). Pass half=True to read them as float32."
        )
    return metadata, {name: _array(tensor, found[name]["data"]) for name, tensor in tensors.items()}


def write_tensors(
    path: str | bytes | os.PathLike, metadata: dict[str, str], arrays: dict[str, np.ndarray], who: str = "save"
) -> None:
    """Write arrays and texts beside them to `path`, which is replaced by a complete file or not at all.

    Raises ConfigError for another ending than `.safetensors`; DtypeError for an array that the format cannot hold;
    FileNotFoundError for a folder that is not there; OSError; MissingExtraError.
    """
    path = as_path(who, path)
    if path.suffix != SUFFIX:
        raise ConfigError(f"{who}: expected a file name that ends in {SUFFIX}, got {str(path)!r}.")
    known = {dtype for name, dtype in DTYPES.items() if name not in HALF}
    for name, A in arrays.items():
        if A.dtype.newbyteorder("<") not in known:
            raise DtypeError(f"{who}: expected {name!r} as numbers that safetensors can hold, got dtype {A.dtype}.")
    library = extra("safetensors.numpy", who, "safetensors")
    content = library.save(
        {name: np.array(A, A.dtype.newbyteorder("<"), order="C") for name, A in arrays.items()}, metadata
    )
    with atomic_write(path, len(content)) as file:
        file.write(content)


def layout(content: bytes) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata and the tensors that the header of a file names, in the order of their places.

    Every rule of the format is checked; nothing is taken from the tensors themselves. Raises FileFormatError that says
    where the fault is.
    """
    if len(content) < 8:
        raise FileFormatError(f"it has {len(content)} bytes; the length of the header takes 8.")
    length = int.from_bytes(content[:8], "little")
    if length > MOST_HEADER:
        raise FileFormatError(f"bytes 0 to 7 say that the header has {length:,} bytes, the format allows 100,000,000.")
    if length > len(content) - 8:
        raise FileFormatError(
            f"bytes 0 to 7 say that the header has {length:,} bytes, {len(content) - 8:,} follow. Was the copy cut "
            "short?"
        )
    header = _parsed(content[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FileFormatError("the header's __metadata__ is not a map of texts to texts.")
    tensors = {name: _tensor(name, entry) for name, entry in header.items()}
    tensors = dict(sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end)))
    _check_places(tensors, len(content) - 8 - length)
    return metadata, tensors


def _parsed(text: bytes) -> dict[str, Any]:
    """The header as a dict; JSON in the narrow sense, no key twice."""

    def refuse(what: str):
        def hook(token: str):
            raise FileFormatError(f"the header has {token[:40]!r}, {what}.")

        return hook

    def whole(token: str) -> int:
        if token.startswith("-") or len(token) > 20:
            refuse("where the format has whole numbers of 0 to 2^64 - 1")(token)
        return int(token)

    def once(pairs: list[tuple[str, Any]]) -> dict:
        seen: set[str] = set()
        for key, value in pairs:
            if key in seen:
                raise FileFormatError(f"the header has the key {key!r} twice.")
            seen.add(key)
            for part in (key, value) if isinstance(value, str) else (key,):
                part.encode()  # half a surrogate pair
        return dict(pairs)

    if not text.startswith(b"{"):
        raise FileFormatError(f"the header starts with {text[:1]!r} at byte 8, not with '{{'.")
    try:
        decoder = json.JSONDecoder(
            object_pairs_hook=once,
            parse_int=whole,
            parse_float=refuse("where the format has whole numbers"),
            parse_constant=refuse("which is no JSON"),
        )
        source = text.decode()
        header, end = decoder.raw_decode(source)
    except FileFormatError:
        raise
    except json.JSONDecodeError as error:
        place = 8 + len(source[: error.pos].encode())
        raise FileFormatError(f"the header is no JSON: {error.msg} at byte {place}.") from None
    except UnicodeDecodeError as error:
        raise FileFormatError(f"the header is no UTF-8 at byte {8 + error.start}.") from None
    except UnicodeEncodeError:
        raise FileFormatError("a text of the header has half a surrogate pair (\\ud800 to \\udfff).") from None
    except RecursionError:
        raise FileFormatError("the header is nested deeper than the format has it.") from None
    if source[end:].strip(" "):
        place = 8 + len(source[:end].encode())
        raise FileFormatError(f"behind the JSON of the header, at byte {place}, stands something else than spaces.")
    return header


def _tensor(name: str, entry: Any) -> Tensor:
    """What the header says of one tensor, by itself."""

    def numbers(value: Any) -> bool:
        return isinstance(value, list) and all(isinstance(n, int) and not isinstance(n, bool) for n in value)

    if not isinstance(entry, dict) or set(entry) != set(KEYS):
        found = ", ".join(map(repr, entry)) if isinstance(entry, dict) else type(entry).__name__
        raise FileFormatError(f"tensor {name!r} needs dtype, shape and data_offsets, and nothing else; it has {found}.")
    dtype, shape, offsets = (entry[key] for key in KEYS)
    if not isinstance(dtype, str) or dtype not in DTYPES:
        what = "which NumPy cannot hold" if isinstance(dtype, str) and dtype in FOREIGN else "which is not known"
        raise FileFormatError(f"tensor {name!r} has dtype {dtype!r}, {what}.")
    if not numbers(shape) or len(shape) > MOST_AXES:
        raise FileFormatError(f"the shape of tensor {name!r} is no list of at most {MOST_AXES} numbers.")
    if not numbers(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise FileFormatError(f"data_offsets of tensor {name!r} are {offsets!r}, no start and end.")
    start, end = offsets
    size = DTYPES[dtype].itemsize
    if math.prod(max(n, 1) for n in shape) * size >= 2**63:
        raise FileFormatError(f"the shape of tensor {name!r}, {shape}, has more elements than a file can hold.")
    if end - start != math.prod(shape) * size:
        raise FileFormatError(
            f"tensor {name!r} has {end - start:,} bytes ({start:,} to {end:,}), {dtype} of shape {shape} takes "
            f"{math.prod(shape) * size:,}."
        )
    return Tensor(dtype, tuple(shape), start, end)


def _check_places(tensors: dict[str, Tensor], size: int) -> None:
    """The tensors, in the order of their places, cover all bytes, and none twice."""
    done, before = 0, ""
    for name, tensor in tensors.items():
        if tensor.start != done:
            fault = "overlaps" if tensor.start < done else "leaves a hole behind"
            raise FileFormatError(
                f"tensor {name!r} starts at {tensor.start:,} of the data and {fault} "
                f"{f'tensor {before!r}, which ends' if before else 'its start'} at {done:,}."
            )
        done, before = tensor.end, name
    if done != size:
        fault = f"{size - done:,} bytes follow that belong to none" if size > done else "the file ends before"
        raise FileFormatError(f"the tensors end at {done:,} of {size:,} bytes of data: {fault}.")


def _array(tensor: Tensor, data: bytearray) -> np.ndarray:
    A = np.frombuffer(data, DTYPES[tensor.dtype])
    if tensor.dtype == "BF16":
        A = (A.astype(np.uint32) << 16).view(np.float32)
    elif tensor.dtype == "F16":
        A = A.astype(np.float32)
    return A.reshape(tensor.shape)
