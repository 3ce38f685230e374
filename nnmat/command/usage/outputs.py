"""Files that may be written: never over what a command reads, nor over a file that nnmat did not write."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from ...errors import ConfigError, FileFormatError
from ...formats.archive import read_arrays
from ...formats.atomic import atomic_write
from ...training.reporting.history import check_writable

Mark = Callable[[Path], bool]
PAGE = "<!doctype html><!-- nnmat -->"
TOML = "nnmat tune"


def check_output(option: str, path: Path, inputs: Iterable[Path], own: Mark | None, overwrite: bool = False) -> None:
    """Raise, before any work is done, if `path` should not or cannot be written.

    `inputs`: files and folders that are read, which are never replaced; `own(path)`: whether nnmat wrote what is there
    now, which is then replaced without a word. Raises ConfigError; OSError for a folder that is not there.
    """
    check_writable(option, path)
    for file in inputs:
        if path.exists() and file.exists() and os.path.samefile(path, file):
            raise ConfigError(f"{option}: expected another file than {file}, which is read. Choose another name.")
    if path.exists() and not overwrite and not (own is not None and own(path)):
        raise ConfigError(
            f"{option}: expected a new file, {path} is there and nnmat did not write it. Choose another name, or "
            "pass --overwrite."
        )


def is_page(path: Path) -> bool:
    """Whether a file is a page of `nnmat train`."""
    return _begins(path, PAGE.encode())


def is_options(path: Path) -> bool:
    """Whether a file is one of `nnmat tune`."""
    return _begins(path, f"# {TOML}".encode())


def is_onnx(path: Path) -> bool:
    """Whether a file is one of `nnmat export`: ONNX begins with a number and the name of who wrote it."""
    with open(path, "rb") as file:
        return b"nnmat" in file.read(32)


def is_model(path: Path) -> bool:
    """Whether a file is a model of `nnmat train`."""
    try:
        _, found = read_arrays(path, ["header"], growth=1000)
        return b'"command":' in found["header"].tobytes()
    except (FileFormatError, KeyError, OSError):
        return False


def _begins(path: Path, head: bytes) -> bool:
    with open(path, "rb") as file:
        return file.read(len(head)) == head


def write_text(path: Path, text: str) -> None:
    """Write the whole file or, if that fails, nothing."""
    content = text.encode()
    with atomic_write(path, len(content)) as file:
        file.write(content)
