"""The disk cache of compiled kernels: one file per kernel and signature, keyed by everything that decides its code.

Numba's own cache does not notice an edit in another file that a kernel calls, and two processes that fill an empty
cache at the same time can exchange each other's code (its index and its data are written one after the other). Here
the name of an entry is a hash of the kernel's module, of every kernel module that it imports, of the versions and
options that steer the compiler, and of the signature; the entry is written to a temporary file and renamed. So an
entry is either absent or right, an edit recompiles only what it can change, and a missing or read-only folder costs
time but never fails; that it costs time is said once. Entries that nobody has used for `DAYS` days are deleted when
another one is written.
"""

import contextlib
import functools
import hashlib
import os
import pickle
import re
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import serialize
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.runtime import rtsys

from .compiling import line
from .linking import linking

PACKAGE = Path(__file__).resolve().parents[1]
DAYS = 30
# Values of numba.config that change the code (programs may set them, besides the environment); absent ones are None.
OPTIONS = ["OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "CPU_NAME", "CPU_FEATURES", "ENABLE_AVX"]
OPTIONS += ["DISABLE_INTEL_SVML", "USING_SVML", "DEBUGINFO_DEFAULT", "EXTEND_VARIABLE_LIFETIMES", "ENABLE_PROFILING"]
OPTIONS += ["LLVM_REFPRUNE_PASS", "LLVM_REFPRUNE_FLAGS", "PARFOR_MAX_TUPLE_SIZE", "DEBUG_NRT"]
OPTIONS += ["DEBUG_ARRAY_OPT_RUNTIME"]


def folder() -> Path:
    """Where entries live: `$NUMBA_CACHE_DIR/nnmat`, else `nnmat/kernels` in the user's cache folder."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(chosen) / "nnmat"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nnmat" / "kernels"


def _source_of(module: str) -> Path | None:
    """The file of a room or a module of this package, by its dotted name there; None if there is no such."""
    place = PACKAGE.joinpath(*module.split("."))
    return next((path for path in (place / "__init__.py", place.with_name(f"{place.name}.py")) if path.exists()), None)


@functools.cache
def source_and_imports(path: Path) -> tuple[str, list[str]]:
    """A source file and the rooms and modules of this package that it needs, by their dotted names there.

    These are the rooms that it lies in and what it imports, in one of the forms `from ..room.module import x` and
    `from ..room import module`. The package itself is none of them: its `__init__.py` only hands out names.
    """
    source = path.read_text(encoding="utf-8")
    rooms = path.relative_to(PACKAGE).parts[:-1]
    found = [".".join(rooms[: n + 1]) for n in range(len(rooms))]
    for dots, module, names in re.findall(r"^\s*from (\.+)([\w.]*) import (\([^)]*\)|.*)", source, re.MULTILINE):
        parts = [*rooms[: len(rooms) + 1 - len(dots)], *filter(None, module.split("."))]
        if parts:
            found.append(".".join(parts))
        if PACKAGE.joinpath(*parts).is_dir():
            modules = [".".join([*parts, name]) for name in re.findall(r"\w+", names)]
            found += [name for name in modules if _source_of(name)]
    return source, found


@functools.cache
def module_key(module: str) -> str:
    """Hash of a kernel module, of all that it reaches by imports within the package, and of the versions.

    `module` is the dotted name within the package. Raises FileNotFoundError if the source of one of them is missing,
    for then an edit would go unnoticed.
    """
    pending, sources = [module], {}
    while pending:
        name = pending.pop()
        if name in sources:
            continue
        path = _source_of(name)
        if path is None:
            raise FileNotFoundError(f"cache: no source of the kernel module {name} in {PACKAGE}")
        sources[name], imported = source_and_imports(path)
        pending += imported
    facts = (sorted(sources.items()), sys.version, np.__version__, numba.__version__, llvmlite.__version__)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def options() -> list[tuple[str, str]]:
    """What steers the compiler now: Numba's variables in the environment, and the values in force."""
    # The cache's own place, the threads and the library that starts them do not change the code that is compiled.
    ignored = {"NUMBA_CACHE_DIR", "NUMBA_DEBUG_CACHE", "NUMBA_NUM_THREADS"}
    ignored |= {"NUMBA_THREADING_LAYER", "NUMBA_THREADING_LAYER_PRIORITY"}
    given = sorted((k, v) for k, v in os.environ.items() if k.startswith("NUMBA_") and k not in ignored)
    return given + [(name, repr(getattr(numba.config, name, None))) for name in OPTIONS]


def writable() -> bool:
    """Whether entries can be written now."""
    try:
        place = folder()
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return True
    except (OSError, RuntimeError):
        return False


def prune(place: Path) -> None:
    """Delete the entries of `place` that were neither read nor written for `DAYS` days."""
    oldest = time.time() - DAYS * 86_400
    for path in place.glob("*.nbc"):
        with contextlib.suppress(OSError):  # another process may do the same at this moment
            facts = path.stat()
            if max(facts.st_atime, facts.st_mtime) < oldest:
                path.unlink()


def _digest(path: Path, payload: bytes) -> bytes:
    """What an entry begins with: the hash of its name and of its content."""
    return hashlib.sha256(path.name.encode() + payload).digest()


class KernelCache(NullCache):
    """The cache of one kernel, in the form that a Numba dispatcher expects."""

    compiled = 0  # kernels that this process has compiled, all together
    helpers: Any = None  # the `sharing.Helpers` at work
    _warned = False

    def __init__(self, function):
        self._package, _, self.module = function.__module__.partition(".")  # entries name its types by both
        self.name = function.__qualname__

    @property
    def cache_path(self):
        return str(folder())

    def entry_path(self, signature, codegen) -> Path:
        key = module_key(self.module)
        facts = (key, options(), self._package, self.name, repr(signature), codegen.magic_tuple())
        return folder() / f"{self.module}.{self.name}-{hashlib.sha256(repr(facts).encode()).hexdigest()[:32]}.nbc"

    def load_overload(self, sig, target_context):
        # Numba's own cache refreshes the whole target here: it imports all that a compiler may need, 0.3 s, and SciPy
        # if it is there, 0.4 s. Finished code needs the runtime's symbols only; what compiles refreshes by itself.
        rtsys.initialize(target_context)
        try:
            path = self.entry_path(sig, target_context.codegen())
        except (OSError, RuntimeError):  # RuntimeError: this user has no home folder
            return None
        payload = _payload(path)
        if payload is None and KernelCache.helpers is not None and KernelCache.helpers.provide(self, path.name):
            payload = _payload(path)
        if payload is None:
            return None
        linking.begin()
        try:
            return CompileResult._rebuild(target_context, *pickle.loads(payload))
        finally:
            linking.end()

    def save_overload(self, sig, data):
        if any(not lifted.can_cache for lifted in data.lifted) or data.library.has_dynamic_globals:
            return
        KernelCache.compiled += 1
        payload = serialize.dumps(data._reduce())
        path = temporary = None
        try:
            path = self.entry_path(sig, data.codegen)
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".nbc", delete=False) as file:
                temporary = file.name
                file.write(_digest(path, payload) + payload)
            os.replace(temporary, path)
            temporary = None
            prune(path.parent)
        except (OSError, RuntimeError) as error:  # the kernel was compiled all the same
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)
            self._warn(error)
        if KernelCache.helpers is not None and path is not None:
            KernelCache.helpers.compiled(self, path.name)

    @staticmethod
    def _warn(error: OSError | RuntimeError) -> None:
        """Say once that what is compiled is lost, and what to do about it."""
        line.kept = False
        if KernelCache._warned:
            return
        KernelCache._warned = True
        remedy = "Set the environment variable NUMBA_CACHE_DIR to a folder that can be written to."
        if isinstance(error, RuntimeError):
            reason = "this user has no home folder"
        elif error.strerror is None:  # from `module_key`
            reason, remedy = str(error).removeprefix("cache: "), "Install nnmat with its source files."
        else:
            reason = f"{folder()} cannot be written to ({error.strerror})"
        warnings.warn(
            f"nnmat: compiled kernels cannot be kept: {reason}. So every program compiles them again. {remedy}",
            RuntimeWarning,
            stacklevel=2,
        )


def _payload(path: Path) -> bytes | None:
    """What an entry holds behind its digest; None if there is no such entry, or a damaged one."""
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    with contextlib.suppress(OSError):  # a sign for `prune`; many file systems do not note when a file is read
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
    digest, payload = stored[:32], stored[32:]
    # Another one: cut short by a full disk or a crash, or under another entry's name.
    return payload if _digest(path, payload) == digest else None
