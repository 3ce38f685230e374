"""Measure compiled derivations, value and gradients together, beside PyTorch's autograd.

Both compute the same from the same float64 arrays, in turn, and the fastest block of calls counts; PyTorch runs by 1
thread and by all, written with its own fused functions, and the faster one is the peer.
"""

import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cli import guarded, need, output_file, positive_float, positive_int, script_parser, write_json
from nnmat.calculus import compile, inv, logdet, matrix, norm2, parse, scalar, sigmoid, trace, vector
from nnmat.calculus.language.expr import Expr

EPILOG = """\
columns:
  ours, torch  microseconds of a call
  ratio        torch / ours, above 1 we are faster; the geometric mean of each size must reach its bar
  error        the largest difference of a gradient, relative to its largest entry; at most 1e-9

examples:
  python scripts/bench_compiled.py
  python scripts/bench_compiled.py --sizes 8 64 --seconds 0.1 --json compiled.json"""
BARS = {8: 3.0, 64: 1.2, 512: 1.0}
RIGHT = 1e-9
Arrays = dict[str, Any]


class Case:
    """A function by both: `f` for `compile`, `torch` for autograd, of arrays made by `arrays(n, rng)`."""

    def __init__(self, f: Expr, wrt: list[str], arrays: Callable, torch: Callable):
        self.f, self.wrt, self.arrays, self.torch = f, wrt, arrays, torch


def bilinear() -> Case:
    f = vector("x", "M").T @ matrix("A", "M", "N") @ vector("y", "N")
    shapes = {"x": 1, "A": 2, "y": 1}
    return Case(f, ["x", "A", "y"], drawn(shapes), lambda torch, v: v["x"] @ v["A"] @ v["y"])


def least_squares() -> Case:
    f = norm2(matrix("X", "M", "N") @ vector("w", "N") - vector("t", "M")) ** 2
    return Case(f, ["w"], drawn({"X": 2, "w": 1, "t": 1}), lambda torch, v: (v["X"] @ v["w"] - v["t"]).square().sum())


def gaussian() -> Case:
    Sigma, S = matrix("Sigma", "D", "D", positive_definite=True), matrix("S", "D", "D", symmetric=True)
    f = scalar("N") * logdet(Sigma) + trace(inv(Sigma) @ S)

    def arrays(n: int, rng: np.random.Generator) -> Arrays:
        a, b = rng.standard_normal((2, n, n))
        return {"Sigma": a @ a.T / n + np.eye(n), "S": b @ b.T, "N": 10.0}

    def torch_form(torch: Any, v: Any) -> Any:
        return v["N"] * torch.logdet(v["Sigma"]) + torch.trace(torch.linalg.solve(v["Sigma"], v["S"]))

    return Case(f, ["Sigma"], arrays, torch_form)


def sigmoid_inverse() -> Case:
    h = inv(matrix("B", "N", "N")) @ vector("z", "N") + vector("b", "N")
    f = vector("x", "M").T @ matrix("A", "M", "N") @ sigmoid(h)

    def arrays(n: int, rng: np.random.Generator) -> Arrays:
        made = drawn({"x": 1, "A": 2, "B": 2, "z": 1, "b": 1})(n, rng)
        made["B"] = np.eye(n) + 0.3 * made["B"] / math.sqrt(n)
        return made

    def torch_form(torch: Any, v: Any) -> Any:
        return v["x"] @ v["A"] @ torch.sigmoid(torch.linalg.solve(v["B"], v["z"]) + v["b"])

    return Case(f, ["x", "A", "B", "b"], arrays, torch_form)


def softmax_regression() -> Case:
    f = parse("-sum(Y * log_softmax_rows(X @ W.T + ones(B) @ b.T)) / dim(B)", X=("B", "N"), W=("M", "N"), b="M")
    made = drawn({"X": 2, "W": 2, "b": 1, "Y": 0})

    def torch_form(torch: Any, v: Any) -> Any:
        F = torch.nn.functional
        return F.cross_entropy(F.linear(v["X"], v["W"], v["b"]), v["Y"])

    return Case(with_targets(f, "Y", "B", "M"), ["W", "b"], made, torch_form)


def two_layers() -> Case:
    text = "-sum(Y * log_softmax_rows(sigmoid(X @ W1.T + ones(B) @ b1.T) @ W2.T + ones(B) @ b2.T)) / dim(B)"
    f = parse(text, X=("B", "N"), W1=("M", "N"), b1="M", W2=("K", "M"), b2="K")
    made = drawn({"X": 2, "W1": 2, "b1": 1, "W2": 2, "b2": 1, "Y": 0})

    def torch_form(torch: Any, v: Any) -> Any:
        F = torch.nn.functional
        hidden = torch.sigmoid(F.linear(v["X"], v["W1"], v["b1"]))
        return F.cross_entropy(F.linear(hidden, v["W2"], v["b2"]), v["Y"])

    return Case(with_targets(f, "Y", "B", "K"), ["W1", "b1", "W2", "b2"], made, torch_form)


