"""Measure every kernel against its float64 twin (is it right?) and against NumPy (is it fast?)."""

import argparse
import importlib
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
from bench_cases import Case, cases
from common import guarded, nonnegative_int, output_file, positive_int

import nnmat_kernels
from nnmat.atomic import atomic_write

EPILOG = """\
columns:
  GFLOP/s   for products (one multiply-add = 2 flops); for the others GB/s, every input and result counted once
  us        the fastest of several calls from Python, with checks, after a warm-up
  NumPy     the same for the same computation in plain NumPy, measured after the kernel
  ratio     NumPy's time / ours: above 1 we are faster
  first     seconds of the very first call: compilation, or reading the code from the disk cache
  residual  largest error against the float64 twin, relative to the twin's largest entry, over all results;
            PASS if it is at most 2 (n + 3) eps for sums of n terms
  its own   the same for NumPy, which must pass too, or the comparison of times means nothing; not for dropout,
            where NumPy draws another mask

examples:
  python scripts/bench_kernels.py --quick                  every kernel on one small shape
  python scripts/bench_kernels.py --only matmul --threads 1
  python scripts/bench_kernels.py --only conv2d --cold     with real compile times: the disk cache is left out
"""
TWINS = ["activations", "batched_matmul", "convolution", "cross_entropy", "dropout", "elementwise_losses", "im2col"]
TWINS += ["matmul", "pooling", "reductions", "softmax", "updates"]


def twins() -> SimpleNamespace:
    """All float64 twins in one namespace, so that a case can be called with it in place of the kernels."""
    found = {}
    for module in TWINS:
        found.update(vars(importlib.import_module(f"nnmat_kernels.reference.{module}")))
    return SimpleNamespace(**found)


def copies(arrays: list, dtype: type | None = None) -> list:
    """Copies of the inputs, for kernels that work in place; floats as `dtype` if one is given."""
    return [A.astype(dtype) if dtype and A.dtype.kind == "f" else A.copy() for A in arrays]


def best_of(call, seconds: float) -> float:
    """The fastest of at least five calls, and of as many as fit into `seconds`.

    Threads of the library measured before may still spin for work; they get time to fall asleep first.
    """
    time.sleep(0.1)
    call()
    best, calls, end = float("inf"), 0, time.perf_counter() + seconds
    while calls < 5 or time.perf_counter() < end:
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
        calls += 1
    return best


def results(value) -> list[np.ndarray]:
    """What a kernel, twin or peer returned, as a list of arrays."""
    return [np.asarray(x) for x in (value if isinstance(value, tuple) else (value,))]


def largest_error(found: list[np.ndarray], exact: list[np.ndarray]) -> float:
    """The largest error over all results, each relative to its own largest entry."""
    errors = []
    for A, E in zip(found, exact, strict=True):
        scale = np.max(np.abs(E), initial=0) or 1.0
        errors.append(np.max(np.abs(A - E), initial=0) / scale)
    return float(np.max(errors))  # not max(), which may lose a NaN


def measure(case: Case, naive: SimpleNamespace, seed: int, seconds: float) -> dict:
    """One row of the table."""
    arrays = case.arrays(np.random.default_rng(seed))
    exact = results(case.call(naive, *copies(arrays, np.float64)))
    started = time.perf_counter()
    returned = results(case.call(nnmat_kernels, *copies(arrays)))
    first = time.perf_counter() - started
    residual = largest_error(returned, exact)
    taken = returned[len(returned) - len(case.outs) :]
    outs, peer_outs = ({n: np.empty_like(A) for n, A in zip(case.outs, taken, strict=True)} for _ in range(2))
    ours, theirs = copies(arrays), copies(arrays)
    peer_residual = largest_error(results(case.peer(*theirs, **peer_outs)), exact) if case.comparable else None
    best = best_of(lambda: case.call(nnmat_kernels, *ours, **outs), seconds)
    peer = best_of(lambda: case.peer(*theirs, **peer_outs), seconds)
    work = case.flops or sum(A.nbytes for A in [*arrays, *returned])
    bound = 2 * (case.terms + 3) * np.finfo(np.float32).eps
    return {
        "name": case.name,
        "shape": case.shape,
        "unit": "GFLOP/s" if case.flops else "GB/s",
        "rate": work / best / 1e9,
        "microseconds": best * 1e6,
        "numpy_rate": work / peer / 1e9,
        "numpy_microseconds": peer * 1e6,
        "ratio": peer / best,
        "first_call_seconds": first,
        "residual": residual,
        "numpy_residual": peer_residual,
        "pass": bool(residual <= bound),
        "numpy_pass": peer_residual is None or bool(peer_residual <= bound),
    }


