"""Measure every kernel: is it right (beside its float64 twin), and how fast (beside the machine, NumPy and PyTorch)?"""

import argparse
import os
import sys
import tempfile

from bench import groups
from bench.cases import quick_cases
from bench.kernels import TILE, TORCH, every_case, report, row_key, tile_asked
from bench.kinds.case import Case
from bench.processes import Worker
from cli import (
    guarded,
    input_file,
    need,
    nonnegative_int,
    output_file,
    positive_int,
    read_report,
    script_parser,
    use_threads,
    write_json,
)

EPILOG = """\
columns:
  rate      GFLOP/s for products (one multiply-add = 2 flops); for the others GB/s, every input and result counted once
  peak      the rate as a part of what this machine reached in this run with all threads: multiply-adds on registers
            for GFLOP/s, a copy of 64 MB per thread for GB/s (data in the caches may be faster than that)
  us        the median of --rounds turns, called from Python, with checks, after a warm-up
  NumPy     the same for the same computation in plain NumPy; torch: PyTorch's best of 1 thread and --threads, and of
            NCHW and channels_last, in a process of its own (--peer torch); all take turns
  ratio     the fastest peer's time / ours: above 1 we are faster
  first     seconds of the very first call: compilation, or reading the code from the disk cache
  residual  largest error against the float64 twin, relative to the twin's largest entry, over all results;
            PASS if it is at most 2 (n + 3) eps for sums of n terms

groups, with the geometric mean and the smallest of their ratios beside their bars if --peer torch is given: matmul,
batched_matmul, conv, elementwise, norms, attention, recurrent. Groups without a bar: ladder, the steps of
docs/kernels.md from the naive loop to these kernels (the first steps run on one thread whatever --threads says), and
others, one kernel at a time

examples:
  python scripts/bench_kernels.py --quick                  every kernel on one small shape
  python scripts/bench_kernels.py --only matmul --threads 1
  python scripts/bench_kernels.py --only conv --peer torch  a group, or else cases whose line contains the word
  python scripts/bench_kernels.py --only ladder --threads 1   naive loop, patch matrix, fast path
  python scripts/bench_kernels.py --only conv2d --cold     with real compile times: the disk cache is left out
  python scripts/bench_kernels.py --json new.json --compare old.json
"""


def limit_numpy(threads: int) -> None:
    """NumPy's BLAS reads its number of threads when it is loaded: start this script again with the variable set."""
    if os.environ.get("OPENBLAS_NUM_THREADS") != str(threads):
        os.environ["OPENBLAS_NUM_THREADS"] = str(threads)
        os.execv(sys.executable, [sys.executable, *sys.argv])


def chosen_cases(parser: argparse.ArgumentParser, args: argparse.Namespace) -> list[Case]:
    """The cases that the options ask for: for each word a group, or else the cases with the word in name and shape."""
    every = quick_cases() if args.quick else every_case()
    chosen: dict[str, Case] = {}
    for word in args.only or [""]:
        found = [case for case in every if word == case.group] or [case for case in every if word in case.key]
        if not found and not tile_asked([word]):
            others = "" if args.quick else f"; and the groups {', '.join(groups.BARS)}, ladder, others"
            known = ", ".join(dict.fromkeys(case.name for case in quick_cases()))
            parser.error(f"argument --only: no kernel's name contains {word}. There are: {known}, {TILE}{others}")
        chosen |= {case.key: case for case in found}
    return list(chosen.values())


def main() -> None:
    parser = script_parser(__doc__, EPILOG)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="groups, or words of names and shapes")
    parser.add_argument("--quick", action="store_true", help="one small shape per kernel, and short measurements")
    parser.add_argument("--peer", choices=("numpy", "torch"), default="numpy", help="torch: PyTorch besides NumPy")
    parser.add_argument("--rounds", type=positive_int, default=5, help="turns of each (default: %(default)s)")
    parser.add_argument("--threads", type=positive_int, help="threads of the kernels and of NumPy (default: all cores)")
    parser.add_argument("--seed", type=nonnegative_int, default=0, help="of the random inputs (default: %(default)s)")
    parser.add_argument("--cold", action="store_true", help="compile everything again, in an empty cache")
    parser.add_argument("--json", type=output_file(".json"), metavar="FILE", help="write the table to FILE")
    parser.add_argument("--compare", type=input_file, metavar="OLD", help="a file of --json to compare with")
    args = parser.parse_args()
    chosen = chosen_cases(parser, args)
    args.threads = use_threads(parser, args.threads)
    old = read_report(args.compare, "bench_kernels.py", ("name", "shape", "microseconds")) if args.compare else {}
    before = {row_key(row): row for row in old.get("rows", ())}
    if args.peer == "torch":
        need("torch", "--peer torch", "judge")
    limit_numpy(args.threads)
    with tempfile.TemporaryDirectory() as empty:
        if args.cold:
            os.environ["NUMBA_CACHE_DIR"] = empty
        worker = Worker(TORCH) if args.peer == "torch" else None
        try:
            found = report(chosen, worker, before, args)
        finally:
            if worker is not None:
                worker.close()
    if args.json:
        write_json(args.json, found)
    if not all(row["pass"] for row in found["rows"]):
        sys.exit("Some kernels are wrong: see the rows with FAIL.")
    if not all(row["numpy_pass"] for row in found["rows"]):
        sys.exit("NumPy computes something else in some rows: see those with NUMPY FAILS.")


if __name__ == "__main__":
    guarded(main)
