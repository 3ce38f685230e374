"""Images in folders, a folder for each class, by Pillow."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...checks import count, flag, pair
from ...errors import ConfigError, DataError, FileFormatError
from ...extras import extra
from ...formats.paths import as_path
from ..dataset import Dataset

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
MOST_BYTES = 1 << 31  # of the array of all images


def image_folder(
    path: str | bytes | os.PathLike,
    size: int | tuple[int, int] | None = None,
    grey: bool = False,
    *,
    lazy: bool = False,
    batch_size: int = 32,
    most_bytes: int = MOST_BYTES,
) -> Any:
    """The images of `path/CLASS/...` as a data set: X (n, H, W, C) float32 from 0 to 1, y (n,) int64, `labels`.

    The classes are the folders in the order of their names, the images of each in the order of their paths, whatever
    the system lists first; hidden files and those with other endings than images have are passed over. Photographs
    stand the way up that their camera noted. `size`: (H, W),
    or one number for both, to which images are scaled; None: all images have one size. `grey`: C is 1, else 3.
    `lazy`: not the data set but an `ImageFolder`, a batch source that reads the files of each batch as it comes.
    An array of all images takes 4 n H W C bytes; above `most_bytes` (2 GiB) this is a DataError before any is read.

    Raises DataError for a folder without folders of images, FileFormatError for a file that is no image or, without
    `size`, of another size, with its name; MissingExtraError without Pillow.
    """
    who = "image_folder"
    folder = as_path(who, path)
    if not folder.exists():
        raise FileNotFoundError(f"{who}: expected a folder at {folder}, found none. Check the path.")
    if not folder.is_dir():
        raise FileFormatError(f"{who}: expected a folder at {folder}, got a file.")
    extra("PIL", "nnmat.datasets.image_folder", "data")
    labels, paths, y = _found(who, folder)
    channels = 1 if flag(who, "grey", grey) else 3
    shape = (*(_size_of(who, paths[0]) if size is None else pair(who, "size", size)), channels)
    source = ImageFolder(paths, y, labels, shape, count(who, "batch_size", batch_size), fixed=size is None)
    if flag(who, "lazy", lazy):
        return source
    if (needed := 4 * len(paths) * math.prod(shape)) > count(who, "most_bytes", most_bytes):
        raise DataError(
            f"{who}: {len(paths)} images of shape {shape} take {needed:,} bytes, above most_bytes = {most_bytes:,}. "
            "Give a smaller size, or lazy=True, which reads them batch by batch."
        )
    origin = f"{folder.name}: {len(labels)} folders, images scaled to {shape}" if size else f"{folder.name}: {shape}"
    return Dataset(source.read(np.arange(len(paths))), y, labels, origin)


def read_images(paths: Sequence[Any], size: int | tuple[int, int] | None = None, grey: bool = False) -> np.ndarray:
    """Image files as X (n, H, W, C) float32 from 0 to 1, as `image_folder` reads them; for `predict`."""
    who = "read_images"
    if isinstance(paths, str | bytes | os.PathLike):
        raise ConfigError(f"{who}: expected a list of paths, got one. Write read_images([path]).")
    if not isinstance(paths, Iterable):
        raise ConfigError(f"{who}: expected a list of paths, got {type(paths).__name__}.")
    found = [as_path(who, path) for path in paths]
    if not found:
        raise DataError(f"{who}: expected at least one path, got none.")
    extra("PIL", "nnmat.datasets.read_images", "data")
    shape = _size_of(who, found[0]) if size is None else pair(who, "size", size)
    channels = 1 if flag(who, "grey", grey) else 3
    X = np.empty((len(found), *shape, channels), np.float32)
    for i, path in enumerate(found):
        _read(who, path, X[i], size is None)
    return X


class ImageFolder:
    """A batch source that reads image files as batches come; `folder[rows]` is one of some of the images.

    `paths`, `y` (n,) int64, `labels`, `shape` (H, W, C) of each image. Memory: one batch.
    """

    def __init__(
        self,
        paths: list[Path],
        y: np.ndarray,
        labels: tuple[str, ...],
        shape: tuple[int, int, int],
        batch_size: int,
        shuffle: bool = True,
        fixed: bool = False,
    ):
        self.paths, self.y, self.labels, self.shape = paths, y, labels, shape
        self.batch_size, self.shuffle, self.fixed = batch_size, shuffle, fixed
        self.samples = len(paths)

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    def __getitem__(self, rows: Any) -> "ImageFolder":
        numbers = np.arange(self.samples)[rows]
        if numbers.ndim != 1:
            raise IndexError(f"ImageFolder: expected a slice or a 1-D array as index, got {rows!r}.")
        paths = [self.paths[i] for i in numbers]
        return ImageFolder(paths, self.y[numbers], self.labels, self.shape, self.batch_size, self.shuffle, self.fixed)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """The images of these numbers, (n, H, W, C) float32."""
        X = np.empty((len(rows), *self.shape), np.float32)
        for i, row in enumerate(rows):
            _read("image_folder", self.paths[row], X[i], self.fixed)
        return X

    def batches(self, rng: np.random.Generator, start: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches of one epoch from number `start` on, in an order drawn from `rng` now."""
        order = rng.permutation(self.samples) if self.shuffle else np.arange(self.samples)
        return self._cut(order[start * self.batch_size :])

    def _cut(self, order: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for first in range(0, len(order), self.batch_size):
            rows = order[first : first + self.batch_size]
            yield self.read(rows), self.y[rows]

    def state(self) -> dict:
        """What must be saved besides the generator: nothing."""
        return {}

    def load_state(self, state: dict) -> None:
        """Take back what `state` gave."""
        if state:
            raise ConfigError(f"ImageFolder.load_state: expected an empty state, got the entries {sorted(state)}.")


def _found(who: str, folder: Path) -> tuple[tuple[str, ...], list[Path], np.ndarray]:
    """The classes, the images in order, and the class of each."""
    classes = sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))
    paths: list[Path] = []
    y: list[int] = []
    for number, place in enumerate(classes):
        own = sorted(f for f in place.rglob("*") if f.suffix.lower() in ENDINGS and not _hidden(f, folder))
        if not own:
            raise DataError(
                f"{who}: expected images in {place}, found none; they end in {', '.join(ENDINGS)}. Remove the folder."
            )
        paths += own
        y += [number] * len(own)
    if not classes:
        raise DataError(
            f"{who}: expected a folder for each class in {folder}, with its images, such as {folder.name}/cat/1.png, "
            "found none."
        )
    return tuple(place.name for place in classes), paths, np.array(y, np.int64)


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _open(who: str, path: Path) -> Any:
    """The image of a file, the way up that its camera noted; FileFormatError with its name for one that is none."""
    image = extra("PIL.Image", "nnmat.datasets.image_folder", "data")
    upright = extra("PIL.ImageOps", "nnmat.datasets.image_folder", "data").exif_transpose
    try:
        with open(path, "rb") as file:
            found = image.open(file)
            found.load()
        return upright(found)
    except FileNotFoundError:
        raise FileNotFoundError(f"{who}: expected an image at {path}, found none. Check the path.") from None
    except Exception as error:  # Pillow's decoders raise all kinds
        raise FileFormatError(
            f"{who}: expected {path} to be an image that Pillow reads, got {type(error).__name__}: {error}. "
            "Repair the file or remove it."
        ) from None


