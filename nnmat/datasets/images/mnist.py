"""The MNIST digits of Y. LeCun, C. Cortes and C. Burges: 60,000 training and 10,000 test images of 28 x 28 pixels."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ...errors import DataError, FileFormatError
from ...formats.atomic import atomic_write
from ..dataset import Dataset
from ..places import EMBEDDED as DATA
from ..places import places
from .idx import Unpacking, view_idx

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

# SHA-256 of each *unpacked* file: gzip wrappers of the same content differ (time stamp, compression level).
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

MOST = 1 << 26  # bytes: no MNIST file is larger, packed or not
EMBEDDED = DATA / "mnist"


def mnist(mirrors: Sequence[str] = MIRRORS, progress: bool = True) -> tuple[Dataset, Dataset]:
    """The training and the test set: `X (n, 28, 28, 1)` float32 in [0, 1], `y (n,)` int64 in 0..9.

    The four files (packed or not, called `train-images-idx3-ubyte` or `train-images.idx3-ubyte`) are taken from
    `$NNMAT_DATA/mnist` or `$NNMAT_DATA` if that variable is set, else from `data/mnist` of the checkout, else from the
    cache `~/.cache/nnmat/data/mnist` (a user without a home folder has none); what is missing is downloaded from the
    first mirror (a URL ending in `/`) that has it with the right SHA-256, into `$NNMAT_DATA/mnist` or the cache.
    Raises `DataError` if that fails, with the places looked at, and `FileFormatError` for a damaged file.
    """
    files = _find_or_download(mirrors, progress)
    return _load(files, "train"), _load(files, "t10k")


def _load(files: dict[str, Path], part: str) -> Dataset:
    images_path, labels_path = files[f"{part}-images-idx3-ubyte"], files[f"{part}-labels-idx1-ubyte"]
    images, labels = view_idx(images_path), view_idx(labels_path)
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        raise FileFormatError(
            f"mnist: expected uint8 images of shape (n, 28, 28) in {images_path}, "
            f"got {images.dtype.name} {images.shape}."
        )
    if labels.dtype != np.uint8 or labels.shape != (len(images),):
        raise FileFormatError(
            f"mnist: expected uint8 labels of shape ({len(images)},), one for each image, in {labels_path}, "
            f"got {labels.dtype.name} {labels.shape}."
        )
    if labels.size and labels.max() > 9:
        raise FileFormatError(f"mnist: expected labels from 0 to 9 in {labels_path}, got {labels.max()}.")
    X = np.divide(images[..., np.newaxis], np.float32(255), dtype=np.float32)  # one pass over 47 million pixels
    return Dataset(X, labels.astype(np.int64))


def _find_or_download(mirrors: Sequence[str], progress: bool) -> dict[str, Path]:
    folders, target = places("mnist", EMBEDDED)
    best: dict[str, Path] = {}
    for place in folders:
        found = _files_in(place)
        if len(found) == len(SHA256):
            return found
        best = found if place == target else best
    missing = [name for name in SHA256 if name not in best]
    failures: list[str] = []
    for name in missing:
        path = None if target is None else target / f"{name}.gz"
        if path is None or not _download(name, path, mirrors, progress, failures):
            tried = "\n".join(f"  {line}" for line in [*(f"{place}: not there" for place in folders), *failures])
            remedy = f"Put the four MNIST files into {target}, or set NNMAT_DATA to the folder that has them."
            if target is None:
                remedy = "This user has no home folder to download to: set NNMAT_DATA to a folder."
            raise DataError(
                f"mnist: expected the file {name} (or {name}.gz) in one of these places, found it in none:\n{tried}\n"
                f"{remedy}"
            )
        best[name] = path
    return best


def _files_in(folder: Path) -> dict[str, Path]:
    """The files by their usual names; some archives have a dot before `idx`."""
    found = {}
    for name in SHA256:
        for spelled in (name, name.replace("-idx", ".idx")):
            for path in (folder / spelled, folder / f"{spelled}.gz"):
                if name not in found and path.is_file():
                    found[name] = path
    return found


def _download(name: str, path: Path, mirrors: Sequence[str], progress: bool, failures: list[str]) -> bool:
    """Fetch one file from the first mirror that has it as it should be; notes why the others failed."""
    import http.client  # here, since they take a while and few starts need them
    import urllib.error

    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{name}.gz"
        try:
            packed = _fetch(url, progress)
            digest = hashlib.sha256(Unpacking(packed, f"mnist: expected {url}").read(MOST)).hexdigest()
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:  # or a FileFormatError
            failures.append(f"{url}: {error}")
            continue
        if digest != SHA256[name]:
            failures.append(f"{url}: expected content with SHA-256 {SHA256[name]}, got {digest}")
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path, len(packed)) as file:
                file.write(packed)
        except OSError as error:
            failures.append(f"{url}: downloaded, but {path.parent} cannot be written ({error})")
            return False
        return True
    return False


def _fetch(url: str, progress: bool) -> bytes:
    import urllib.request

    chunks, fetched, name = [], 0, url.rpartition("/")[2]
    with (
        tqdm(desc=f"downloading {name}", unit="B", unit_scale=True, disable=not progress) as bar,  # says so at once
        urllib.request.urlopen(url, timeout=30) as answer,
    ):
        bar.total = int(answer.headers.get("Content-Length") or 0) or None
        while chunk := answer.read(1 << 16):
            chunks.append(chunk)
            bar.update(len(chunk))
            fetched += len(chunk)
            if fetched > MOST:
                raise ValueError(f"expected at most {MOST:,} bytes, got more")
    return b"".join(chunks)
