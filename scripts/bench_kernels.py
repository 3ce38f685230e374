"""Measure every kernel: is it right (beside its float64 twin), and how fast (beside the machine, NumPy and PyTorch)?"""

import argparse
import functools
import importlib
import json
import os
import pkgutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from tqdm import tqdm

import nnmat_kernels
from bench import groups as bench_groups
from bench import ladder as bench_ladder
from bench import machine as bench_machine
from bench import peak as bench_peak
from bench.cases import Case, cases, quick_cases
from bench.processes import Variant, Worker, best_of, in_turn, seconds_per_call
from cli import guarded, input_file, need, nonnegative_int, output_file, positive_int, read_report
from nnmat.formats.atomic import atomic_write
from nnmat_kernels import reference

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
batched_matmul, conv, elementwise. Groups without a bar: ladder, the steps of docs/kernels.md from the naive loop to
these kernels (the first steps run on one thread whatever --threads says), and others, one kernel at a time

examples:
  python scripts/bench_kernels.py --quick                  every kernel on one small shape
  python scripts/bench_kernels.py --only matmul --threads 1
  python scripts/bench_kernels.py --only conv --peer torch  a group, or else cases whose line contains the word
  python scripts/bench_kernels.py --only ladder --threads 1   naive loop, patch matrix, fast path
  python scripts/bench_kernels.py --only conv2d --cold     with real compile times: the disk cache is left out
  python scripts/bench_kernels.py --json new.json --compare old.json
"""
TORCH = Path(__file__).parent / "bench" / "torch_peer.py"
LAYOUTS = ("NCHW", "channels_last")  # of PyTorch's images; nothing else has one
TILE = "register tile"
TILE_BAR = 0.92  # of the peak
HEAD = f"{'kernel':<33}{'shape':<26}{'rate':>15}{'peak':>6}{'us':>10}{'NumPy us':>10}{'torch us':>10}{'ratio':>7}"
HEAD += f"{'first s':>9}{'residual':>10}"


def twins() -> SimpleNamespace:
    """All float64 twins in one namespace, so that a case can be called with it in place of the kernels."""
    found = {}
    for module in pkgutil.walk_packages(reference.__path__, f"{reference.__name__}."):
        found.update(vars(importlib.import_module(module.name)))
    found["matmul"] = functools.partial(_exact_product, found["matmul"])
    return SimpleNamespace(**found)


def _exact_product(twin, A, B, transpose_a=False, transpose_b=False, **options):
    """The twin adds up outer products, a minute of them at 2048: there NumPy's product in float64 stands in for it."""
    if A.size * B.shape[0 if transpose_b else 1] < 1 << 28:
        return twin(A, B, transpose_a, transpose_b, **options)
    return (A.T if transpose_a else A) @ (B.T if transpose_b else B)


def copies(arrays: list, dtype: type | None = None) -> list:
    """Copies of the inputs, for kernels that work in place; floats as `dtype` if one is given."""
    return [A.astype(dtype) if dtype and A.dtype.kind == "f" else A.copy() for A in arrays]


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


