"""Images with something round them."""

from ...checks import number
from ...errors import ConfigError
from ..summary import options
from .ends import Ends, check_ends, check_mode, padded_axes, padding_ends
from .separable import Separable


class Pad(Separable):
    """Images with rows and columns at their ends: a constant, or pixels of the image.

    Forward, for each channel c, with R and C that have a 1 in each row, at the pixel that stands there
        Y_c = R X_c Cᵀ                       "constant": their rows are empty beyond the ends, where Y_c is `value`
        of the row 0 1 2 3, two places at both ends are 2 1 | 0 1 2 3 | 2 1 for "reflect", 0 0 | 0 1 2 3 | 3 3 for
        "replicate", 2 3 | 0 1 2 3 | 0 1 for "circular"
    Backward, for the upstream gradient G = ∇_Y L
        gX_c = Rᵀ G_c C        a pixel that stands in several places gets the sum of their gradients
    Shapes: X (B, H, W, C), Y and G (B, H + top + bottom, W + left + right, C); float32 or float64 as built. `padding`:
        an int, a pair (rows, columns), or ((top, bottom), (left, right)).
    Errors: ConfigError (options), ShapeError (no image, one too small to be reflected or repeated), DtypeError.
    Derivation: docs/derivations/Pad.md.
    Reference: docs/equations.md, section 3.3.
    """

    def __init__(self, padding: Ends, mode: str = "constant", value: float = 0.0):
        super().__init__()
        self.padding = padding_ends("Pad", padding)
        self.mode = check_mode("Pad", "mode", mode)
        self.value = self.fill = number("Pad", "value", value)
        if self.value != 0 and mode != "constant":
            raise ConfigError(f'Pad: expected value with mode="constant" only, got mode={mode!r}. Leave value out.')

    def plane(self, plane):
        check_ends(self.who, plane, self.padding, self.mode)
        (top, bottom), (left, right) = self.padding
        return plane[0] + top + bottom, plane[1] + left + right

    def factors(self, plane):
        R, C = padded_axes(plane, self.padding, self.mode)
        return R, C

    def config(self):
        return options(self, "padding", "mode", "value")