def with_targets(f: Expr, name: str, rows: str, columns: str) -> Expr:
    """The same with a symbol whose rows sum to one."""
    targets = matrix(name, rows, columns, sums_to_one=True)
    symbols: Any = {s.name: s for s in f.free} | {name: targets}
    return parse(repr(f), **symbols)


def drawn(axes: dict[str, int]) -> Callable[[int, np.random.Generator], Arrays]:
    """Normal arrays with so many axes of n entries; 0 axes: a matrix whose rows sum to one."""

    def arrays(n: int, rng: np.random.Generator) -> Arrays:
        made = {}
        for name, many in axes.items():
            array = rng.standard_normal((n,) * (many or 2)) / (math.sqrt(n) if many == 2 else 1)
            if not many:
                array = np.exp(array)
                array /= array.sum(axis=1, keepdims=True)
            made[name] = array
        return made

    return arrays


CASES = {
    "bilinear": bilinear,
    "least squares": least_squares,
    "Gaussian likelihood": gaussian,
    "sigmoid, inverse": sigmoid_inverse,
    "softmax regression": softmax_regression,
    "two-layer net": two_layers,
}


def block(call: Callable[[], Any], seconds: float) -> float:
    """Seconds of a call, from as many as fit into a block."""
    call()
    start = time.perf_counter()
    many = 0
    while True:
        call()
        many += 1
        passed = time.perf_counter() - start
        if passed >= seconds:
            return passed / many


def measured(name: str, n: int, rounds: int, seconds: float, threads: int) -> dict[str, Any]:
    """One row: the fastest blocks of both, and the largest error."""
    import torch

    case = CASES[name]()
    arrays = case.arrays(n, np.random.default_rng(0))
    compiled = compile(case.f, case.wrt)
    tensors = {key: torch.tensor(a, dtype=torch.float64, requires_grad=key in case.wrt) for key, a in arrays.items()}
    leaves = [tensors[key] for key in case.wrt]

    def theirs() -> Any:
        value = case.torch(torch, tensors)
        return value, torch.autograd.grad(value, leaves)

    def ours() -> Any:
        return compiled(**arrays)

    (value, gradients), (wanted, slopes) = ours(), theirs()
    errors = [abs(value - wanted.item()) / abs(wanted.item())]
    for key, slope in zip(case.wrt, slopes, strict=True):
        true = slope.numpy()
        if key == "Sigma":
            true = (true + true.T) / 2
        errors.append(np.abs(gradients[key] - true).max() / np.abs(true).max())
    best = {"ours": math.inf, "torch": math.inf}
    for _ in range(rounds):
        best["ours"] = min(best["ours"], block(ours, seconds))
        for many in sorted({1, threads}):
            torch.set_num_threads(many)
            best["torch"] = min(best["torch"], block(theirs, seconds))
    times = {key: best[key] for key in best}
    return {"case": name, "size": n, **times, "ratio": best["torch"] / best["ours"], "error": float(max(errors))}


def main() -> None:
    parser = script_parser(__doc__, EPILOG)
    parser.add_argument("--sizes", nargs="+", type=positive_int, default=list(BARS), metavar="N")
    parser.add_argument("--only", nargs="+", choices=CASES, metavar="CASE", help=f"some of: {', '.join(CASES)}")
    parser.add_argument("--rounds", type=positive_int, default=7, help="alternations (default: %(default)s)")
    parser.add_argument("--seconds", type=positive_float, default=0.1, help="per turn (default: %(default)s)")
    parser.add_argument("--threads", type=positive_int, help="at most so many of PyTorch's (default: all cores)")
    parser.add_argument("--json", type=output_file(".json"), metavar="FILE", help="write the rows to FILE")
    args = parser.parse_args()
    need("torch", Path(sys.argv[0]).name, "bench")
    threads = args.threads or os.cpu_count() or 1
    rows = []
    means = []
    for n in args.sizes:
        for name in args.only or CASES:
            row = measured(name, n, args.rounds, args.seconds, threads)
            rows.append(row)
            print(
                f"{name:<20} {n:>4}  ours {1e6 * row['ours']:>9.1f}  torch {1e6 * row['torch']:>9.1f}  "
                f"{row['ratio']:.2f}x  error {row['error']:.0e}",
                flush=True,
            )
        found = [row for row in rows if row["size"] == n]
        mean = math.exp(sum(math.log(row["ratio"]) for row in found) / len(found))
        error = max(row["error"] for row in found)
        bar = BARS.get(n, 1.0)
        means.append({"size": n, "mean": mean, "bar": bar, "error": error, "holds": mean >= bar and error <= RIGHT})
        print(f"size {n}: {mean:.2f}x, bar {bar}x: {'PASS' if means[-1]['holds'] else 'MISSED'}\n", flush=True)
    if args.json:
        write_json(args.json, {"rows": rows, "means": means})


if __name__ == "__main__":
    guarded(main)
