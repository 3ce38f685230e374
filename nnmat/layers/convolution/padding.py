"""What a convolution puts round its input: zeros inside the kernels, or anything else before them."""

from typing import Any

from nnmat_kernels.resampling.factors import Factor

from ...checks import pair
from ...errors import ConfigError
from ..resampling.ends import Ends, check_ends, check_mode, padded_axes, padding_ends

CONV_PAD_MODES = ("zeros", "reflect", "replicate", "circular")


class Padding:
    """The places at both ends of each axis, and what stands there.

    As many zeros at both ends as the kernels know of: `inside`. Else the image gets its ends first, and `inside` is 0.
    """

    def __init__(self, who: str, padding: str | Ends, mode: str, kernel: tuple, stride: tuple, dilation: tuple):
        self.mode = check_mode(who, "padding_mode", mode, CONV_PAD_MODES)
        self.given: Any = padding
        if padding == "same":
            if stride != (1, 1):
                raise ConfigError(f'{who}: expected stride 1 with padding="same", got {stride}. Give numbers.')
            spans = [d * (size - 1) for size, d in zip(kernel, dilation, strict=True)]
            self.ends: tuple = tuple((span // 2, span - span // 2) for span in spans)  # as PyTorch has it
        elif padding == "valid":
            self.ends = ((0, 0), (0, 0))
        elif isinstance(padding, str):
            raise ConfigError(f"{who}: unknown padding {padding!r}. Known: same, valid, or numbers.")
        else:
            self.ends = padding_ends(who, padding)
            even = all(before == after for before, after in self.ends)
            self.given = tuple(before for before, _ in self.ends) if even else self.ends
        self.explicit = any(map(any, self.ends)) and not (
            self.mode == "zeros" and all(before == after for before, after in self.ends)
        )
        self.inside = (0, 0) if self.explicit else tuple(before for before, _ in self.ends)

    def plane(self, who: str, plane: tuple[int, int]) -> tuple[int, int]:
        """The rows and columns that the kernels get; raises ShapeError."""
        if not self.explicit:
            return plane
        check_ends(who, plane, self.ends, self.mode)
        (top, bottom), (left, right) = self.ends
        return plane[0] + top + bottom, plane[1] + left + right

    def factors(self, plane: tuple[int, int]) -> tuple[Factor, ...]:
        """The matrices that put it round images of this size; nothing where the kernels do it."""
        mode = "constant" if self.mode == "zeros" else self.mode
        return padded_axes(plane, self.ends, mode) if self.explicit else ()


def ends_of_axis(who: str, padding: Any) -> Any:
    """The padding of a sequence, an int or (before, after), as that of an image of one row."""
    if isinstance(padding, str):
        return padding
    return (0, 0), pair(who, "padding", padding, least=0)
