"""The matrix of a convolution."""

from typing import Any, NamedTuple

import numpy as np

from ..checks import flag
from ..errors import BuildError, ConfigError, DataError
from ..explicit_convolution import khat
from ..layers import Conv2d
from .figures import axes_of

MOST = 2**24  # entries of a matrix that can be seen
LINES = 80  # of each kind, at the most


class KhatPicture(NamedTuple):
    """What is drawn of K̂ (Ho Wo Co, H W Ci)."""

    entries: np.ndarray  # for each place the number of its entry of vec K, from 1 on; 0 where K̂ is always 0
    values: np.ndarray
    blocks: tuple[int, int]  # rows and columns of a block: a row of the result, a row of the image
    pixels: tuple[int, int]  # of a block within: a pixel's channels


def plot_khat(
    K: Any,
    input_shape: tuple[int, ...] | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    values: bool = False,
    ax: Any = None,
) -> Any:
    """The matrix K̂ with vec(X ⋆ K) = K̂ vec X, each place in the colour of its entry of K; returns the axes.

    K̂ = Σ_ab R_a ⊗ C_b ⊗ K̄_ab: dark lines part the blocks (Wo Co, W Ci), one for each row of the result and of the
    image, where R_a stands; light lines the blocks (Co, Ci) within, one for each pixel, if there are several channels.

    K: the kernel, with `input_shape` and options as in `khat`; or a built `Conv2d` alone, which has them. `values`:
    colours are the values in place of the entries, blue below 0, red above.

    Raises ConfigError (options; above 16 million places), ShapeError, DtypeError, DataError (NaN, with `values`),
    BuildError; MissingExtraError.
    """
    values = flag("plot_khat", "values", values)
    made = khat_picture(K, input_shape, stride, padding, dilation, groups)
    if values and not np.isfinite(made.values).all():
        raise DataError("plot_khat: expected a kernel that is finite to show its values, got others.")
    rows, columns = made.entries.shape
    scale = 5.0 / max(rows, columns)
    ax = axes_of("plot_khat", ax, (1.0 + scale * columns, 1.0 + scale * rows))
    if values:
        limit = float(np.abs(made.values).max()) or 1.0
        image = np.ma.masked_where(made.entries == 0, made.values)
        ax.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    else:
        ax.imshow(np.ma.masked_equal(made.entries, 0), cmap="turbo", interpolation="nearest")
    for size, inner, colour in ((made.pixels, True, "0.85"), (made.blocks, False, "0.45")):
        if inner and (max(size) == 1 or size == made.blocks):
            continue
        across, down = (np.arange(step, n, step) - 0.5 for step, n in zip(size, (rows, columns), strict=True))
        if max(len(across), len(down)) <= LINES:
            ax.hlines(across, -0.5, columns - 0.5, colour, linewidth=0.5)
            ax.vlines(down, -0.5, rows - 0.5, colour, linewidth=0.5)
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), xticks=[], yticks=[])
    ax.set_title(f"{rows} x {columns}")
    return ax


def khat_picture(K: Any, input_shape: Any, stride=1, padding=0, dilation=1, groups=1) -> KhatPicture:
    """What `plot_khat` draws."""
    if isinstance(K, Conv2d):
        if input_shape is not None:
            raise ConfigError("plot_khat: expected a Conv2d alone, got an input_shape too: the layer has its own.")
        K, input_shape, stride, padding, dilation, groups = _options(K)
    elif input_shape is None:
        raise ConfigError("plot_khat: expected input_shape (H, W, Ci) for a kernel, got none. A built Conv2d has it.")
    options = (input_shape, stride, padding, dilation, groups)
    found: Any = khat(K, *options, form="operator")
    rows, columns = found.shape
    if rows * columns > MOST:
        raise ConfigError(
            f"plot_khat: expected a matrix of at most {MOST:,} places, this one has {rows:,} x {columns:,}. Its "
            "structure is that of a smaller image, too."
        )
    (_, W, Ci), (_, Wo, Co) = found.geometry.input_shape, found.geometry.output_shape
    numbers = np.arange(1.0, found.K.size + 1).reshape(found.K.shape)
    entries, real = (_dense(A, options) for A in (numbers, found.K))
    return KhatPicture(entries.astype(np.int64), real, (Wo * Co, W * Ci), (Co, Ci))


def _dense(K: np.ndarray, options: tuple) -> np.ndarray:
    found: Any = khat(K.astype(np.float64), *options)
    return found


def _options(layer: Conv2d) -> tuple:
    """The kernel of a layer and the options of `khat`."""
    if not layer.built:
        raise BuildError("plot_khat: Conv2d is not built yet. Build the model first.")
    if layer.zeros_around is None:
        raise ConfigError(
            "plot_khat: expected a Conv2d with as many zeros at both ends of an axis, got "
            f"padding={layer.padding!r}, padding_mode={layer.padding_mode!r}. Its matrix is of the padded image."
        )
    return layer.weight.value, layer.input_shape, layer.stride, layer.zeros_around, layer.dilation, layer.groups
