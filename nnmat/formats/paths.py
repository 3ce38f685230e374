"""Paths as users give them: texts, bytes and path objects."""

import os
from pathlib import Path
from typing import Any

from ..errors import ConfigError, FileFormatError


def as_path(who: str, path: Any) -> Path:
    """`path` (str, bytes or a path object) as a Path. Raises ConfigError for anything else, and for a NUL in it."""
    try:
        text = os.fsdecode(path)
    except TypeError:
        raise ConfigError(f"{who}: expected a path as str, bytes or pathlib.Path, got {path!r}.") from None
    if not text or "\0" in text:
        raise ConfigError(f"{who}: expected a path with a name and without NUL characters, got {text!r}.")
    return Path(text)


def existing_file(who: str, path: Any) -> Path:
    """`path` as a Path of something to read. Raises FileNotFoundError, FileFormatError (a folder), ConfigError."""
    path = as_path(who, path)
    if not path.exists():
        raise FileNotFoundError(f"{who}: expected a file at {path}, found none. Check the path.")
    if path.is_dir():
        raise FileFormatError(f"{who}: expected a file at {path}, got a folder.")
    return path
