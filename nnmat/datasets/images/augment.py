"""Images shifted, turned, mirrored and cut out at random, anew in every epoch, so that a model sees more of them."""

import numpy as np

from nnmat_kernels.runtime.arrays import FLOATS
from nnmat_kernels.runtime.door import real_array
from nnmat_kernels.unchecked import affine_images

from ...checks import number, pair
from ...errors import ConfigError, ShapeError
from ...habits import arguments_checked

FLIPS = {False: (False, False), "horizontal": (False, True), "vertical": (True, False), "both": (True, True)}


class Augment:
    """Random images of images (B, H, W, C), for `fit(..., augment=Augment(shift=2, rotate=10))`.

    `shift`: up to so many pixels, whole ones, in all directions (or (rows, columns)); `rotate`: up to so many degrees
    in both directions, about the centre; `flip`: "horizontal" (left and right change places in half of the images),
    "vertical", "both"; `crop`: (h, w), or one number for both, of a piece cut out at a random place: the model's input
    is as large, and `center(X)` cuts out the middle for validation and prediction. What comes from beyond the image is
    `fill`. Each image has one affine map of its own (docs/equations.md, section 3.3).

    `augment(X, rng)` is all that `fit` asks for: any function of a batch and a numpy.random.Generator will do. The
    same generator gives the same bits, with any number of threads. Raises ConfigError; ShapeError for other arrays.
    """

    @arguments_checked
    def __init__(self, shift=0, rotate: float = 0.0, flip=False, crop=None, fill: float = 0.0):
        self.shift = pair("Augment", "shift", shift, 0)
        self.rotate = number("Augment", "rotate", rotate, 0.0, 180.0, "It is in degrees.")
        if not isinstance(flip, bool | str) or flip not in FLIPS:
            hint = "Try flip='horizontal'." if flip is True else ""
            raise ConfigError(
                f"Augment: expected flip as False, 'horizontal', 'vertical' or 'both', got {flip!r}. {hint}".rstrip()
            )
        self.flip = flip
        self.crop = None if crop is None else pair("Augment", "crop", crop, 1)
        self.fill = number("Augment", "fill", fill)

    def __call__(self, X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Random images of the images X (B, H, W, C): (B, h, w, C), in X's float type, else float32."""
        if not isinstance(rng, np.random.Generator):
            raise ConfigError(
                f"Augment: expected rng to be a numpy.random.Generator, got {type(rng).__name__}. Try "
                "np.random.default_rng(0)."
            )
        X = _images(X)
        B, H, W, _ = X.shape
        h, w = self._size(H, W)
        down, right = (rng.integers(-most, most + 1, B) for most in self.shift)
        angle = np.deg2rad(rng.uniform(-self.rotate, self.rotate, B))
        mirrored = [np.where(rng.random(B) < 0.5 * does, -1.0, 1.0) for does in FLIPS[self.flip]]
        top, left = (rng.integers(0, room + 1, B) for room in (H - h, W - w))
        cos, sin = np.cos(angle), np.sin(angle)
        maps = np.empty((B, 2, 3))
        maps[:, 0, 0], maps[:, 0, 1] = mirrored[0] * cos, -mirrored[1] * sin
        maps[:, 1, 0], maps[:, 1, 1] = mirrored[0] * sin, mirrored[1] * cos
        middle = (h - 1) / 2, (w - 1) / 2  # the centre of the piece stays where it is, but for the shift
        centre = top - down + middle[0], left - right + middle[1]
        for axis in range(2):
            maps[:, axis, 2] = centre[axis] - (maps[:, axis, 0] * middle[0] + maps[:, axis, 1] * middle[1])
        return affine_images(X, maps, (h, w), self.fill)

    def center(self, X: np.ndarray) -> np.ndarray:
        """The middle (B, h, w, C) of the images, of the size of `crop`: for validation and prediction."""
        H, W = np.shape(X)[1:3] if np.ndim(X) == 4 else _images(X).shape[1:3]
        h, w = self._size(H, W)
        top, left = (H - h) // 2, (W - w) // 2
        return np.asarray(X)[:, top : top + h, left : left + w]

    def _size(self, H: int, W: int) -> tuple[int, int]:
        h, w = (H, W) if self.crop is None else self.crop
        if h > H or w > W:
            raise ShapeError(f"Augment: expected images of at least {h} x {w} pixels for crop, got {H} x {W}.")
        return h, w

    def config(self) -> dict:
        """The constructor's arguments, JSON-able."""
        return {
            "shift": list(self.shift),
            "rotate": self.rotate,
            "flip": self.flip,
            "crop": None if self.crop is None else list(self.crop),
            "fill": self.fill,
        }

    def __repr__(self) -> str:
        return f"Augment({', '.join(f'{name}={value!r}' for name, value in self.config().items())})"


def _images(X) -> np.ndarray:
    """X as an array that the kernel takes."""
    if isinstance(X, tuple):
        raise ShapeError(
            "Augment: expected X as one array of images, got several inputs. Write a function of your own."
        )
    X = real_array("Augment", "X", X)
    if X.ndim != 4:
        raise ShapeError(
            f"Augment: expected images of shape (B, H, W, C), got {X.shape}. Grey ones: X[..., np.newaxis]."
        )
    return np.require(X, X.dtype if X.dtype in FLOATS else np.float32, ["C", "A", "W"])
