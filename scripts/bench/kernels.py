"""The rows of `bench_kernels.py`: each kernel beside its float64 twin, the machine's peak, NumPy and PyTorch."""

import argparse
import functools
import importlib
import pkgutil
import statistics
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
from tqdm import tqdm

import nnmat_kernels
from bench import groups, ladder, machine, peak
from bench.cases import cases
from bench.kinds.case import Case
from bench.processes import Variant, Worker, best_of, in_turn, seconds_per_call
from cli import settings
from nnmat_kernels import reference

TORCH = "bench.torch_peer"  # the module that PyTorch's worker runs
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
    our_call = (case.bind or functools.partial(functools.partial, case.call))(nnmat_kernels, *ours, **outs)
    peer_call = (case.bind_peer or functools.partial(functools.partial, case.peer))(*theirs, **peer_outs)
    turns = in_turn(contenders(case, our_call, peer_call, worker, args), args.rounds)
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


def contenders(
    case: Case, our_call: Callable, peer_call: Callable, worker: Worker | None, args: argparse.Namespace
) -> list[Variant]:
    """The kernel, NumPy and, where it is asked for, PyTorch with every choice that could be its fastest."""
    seconds = 0.02 if args.quick else 0.08
    variants = [
        Variant("nnmat", "nnmat", lambda: seconds_per_call(our_call, seconds)),
        Variant("NumPy", "NumPy", lambda: seconds_per_call(peer_call, seconds)),
    ]
    if worker is not None and case.torch is not None:
        for threads in sorted({1, args.threads}):
            for layout in LAYOUTS if case.group == "conv" else LAYOUTS[:1]:
                options = {"key": case.key, "seed": args.seed, "threads": threads, "layout": layout}
                label = machine.threads_in_words(threads) + (f", {layout}" if case.group == "conv" else "")
                variants.append(
                    Variant("torch", label, functools.partial(worker.ask, "seconds", **options, seconds=seconds))
                )
    return variants


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
        rate, limit, error = peak.tile_rates(k, 0.05 if quick else 0.5)
        rows.append({"k": k, "rate": rate, "peak": limit, "of_peak": rate / limit, "residual": error})
    return rows


def group_rows(rows: list[dict]) -> list[dict]:
    """The geometric mean and the smallest ratio of each group that has a bar, against all peers."""
    found = []
    for name, (mean_bar, least_bar) in groups.BARS.items():
        ratios = {row_key(row): row["ratio"] for row in rows if row["group"] == name}
        if ratios and all(row["torch_microseconds"] for row in rows if row["group"] == name):
            least = min(ratios, key=ratios.__getitem__)
            mean = statistics.geometric_mean(ratios.values())
            found.append(
                {"group": name, "cases": len(ratios), "mean": mean, "mean_bar": mean_bar, "least": ratios[least]}
                | {"least_bar": least_bar, "where": least, "holds": mean >= mean_bar and ratios[least] >= least_bar}
            )
    return found


def tile_asked(only: list[str] | None) -> bool:
    """Whether the words of --only, or their absence, ask for the register tile."""
    return not only or any(word in TILE for word in only)


def every_case() -> list[Case]:
    """What is measured if no case is asked for by name."""
    return [*groups.cases(), *cases(), *ladder.cases()]


def row_key(row: dict) -> str:
    """The key of the case that a row is about."""
    return f"{row['name']} {row['shape']}"


def report(chosen: list[Case], worker: Worker | None, before: dict, args: argparse.Namespace) -> dict:
    """Print the table while it is measured; all of it, as --json writes it. `before`: rows to compare with, by key."""
    facts, naive, rows = machine.facts(args.threads), twins(), []
    peaks = {"GFLOP/s": peak.flops(args.threads), "GB/s": peak.bandwidth(args.threads)}
    print(machine.shown(facts))
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
    by_group = group_rows(rows)
    for group in by_group:
        print(
            f"{group['group']}: geometric mean {group['mean']:.2f} (bar {group['mean_bar']}), smallest "
            f"{group['least']:.2f} (bar {group['least_bar']}) at {group['where']}: "
            f"{'PASS' if group['holds'] else 'miss'}"
        )
    found = {"machine": facts, "peaks": peaks, "settings": settings(args)}
    return found | {"rows": rows, "tile": tile, "groups": by_group}