def measure(case: Case, naive: SimpleNamespace, peaks: dict, worker: Worker | None, args: argparse.Namespace) -> dict:
    """One row of the table."""
    arrays = case.arrays(np.random.default_rng(args.seed))
    exact = results(case.call(naive, *copies(arrays, np.float64)))
    started = time.perf_counter()
    returned = results(case.call(nnmat_kernels, *copies(arrays)))
    first = time.perf_counter() - started
    residual = largest_error(returned, exact)
    taken = returned[len(returned) - len(case.outs) :]
    outs, peer_outs = ({n: np.empty_like(A) for n, A in zip(case.outs, taken, strict=True)} for _ in range(2))
    ours, theirs = copies(arrays), copies(arrays)
    peer_residual = largest_error(results(case.peer(*theirs, **peer_outs)), exact) if case.comparable else None
    seconds = 0.02 if args.quick else 0.08
    our_call = (case.bind or functools.partial(functools.partial, case.call))(nnmat_kernels, *ours, **outs)
    peer_call = (case.bind_peer or functools.partial(functools.partial, case.peer))(*theirs, **peer_outs)
    variants = [
        Variant("nnmat", "nnmat", lambda: seconds_per_call(our_call, seconds)),
        Variant("NumPy", "NumPy", lambda: seconds_per_call(peer_call, seconds)),
    ]
    if worker is not None and case.torch is not None:
        for threads in sorted({1, args.threads}):
            for layout in LAYOUTS if case.group == "conv" else LAYOUTS[:1]:
                options = {"key": case.key, "seed": args.seed, "threads": threads, "layout": layout}
                label = f"{threads} thread{'s' * (threads > 1)}" + (f", {layout}" if case.group == "conv" else "")
                variants.append(
                    Variant("torch", label, functools.partial(worker.ask, "seconds", **options, seconds=seconds))
                )
    turns = in_turn(variants, args.rounds)
    best = statistics.median(turns["nnmat"]["nnmat"])
    rivals = {"NumPy": statistics.median(turns["NumPy"]["NumPy"])}
    variant = None
    if "torch" in turns:
        variant, values = best_of(turns["torch"])
        rivals["torch"] = statistics.median(values)
    rate = (case.flops or sum(A.nbytes for A in [*arrays, *returned])) / best / 1e9
    unit = "GFLOP/s" if case.flops else "GB/s"
    bound = 2 * (case.terms + 3) * np.finfo(np.float32).eps
    return {
        "name": case.name,
        "shape": case.shape,
        "group": case.group,
        "unit": unit,
        "rate": rate,
        "of_peak": rate / peaks[unit],
        "microseconds": best * 1e6,
        "rounds": {name: {label: [1e6 * v for v in vs] for label, vs in by.items()} for name, by in turns.items()},
        "numpy_microseconds": rivals["NumPy"] * 1e6,
        "torch_microseconds": rivals["torch"] * 1e6 if "torch" in rivals else None,
        "torch_variant": variant,
        "ratio": min(rivals.values()) / best,
        "first_call_seconds": first,
        "residual": residual,
        "numpy_residual": peer_residual,
        "pass": bool(residual <= bound),
        "numpy_pass": peer_residual is None or bool(peer_residual <= bound),
    }


def shown(row: dict, old: dict | None) -> str:
    """A row of the table."""
    theirs = "-" if row["torch_microseconds"] is None else f"{row['torch_microseconds']:.1f}"
    verdict = ("PASS" if row["pass"] else "FAIL") + ("" if row["numpy_pass"] else ", NUMPY FAILS")
    then = f"  {old['microseconds'] / row['microseconds']:.2f}x the old" if old else ""
    return (
        f"{row['name']:<33}{row['shape']:<26}{row['rate']:>8.1f} {row['unit']:<7}{100 * row['of_peak']:>4.0f} %"
        f"{row['microseconds']:>10.1f}{row['numpy_microseconds']:>10.1f}{theirs:>10}{row['ratio']:>7.2f}"
        f"{row['first_call_seconds']:>9.2f}{row['residual']:>10.1e} {verdict}{then}"
    )


def tile_rows(quick: bool) -> list[dict]:
    """The register tile alone, beside the peak of one core."""
    rows = []
    for k in (128, 256, 384):
        rate, peak, error = bench_peak.tile_rates(k, 0.05 if quick else 0.5)
        rows.append({"k": k, "rate": rate, "peak": peak, "of_peak": rate / peak, "residual": error})
    return rows


def group_rows(rows: list[dict]) -> list[dict]:
    """The geometric mean and the smallest ratio of each group that has a bar, against all peers."""
    found = []
    for name, (mean_bar, least_bar) in bench_groups.BARS.items():
        ratios = {f"{row['name']} {row['shape']}": row["ratio"] for row in rows if row["group"] == name}
        if ratios and all(row["torch_microseconds"] for row in rows if row["group"] == name):
            least = min(ratios, key=ratios.__getitem__)
            mean = statistics.geometric_mean(ratios.values())
            found.append(
                {"group": name, "cases": len(ratios), "mean": mean, "mean_bar": mean_bar, "least": ratios[least]}
                | {"least_bar": least_bar, "where": least, "holds": mean >= mean_bar and ratios[least] >= least_bar}
            )
    return found


def limit_numpy(threads: int) -> None:
    """NumPy's BLAS reads its number of threads when it is loaded: start this script again with the variable set."""
    if os.environ.get("OPENBLAS_NUM_THREADS") != str(threads):
        os.environ["OPENBLAS_NUM_THREADS"] = str(threads)
        os.execv(sys.executable, [sys.executable, *sys.argv])