def machine(threads: int) -> dict:
    """What the numbers depend on."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    return {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "target": numba.core.registry.cpu_target.target_context.codegen().magic_tuple()[1],
        "threads": threads,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
    }


def limit_numpy(threads: int) -> None:
    """NumPy's BLAS reads its number of threads when it is loaded: start this script again with the variable set."""
    if os.environ.get("OPENBLAS_NUM_THREADS") != str(threads):
        os.environ["OPENBLAS_NUM_THREADS"] = str(threads)
        os.execv(sys.executable, [sys.executable, *sys.argv])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="kernels whose name contains one of these words")
    parser.add_argument("--quick", action="store_true", help="one small shape per kernel, and short measurements")
    parser.add_argument("--threads", type=positive_int, help="threads of the kernels and of NumPy (default: all cores)")
    parser.add_argument("--seed", type=nonnegative_int, default=0, help="of the random inputs (default: %(default)s)")
    parser.add_argument("--cold", action="store_true", help="compile everything again, in an empty cache")
    parser.add_argument("--json", type=output_file(".json"), metavar="FILE", help="write the table to FILE")
    args = parser.parse_args()
    chosen = [c for c in cases(args.quick) if not args.only or any(word in c.name for word in args.only)]
    if not chosen:
        known = ", ".join(dict.fromkeys(c.name for c in cases(True)))
        parser.error(f"argument --only: no kernel's name contains {' or '.join(args.only)}. There are: {known}")
    threads = args.threads or nnmat_kernels.max_num_threads()
    try:
        nnmat_kernels.set_num_threads(threads)
    except ValueError as error:
        parser.error(f"argument --threads: {error}")
    limit_numpy(threads)
    with tempfile.TemporaryDirectory() as empty:
        if args.cold:
            os.environ["NUMBA_CACHE_DIR"] = empty
        rows = report(chosen, threads, args)
    if not all(row["pass"] for row in rows):
        sys.exit("Some kernels are wrong: see the rows with FAIL.")
    if not all(row["numpy_pass"] for row in rows):
        sys.exit("NumPy computes something else in some rows: see those with NUMPY FAILS.")


def report(chosen: list[Case], threads: int, args: argparse.Namespace) -> list[dict]:
    """Print the table while it is measured; write it as JSON if asked."""
    facts, naive, rows = machine(threads), twins(), []
    print(f"{facts['cpu']} (code for {facts['target']}), {threads} threads")
    print(f"Python {facts['python']}, NumPy {facts['numpy']}, Numba {facts['numba']}, float32")
    head = (
        f"{'kernel':<29}{'shape':<27}{'rate':>16}{'us':>10}{'NumPy us':>10}{'ratio':>7}{'first s':>9}"
        f"{'residual':>10}{'its own':>10}"
    )
    print(head)
    for case in chosen:
        row = measure(case, naive, args.seed, 0.05 if args.quick else 0.3)
        rows.append(row)
        verdict = ("PASS" if row["pass"] else "FAIL") + ("" if row["numpy_pass"] else ", NUMPY FAILS")
        own = "-" if row["numpy_residual"] is None else f"{row['numpy_residual']:.1e}"
        print(
            f"{row['name']:<29}{row['shape']:<27}{row['rate']:>8.1f} {row['unit']:<7}{row['microseconds']:>10.1f}"
            f"{row['numpy_microseconds']:>10.1f}{row['ratio']:>7.2f}{row['first_call_seconds']:>9.2f}"
            f"{row['residual']:>10.1e}{own:>10} {verdict}",
            flush=True,
        )
    if args.json:
        settings = {"seed": args.seed, "quick": args.quick, "cold": args.cold, "only": args.only}
        with atomic_write(args.json) as file:
            file.write((json.dumps({"machine": facts, "settings": settings, "rows": rows}, indent=1) + "\n").encode())
    return rows


if __name__ == "__main__":
    guarded(main)
