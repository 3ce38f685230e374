"""Images made larger."""

from nnmat_kernels.resampling.factors import linear, nearest

from ...checks import flag, pair
from ...errors import ConfigError
from ...explicit_convolution import Pair
from ..summary import options
from .ends import check_mode
from .separable import Separable

UPSAMPLING_MODES = ("nearest", "bilinear")


class Upsample(Separable):
    """Images of another size, whose pixels are the nearest ones, or lie between their neighbours.

    Forward, for each channel c
        Y_c = R X_c Cᵀ                       equivalently   vec Y_c = (R ⊗ C) vec X_c
        "nearest": row i of R has a 1 at ⌊i H/Ho⌋; "bilinear": the weights of the two rows between which row i lies
    Backward, for the upstream gradient G = ∇_Y L
        gX_c = Rᵀ G_c C
    Shapes: X (B, H, W, C), Y and G (B, Ho, Wo, C), (Ho, Wo) = `size` or (H, W) times `scale_factor`, an int or a pair
        (rows, columns); float32 or float64 as built.
    Errors: ConfigError (options), ShapeError (no image), DtypeError.
    Derivation: docs/derivations/Upsample.md.
    Reference: docs/equations.md, section 3.3.

    `align_corners` (bilinear): row i lies at i (H - 1)/(Ho - 1), so that the first and the last rows lie above each
    other; else at (i + ½) H/Ho - ½, so that the edges of the images do.
    """

    def __init__(
        self,
        size: Pair | None = None,
        scale_factor: Pair | None = None,
        mode: str = "nearest",
        align_corners: bool = False,
    ):
        super().__init__()
        if (size is None) == (scale_factor is None):
            raise ConfigError(
                f"Upsample: expected size or scale_factor, and not both, got size={size!r} and "
                f"scale_factor={scale_factor!r}. Try scale_factor=2."
            )
        self.size = None if size is None else pair("Upsample", "size", size)
        self.scale_factor = None if scale_factor is None else pair("Upsample", "scale_factor", scale_factor)
        self.mode = check_mode("Upsample", "mode", mode, UPSAMPLING_MODES)
        self.align_corners = flag("Upsample", "align_corners", align_corners)
        if self.align_corners and mode == "nearest":
            raise ConfigError('Upsample: expected align_corners=True with mode="bilinear" only, got mode="nearest".')

    def plane(self, plane):
        if self.scale_factor is None:
            return self.size
        return plane[0] * self.scale_factor[0], plane[1] * self.scale_factor[1]

    def factors(self, plane):
        sizes = zip(plane, self.plane(plane), strict=True)
        if self.mode == "nearest":
            R, C = (nearest(*own) for own in sizes)
        else:
            R, C = (linear(*own, self.align_corners) for own in sizes)
        return R, C

    def config(self):
        return options(self, "size", "scale_factor", "mode", "align_corners")