def _size_of(who: str, path: Path) -> tuple[int, int]:
    with _open(who, path) as image:
        return image.height, image.width


def _read(who: str, path: Path, out: np.ndarray, fixed: bool) -> None:
    """Write the pixels of a file, from 0 to 1, to `out` (H, W, C)."""
    H, W, C = out.shape
    with _open(who, path) as image:
        if fixed and (image.height, image.width) != (H, W):
            raise FileFormatError(
                f"{who}: expected {path} to have {H} x {W} pixels as the first image, got {image.height} x "
                f"{image.width}. Pass size=({H}, {W}) to scale them."
            )
        pixels = _eight_bits(who, path, image).convert("L" if C == 1 else "RGB")
        if pixels.size != (W, H):
            pixels = pixels.resize((W, H), extra("PIL.Image", "nnmat.datasets.image_folder", "data").BILINEAR)
        np.divide(np.asarray(pixels).reshape(H, W, C), np.float32(255), out=out)


def _eight_bits(who: str, path: Path, image: Any) -> Any:
    """An image of 16 bits, or of floats from 0 to 1, with 8, where Pillow would cut off everything above 255."""
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        pixels = np.asarray(image, np.float64)
        top, kind = (1.0, "floats") if image.mode == "F" else (65535.0, "integers")
        if not ((pixels >= 0) & (pixels <= top)).all():
            raise FileFormatError(
                f"{who}: expected {kind} from 0 to {top:g} in {path}, got others. Scale them, the same for all images."
            )
        image_of = extra("PIL.Image", "nnmat.datasets.image_folder", "data").fromarray
        return image_of(np.round(pixels * (255.0 / top)).astype(np.uint8))
    return image
