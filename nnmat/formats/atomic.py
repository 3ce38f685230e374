"""Writing a file so that it is either there in full or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """A binary file that takes the name `path` when the block ends, and vanishes if the block raises.

    The bytes go to a temporary file in the same folder, reach the disk, and are renamed: a crash or a full disk leaves
    the old file as it was. Opened by name and not by `tempfile`, so that the file gets the user's usual permissions.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:  # also Ctrl-C: no half-written file stays behind
        temporary.unlink(missing_ok=True)
        raise
