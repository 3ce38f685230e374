"""The command line: `nnmat derive`, `nnmat laws`, `nnmat serve`, `nnmat warmup`; the same as `python -m nnmat`."""

import argparse
import sys
import time
import webbrowser

from nnmat_kernels.runtime.cache import folder, writable

from . import __version__
from .calculus.command import commands, run
from .calculus.serving.server import CalculusServer
from .warmup import main as compile_for_another
from .warmup import warmup

EPILOG = """examples:
  nnmat warmup                             float32, what networks train in by default
  nnmat warmup --dtype float32 float64
  NUMBA_CACHE_DIR=/srv/cache nnmat warmup  another place for the kernels, for the training runs too

exit codes: 0 done, 1 the place cannot be written to, 2 wrong usage, 130 stopped by Ctrl-C
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words == ["compile-for-another"]:  # a helper of another process: `nnmat_kernels.runtime.sharing`
        compile_for_another()
        return 0
    parser, added = commands()
    parser.description = "Matrix calculus from the command line, and the kernels of the networks compiled ahead."
    parser.add_argument("--version", action="version", version=f"nnmat {__version__}")
    w = added.add_parser(
        "warmup",
        help="compile the kernels of the usual networks now, so that later programs start at once",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    w.add_argument("--dtype", nargs="+", choices=("float32", "float64"), default=["float32"], help="(default: float32)")
    w.add_argument("--quiet", action="store_true", help="say nothing while it works")
    s = added.add_parser("serve", help="the calculus as a page in the browser, on this machine only")
    s.add_argument("--port", type=int, default=8765, help="0: one that is free (default: %(default)s)")
    s.add_argument("--open", action="store_true", help="open it in the browser")
    options = parser.parse_args(words)
    return {"warmup": _warmup, "serve": _serve}.get(options.command, run)(options)


def _serve(options: argparse.Namespace) -> int:
    """Until Ctrl-C."""
    try:
        server = CalculusServer(options.port)
    except (OSError, OverflowError) as error:
        print(f"nnmat serve: error: port {options.port} cannot be had: {error}. Try --port 0.", file=sys.stderr)
        return 1
    with server:
        print(f"Matrix gradients at {server.address} (Ctrl-C ends it)", flush=True)
        if options.open:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nnnmat serve: stopped.", file=sys.stderr)
    return 0


def _warmup(options: argparse.Namespace) -> int:
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


if __name__ == "__main__":
    raise SystemExit(main())
