"""Measure the steps of docs/kernels.md: its code blocks are executed, and the functions they define are timed."""

import argparse
import contextlib
import io
import re
from pathlib import Path
from typing import Any

import bench_machine
import bench_peak
import numpy as np
from bench_worker import seconds_per_call
from common import guarded, positive_float

import nnmat_kernels
from nnmat.atomic import atomic_write

PAGE = Path(__file__).resolve().parent.parent / "docs" / "kernels.md"
EXAMPLES = """\
examples:
  python scripts/bench_ladder.py            print the ladder
  python scripts/bench_ladder.py --write    and write it into docs/kernels.md"""
N = 512
STEPS = {  # what the page calls it: the function's name there, and the section
    "three loops (1.1)": "matmul_definition_plain",
    "rows in the inner loop (1.2)": "matmul_rows_plain",
    "with flags: fused multiply-adds (1.3)": "matmul_rows_fused",
    "blocks (1.4)": "matmul_blocks_fused",
    "register tile, packed panels (1.5, 1.6)": "matmul_tile",
    "six loops (2.1)": "conv_definition_plain",
    "with flags (2.1)": "conv_definition_fused",
    "patch matrix and product (2.2)": "conv_im2col",
    "implicit product (2.3)": "conv_implicit",
}
MARKS = ("<!-- ladder: written by `python scripts/bench_ladder.py --write` -->\n", "<!-- /ladder -->")


def functions(page: str) -> dict[str, Any]:
    """What the page's Python blocks define, executed in order."""
    namespace: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(block, PAGE.name, "exec"), namespace)
    return namespace


def operands(name: str, rng: np.random.Generator) -> tuple[list[np.ndarray], float, int]:
    """Arguments for a step of the ladder, its flops, and the length of its sums."""
    if name.startswith("matmul"):
        A, B = rng.standard_normal((2, N, N), np.float32)
        return [A, B, np.empty((N, N), np.float32)], 2 * N**3, N
    X, K = rng.standard_normal((64, 12, 12, 8), np.float32), rng.standard_normal((16, 5, 5, 8), np.float32)
    return [X, K, np.empty((64, 8, 8, 16), np.float32)], 2 * 64 * 64 * 16 * 200, 200


def measured(seconds: float) -> list[dict]:
    """All steps on one core, and NumPy's product beside them."""
    nnmat_kernels.set_num_threads(1)
    namespace, rows = functions(PAGE.read_text(encoding="utf-8")), []
    nnmat_kernels.set_num_threads(1)  # the page sets it too
    peak = bench_peak.flops(1)
    before: dict[str, float] = {}
    for label, name in STEPS.items():
        (*inputs, out), flops, terms = operands(name, np.random.default_rng(0))
        function = namespace[name]
        call = (
            (lambda f=function, i=inputs, o=out: f(*i, out=o))
            if name == "matmul_tile"
            else (lambda f=function, i=inputs, o=out: f(*i, o))
        )
        rate = flops / min(seconds_per_call(call, seconds / 5) for _ in range(5)) / 1e9
        exact = _exact(name, inputs)
        error = float(np.max(np.abs(out - exact)) / np.max(np.abs(exact)))
        if error > 2 * (terms + 3) * np.finfo(np.float32).eps:
            raise OSError(f"bench_ladder: {name} is wrong: error {error:.1e}")
        kind = name.split("_")[0]
        rows.append(
            {"step": label, "rate": rate, "of_peak": rate / peak, "gain": rate / before.get(kind, rate), "error": error}
        )
        before[kind] = rate
    return rows


def _exact(name: str, inputs: list[np.ndarray]) -> np.ndarray:
    if name.startswith("matmul"):
        return inputs[0].astype(np.float64) @ inputs[1]
    from nnmat_kernels.reference.convolution import conv2d

    return conv2d(*(A.astype(np.float64) for A in inputs))


def table(rows: list[dict], machine: str) -> str:
    """The ladder in Markdown."""
    lines = ["| step | GFLOP/s | of the peak | gain | error |", "|---|---|---|---|---|"]
    for row in rows:
        figures = f"{row['rate']:.1f} | {100 * row['of_peak']:.0f} % | {row['gain']:.1f}x | {row['error']:.0e}"
        lines.append(f"| {row['step']} | {figures} |")
    return "\n".join(
        [*lines, "", f"One thread, the fastest of five turns; {machine}. `gain`: over the step before.", ""]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=positive_float, default=1.0, help="per step (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="write the table into docs/kernels.md")
    args = parser.parse_args()
    facts = bench_machine.facts(1)
    versions = ", ".join(f"{name} {facts['versions'][name]}" for name in ("Python", "NumPy", "Numba"))
    text = table(measured(args.seconds), f"{facts['cpu']} (code for {facts['target']}); {versions}")
    print(text)
    if args.write:
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
        _, _, tail = rest.partition(MARKS[1])
        with atomic_write(PAGE) as file:
            file.write((head + MARKS[0] + text + MARKS[1] + tail).encode())


if __name__ == "__main__":
    guarded(main)
