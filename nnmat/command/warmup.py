"""`nnmat warmup`: the kernels of the usual networks compiled ahead."""

import argparse
import sys
import time
from typing import Any

from nnmat_kernels.runtime.cache import folder, writable

from ..warmup import warmup
from .usage.kinds import command

EXAMPLES = """\
examples:
  nnmat warmup                             float32, what networks train in by default
  nnmat warmup --dtype float32 float64
  NUMBA_CACHE_DIR=/srv/cache nnmat warmup  another place for the kernels, for the training runs too

exit codes: 0 done, 1 the place cannot be written to, 2 wrong usage, 130 stopped by Ctrl-C
"""


def add(added: Any) -> None:
    """The command with its options."""
    text = "compile the kernels of the usual networks now, so that later programs start at once"
    parser = command(added, "warmup", text, EXAMPLES, run, "[--dtype KIND ...] [--quiet]")
    kinds = ("float32", "float64")
    parser.add_argument("--dtype", nargs="+", choices=kinds, default=["float32"], help="(default: float32)")
    parser.add_argument("--quiet", action="store_true", help="say nothing while it works")


def run(options: argparse.Namespace) -> int:
    """Compile, and say how much there was to do."""
    if not writable():
        try:
            place = f"in {folder()}"
        except RuntimeError:
            place = "anywhere: this user has no home folder"
        print(
            f"nnmat warmup: error: compiled kernels cannot be kept {place}. "
            "Set the environment variable NUMBA_CACHE_DIR to a folder that can be written to.",
            file=sys.stderr,
        )
        return 1
    try:
        for dtype in dict.fromkeys(options.dtype):
            started, before = time.perf_counter(), entries()
            warmup(dtype=dtype, progress=not options.quiet)
            seconds, found = time.perf_counter() - started, entries()
            print(f"{dtype}: {seconds:.1f} s, {len(found - before)} kernels compiled, {len(found)} in {folder()}")
    except KeyboardInterrupt:
        print("\nnnmat warmup: stopped by Ctrl-C. What is compiled is kept.", file=sys.stderr)
        return 130
    return 0


def entries() -> set[str]:
    """The names of the compiled kernels in the cache."""
    return {path.name for path in folder().glob("*.nbc")}
