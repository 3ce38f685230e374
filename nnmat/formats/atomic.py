"""Writing a file so that it is either there in full or not at all."""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from .paths import as_path

try:
    import fcntl
except ImportError:  # Windows, where a file that is being written cannot be removed anyway
    fcntl = None  # type: ignore[assignment]

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def atomic_write(path: Any, size: int | None = None) -> Iterator[BinaryIO]:
    """A binary file that takes the name `path` when the block ends, and vanishes if the block raises.

    The bytes go to a temporary file in the same folder, reach the disk, and are renamed: a crash or a full disk leaves
    the old file as it was. A replaced file keeps its mode, a symbolic link stays one (its target is replaced), and
    temporary files that killed processes left for this name are removed. A device or a pipe is written to directly.

    `size`: the bytes that will be written, if known, for the message of a full disk. Raises OSError; ConfigError for
    what is no path.
    """
    path = as_path("write", path)
    target = Path(os.path.realpath(path))  # through symbolic links
    if not target.parent.is_dir():
        raise FileNotFoundError(f"write: the folder {str(target.parent)!r} of {path} does not exist. Make it first.")
    old = target.stat() if target.exists() else None
    if old is not None and stat.S_ISDIR(old.st_mode):
        raise IsADirectoryError(f"write: expected the name of a file, {str(path)!r} is a folder.")
    if old is not None and not stat.S_ISREG(old.st_mode):
        with open(target, "wb") as device:
            yield device
        return
    _remove_leftovers(target)
    temporary, file = _create(target, private=old is not None)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if old is not None:
                os.chmod(temporary, stat.S_IMODE(old.st_mode))
            if fcntl is None:
                file.close()  # Windows renames no open file; elsewhere the lock is held until the name is taken
            os.replace(temporary, target)
    except BaseException as error:  # also Ctrl-C: no half-written file stays behind
        if isinstance(error, OSError) and error.errno in FULL:
            raise _full(error, path, target, temporary, size) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)  # once renamed, it is not there


def _create(target: Path, private: bool) -> tuple[Path, BinaryIO]:
    """A new locked file beside `target`: with the user's usual permissions, or `private` until it gets others."""
    while True:
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        file = os.fdopen(os.open(temporary, flags, 0o600 if private else 0o666), "wb")
        if not _lock(file, wait=True) or temporary.exists():  # gone: another save took it for a leftover just before
            return temporary, file
        file.close()


def _remove_leftovers(target: Path) -> None:
    """Remove the temporary files of saves to `target` that were killed: those that nobody holds locked."""
    pattern = re.compile(re.escape(f".{target.name}.") + r"[0-9a-f]{12}\.tmp")
    with contextlib.suppress(OSError):  # what cannot be removed may stay
        for name in filter(pattern.fullmatch, os.listdir(target.parent)):
            leftover = target.with_name(name)
            with contextlib.suppress(OSError):
                if fcntl is None:
                    leftover.unlink()  # fails if it is open
                    continue
                with open(leftover, "rb") as file:
                    if _lock(file, wait=False):
                        leftover.unlink()


def _lock(file: BinaryIO, wait: bool) -> bool:
    """Whether the file could be locked; the lock ends with the process at the latest."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # held by a save that is under way, or a file system without locks
        return False
    return True


def _full(error: OSError, path: Path, target: Path, temporary: Path, size: int | None) -> OSError:
    """The error of a full disk with the file and its need."""
    written = temporary.stat().st_size if temporary.exists() else 0
    need = f"{size:,} bytes" if size is not None else f"more than the {written:,} bytes written so far"
    with contextlib.suppress(OSError):
        need += f", {shutil.disk_usage(target.parent).free + written:,} bytes are free"
    return OSError(
        error.errno,
        f"{os.strerror(error.errno or 0)}: {path} needs {need} in {target.parent}. It was left as it was: a new file "
        "is complete before it replaces the old one. Free some space, or write to another disk",
    )