def chosen_cases(parser: argparse.ArgumentParser, args: argparse.Namespace) -> list[Case]:
    """The cases that the options ask for: for each word a group, or else the cases with the word in name and shape."""
    every = quick_cases() if args.quick else [*bench_groups.cases(), *cases(), *bench_ladder.cases()]
    chosen: dict[str, Case] = {}
    for word in args.only or [""]:
        found = [case for case in every if word == case.group] or [case for case in every if word in case.key]
        if not found and not tile_asked([word]):
            groups = "" if args.quick else f"; and the groups {', '.join(bench_groups.BARS)}, ladder, others"
            known = ", ".join(dict.fromkeys(case.name for case in quick_cases()))
            parser.error(f"argument --only: no kernel's name contains {word}. There are: {known}, {TILE}{groups}")
        chosen |= {case.key: case for case in found}
    return list(chosen.values())


def tile_asked(only: list[str] | None) -> bool:
    return not only or any(word in TILE for word in only)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
    args.threads = args.threads or nnmat_kernels.max_num_threads()
    try:
        nnmat_kernels.set_num_threads(args.threads)
    except ValueError as error:
        parser.error(f"argument --threads: {error}")
    old = read_report(args.compare, "bench_kernels.py", ("name", "shape", "microseconds")) if args.compare else {}
    before = {f"{row['name']} {row['shape']}": row for row in old.get("rows", ())}
    if args.peer == "torch":
        need("torch", "--peer torch", "judge")
    limit_numpy(args.threads)
    with tempfile.TemporaryDirectory() as empty:
        if args.cold:
            os.environ["NUMBA_CACHE_DIR"] = empty
        worker = Worker(TORCH) if args.peer == "torch" else None
        try:
            rows = report(chosen, worker, before, args)
        finally:
            if worker is not None:
                worker.close()
    if not all(row["pass"] for row in rows):
        sys.exit("Some kernels are wrong: see the rows with FAIL.")
    if not all(row["numpy_pass"] for row in rows):
        sys.exit("NumPy computes something else in some rows: see those with NUMPY FAILS.")


def report(chosen: list[Case], worker: Worker | None, before: dict, args: argparse.Namespace) -> list[dict]:
    """Print the table while it is measured; write it as JSON if asked. `before`: rows to compare with, by key."""
    facts, naive, rows = bench_machine.facts(args.threads), twins(), []
    peaks = {"GFLOP/s": bench_peak.flops(args.threads), "GB/s": bench_peak.bandwidth(args.threads)}
    print(bench_machine.shown(facts))
    print(f"peak: {peaks['GFLOP/s']:.1f} GFLOP/s, {peaks['GB/s']:.1f} GB/s\n\n{HEAD}")
    with tqdm(chosen, leave=False, disable=None, unit="case") as bar:
        for case in bar:
            rows.append(measure(case, naive, peaks, worker, args))
            bar.write(shown(rows[-1], before.get(case.key)), file=sys.stdout)
            sys.stdout.flush()
    tile = tile_rows(args.quick) if tile_asked(args.only) else []
    for row in tile:
        verdict = "PASS" if row["of_peak"] >= TILE_BAR else "miss"
        print(
            f"{TILE}, k {row['k']}, one core: {row['rate']:.1f} of {row['peak']:.1f} GFLOP/s, "
            f"{100 * row['of_peak']:.1f} % (bar {100 * TILE_BAR:.0f} %) {verdict}; residual {row['residual']:.1e}"
        )
    if before:
        pairs = [(before[case.key], row) for case, row in zip(chosen, rows, strict=True) if case.key in before]
        gains = [then["microseconds"] / row["microseconds"] for then, row in pairs]
        mean = f", on average {statistics.geometric_mean(gains):.2f}x the old" if gains else ""
        print(f"compared with {args.compare}: {len(gains)} of {len(rows)} rows{mean}")
    groups = group_rows(rows)
    for group in groups:
        print(
            f"{group['group']}: geometric mean {group['mean']:.2f} (bar {group['mean_bar']}), smallest "
            f"{group['least']:.2f} (bar {group['least_bar']}) at {group['where']}: "
            f"{'PASS' if group['holds'] else 'miss'}"
        )
    if args.json:
        settings = {key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items()}
        found = {"machine": facts, "peaks": peaks, "settings": settings, "rows": rows, "tile": tile, "groups": groups}
        with atomic_write(args.json) as file:
            file.write((json.dumps(found, indent=1) + "\n").encode())
    return rows


if __name__ == "__main__":
    guarded(main)
