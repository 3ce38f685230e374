"""What is put round an image: so many rows and columns at each end, and what stands in them."""

from typing import Any

from nnmat_kernels.resampling.factors import PAD_MODES, Factor, padded

from ...checks import pair
from ...errors import ConfigError, ShapeError

End = tuple[int, int]  # places before an axis and after it
Ends = int | tuple | list  # an int, (rows, columns), or ((top, bottom), (left, right))

_LEAST = {  # what a mode takes from the image: how many pixels it must have beside the padding
    "reflect": (1, "smaller than the image: it is mirrored at its edge"),
    "circular": (0, "not larger than the image, whose other end it repeats"),
}


def padding_ends(who: str, padding: Any, name: str = "padding") -> tuple[End, End]:
    """((top, bottom), (left, right)) of an int, a pair (rows, columns) or a pair of pairs; else a ConfigError."""
    parts = list(padding) if isinstance(padding, list | tuple) else [padding, padding]
    if len(parts) != 2:
        hint = (
            " PyTorch's (left, right, top, bottom) is ((top, bottom), (left, right)) here." if len(parts) == 4 else ""
        )
        raise ConfigError(
            f"{who}: expected {name} as an integer, a pair (rows, columns) or ((top, bottom), (left, right)), got "
            f"{padding!r}.{hint or ' Try 1.'}"
        )
    rows, columns = (pair(who, name, part, least=0) for part in parts)
    return rows, columns


def check_ends(who: str, sizes: tuple[int, ...], ends: tuple[End, ...], mode: str) -> None:
    """A ShapeError where an axis is too short for what the mode puts at its ends."""
    if mode not in _LEAST:
        return
    least, rule = _LEAST[mode]
    for size, end in zip(sizes, ends, strict=True):
        if max(end) + least > size:
            raise ShapeError(f'{who}: expected "{mode}" padding {rule}, got {end} on an axis of {size}.')


def check_mode(who: str, name: str, mode: Any, known: tuple[str, ...] = PAD_MODES) -> str:
    """`mode` if it is one of those known, else a ConfigError."""
    if mode not in known:
        raise ConfigError(f"{who}: unknown {name} {mode!r}. Known: {', '.join(known)}.")
    return mode


def padded_axes(sizes: tuple[int, ...], ends: tuple[End, ...], mode: str) -> tuple[Factor, ...]:
    """The matrix of each axis: its rows pick what stands at each place."""
    return tuple(padded(size, *end, mode) for size, end in zip(sizes, ends, strict=True))
