"""Compile nnmat's kernels into the disk cache, so that the first training step of later processes starts at once."""

import time

import nnmat_kernels.runtime.cache
from cli import guarded, script_parser
from nnmat.warmup import warmup

EXAMPLES = """\
examples:
  python scripts/warmup.py                           float32, what networks train in by default
  python scripts/warmup.py --dtype float32 float64
  NUMBA_CACHE_DIR=/srv/cache python scripts/warmup.py   another place for the cache, for the training runs too

exit codes: 0 done, 1 the cache cannot be written, 2 wrong usage, 130 stopped by Ctrl-C"""


def main() -> None:
    parser = script_parser(__doc__, EXAMPLES)
    parser.add_argument(
        "--dtype", nargs="+", choices=("float32", "float64"), default=["float32"], help="(default: float32)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    args = parser.parse_args()
    folder = nnmat_kernels.runtime.cache.folder()
    folder.mkdir(parents=True, exist_ok=True)  # says at once if it cannot be written
    before = set(folder.glob("*.nbc"))
    for dtype in dict.fromkeys(args.dtype):
        started = time.perf_counter()
        warmup(dtype, progress=not args.quiet)
        after = set(folder.glob("*.nbc"))
        seconds = time.perf_counter() - started
        print(f"{dtype}: {seconds:.1f} s, {len(after - before)} kernels compiled, {len(after)} in {folder}")
        before = after


if __name__ == "__main__":
    guarded(main)
