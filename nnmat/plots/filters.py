"""The weights of a layer as images."""

import math
from typing import Any

import numpy as np

from nnmat_kernels.runtime.door import array

from ..checks import count, shown
from ..errors import BuildError, ConfigError, DataError, DtypeError, ShapeError
from ..layers import Conv2d, Linear
from .figures import axes_of


def plot_filters(layer: Any, image_shape: tuple[int, ...] | None = None, most: int = 64, ax: Any = None) -> Any:
    """The weights of a layer as small images on one sheet; returns the axes.

    layer: a built `Conv2d`, or its weight K (Co, kh, kw, Ci); with `image_shape` (H, W) or (H, W, Ci) a built `Linear`,
    or its weight (M, H W Ci), of which each row is an image. Of one channel the filters stand in a square; of three
    they are in colour; of others each filter has a row, with its channels side by side. At most `most` filters are
    shown. Blue is below 0, white 0, red above; in colour, grey is 0.

    Raises BuildError, ShapeError, DtypeError, DataError (NaN), ConfigError; MissingExtraError without matplotlib.
    """
    K = _weights(layer, image_shape)
    most = count("plot_filters", "most", most)
    A = mosaic(K[:most])
    rows, columns = A.shape[:2]
    scale = 6.0 / max(rows, columns)
    ax = axes_of("plot_filters", ax, (max(1.0, scale * columns), max(1.0, scale * rows)))
    limit = float(np.nanmax(np.abs(A))) or 1.0
    if A.ndim == 3:
        ax.imshow(np.where(np.isnan(A), 1.0, 0.5 + 0.5 * A / limit), interpolation="nearest")
    else:
        image = np.ma.masked_invalid(A)
        ax.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    ax.set_axis_off()
    return ax


def mosaic(K: np.ndarray) -> np.ndarray:
    """The filters K (Co, kh, kw, Ci) on a sheet, with lines of NaN between them: (rows, columns), or (..., 3)."""
    Co, kh, kw, Ci = K.shape
    if Ci in (1, 3):
        across = math.ceil(math.sqrt(Co))
        cells, tail = [K[i] for i in range(Co)], K.shape[3:]
    else:
        across = Ci
        cells, tail = [K[i, :, :, c, None] for i in range(Co) for c in range(Ci)], (1,)
    down = -(-len(cells) // across)
    sheet = np.full((down * (kh + 1) - 1, across * (kw + 1) - 1, *tail), np.nan)
    for place, cell in enumerate(cells):
        i, j = place // across * (kh + 1), place % across * (kw + 1)
        sheet[i : i + kh, j : j + kw] = cell
    return sheet if tail == (3,) else sheet[..., 0]


def _weights(layer: Any, image_shape: tuple[int, ...] | None) -> np.ndarray:
    who = "plot_filters"
    if isinstance(layer, Conv2d | Linear):
        if not layer.built:
            raise BuildError(f"{who}: {layer.kind} is not built yet. Build the model first.")
        if isinstance(layer, Linear) and image_shape is None:
            raise ConfigError(f"{who}: expected image_shape for a Linear, such as (28, 28), got none.")
        layer = layer.weight.value
    elif callable(layer) or isinstance(layer, str):
        raise ConfigError(f"{who}: expected a Conv2d, a Linear or an array of weights, got {shown(layer)}.")
    K = array(who, "layer", layer)
    if K.dtype.kind not in "fiu":
        raise DtypeError(f"{who}: expected weights that are real numbers, got {K.dtype}.")
    if image_shape is not None:
        shape = tuple(image_shape) if isinstance(image_shape, tuple | list) else ()
        shape = (*shape, 1) if len(shape) == 2 else shape
        whole = len(shape) == 3 and all(isinstance(n, int | np.integer) and n > 0 for n in shape)
        if not whole or K.ndim != 2 or K.shape[1] != math.prod(shape):
            raise ShapeError(
                f"{who}: expected a weight (M, H W Ci) for image_shape (H, W) or (H, W, Ci), got {K.shape} for "
                f"{image_shape!r}."
            )
        K = K.reshape(-1, *shape)
    if K.ndim != 4 or K.size == 0:
        raise ShapeError(f"{who}: expected a weight of shape (Co, kh, kw, Ci), got {K.shape}.")
    if not np.isfinite(K).all():
        raise DataError(f"{who}: expected finite weights, got others.")
    return K.astype(np.float64)
