"""Write docs/benchmarks.md from what the benches wrote with --json, losses included."""

import argparse
import json
import statistics
from pathlib import Path

import bench_machine
from common import guarded, input_file

from nnmat.atomic import atomic_write

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
EXAMPLES = """\
how the page is made:
  python scripts/bench_kernels.py --peer torch --json kernels.json
  python scripts/bench_training.py --json training.json
  python scripts/bench_markdown.py kernels.json --training training.json"""
HEAD = """\
# Benchmarks

Measured by the scripts named below and written by `scripts/bench_markdown.py`; nothing is left out, and what is slower
than a peer stands here as well. All in float32. Ratios above 1: nnmat is faster. Other machines give other numbers:
`make bench` shows yours.
"""


def training_table(found: dict) -> list[str]:
    """Whole steps, an epoch, memory, starts."""
    lines = ["## Training", "", *machine(found), ""]
    lines += ["| case | nnmat (range) | peer (range) | ratio | bar | |", "|---|---|---|---|---|---|"]
    for row in found["rows"]:
        ours, peer = (spread(row[key], row["unit"]) for key in ("ours", "peer"))
        ratio = f"{row['ratio']:.2f}" if row["peer"] else "-"
        bar = f"{'>=' if row['faster'] else '<='} {row['bar']:g}{'' if row['peer'] else ' ' + row['unit']}"
        peer = f"{peer}, {row['variant']}" if row["peer"] else "-"
        lines.append(f"| {row['case']} | {ours} | {peer} | {ratio} | {bar} | {verdict(row['holds'])} |")
    note = "Steps and epoch: the peer's time / ours. Memory and start: ours / the peer's, which must be small."
    return [*lines, "", note, ""]


def kernel_tables(found: dict) -> list[str]:
    """The register tile, the groups, every row."""
    peaks = found["peaks"]
    lines = ["## Kernels", "", *machine(found), ""]
    lines += [f"Peak in the same run: {peaks['GFLOP/s']:.1f} GFLOP/s, {peaks['GB/s']:.1f} GB/s.", ""]
    if found["tile"]:
        lines += ["| register tile, one core | GFLOP/s | of the peak |", "|---|---|---|"]
        lines += [f"| k {row['k']} | {row['rate']:.1f} | {100 * row['of_peak']:.1f} % |" for row in found["tile"]] + [
            ""
        ]
    if found["groups"]:
        lines += ["| group | shapes | geometric mean | bar | smallest | bar | |", "|---|---|---|---|---|---|---|"]
        for group in found["groups"]:
            figures = f"{group['mean']:.2f} | {group['mean_bar']} | {group['least']:.2f} ({group['where']})"
            mark = verdict(group["holds"])
            lines.append(f"| {group['group']} | {group['cases']} | {figures} | {group['least_bar']} | {mark} |")
        lines.append("")
    lines += ["| kernel | shape | rate | of the peak | us | NumPy us | PyTorch us | ratio | residual |"]
    lines += ["|---|---|---|---|---|---|---|---|---|"]
    for row in found["rows"]:
        torch = f"{row['torch_microseconds']:.1f}, {row['torch_variant']}" if row["torch_microseconds"] else "-"
        rate = f"{row['rate']:.1f} {row['unit']} | {100 * row['of_peak']:.0f} %"
        times = f"{row['microseconds']:.1f} | {row['numpy_microseconds']:.1f} | {torch}"
        lines.append(
            f"| {row['name']} | {row['shape']} | {rate} | {times} | {row['ratio']:.2f} | {row['residual']:.0e} |"
        )
    return [*lines, ""]


def machine(found: dict) -> list[str]:
    """Where and with what, and the command."""
    *facts, command = bench_machine.shown(found["machine"]).splitlines()
    return [f"`{command}`", "", "; ".join(facts) + "."]


def spread(values: list[float], unit: str) -> str:
    if not values:
        return "-"
    middle, least, most = (f"{float(f'{v:.3g}'):g}" for v in (statistics.median(values), min(values), max(values)))
    return f"{middle} {unit} ({least}-{most})"


def verdict(holds: bool) -> str:
    return "met" if holds else "missed"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kernels", type=input_file, nargs="+", help="from bench_kernels.py --peer torch --json")
    parser.add_argument("--training", type=input_file, required=True, help="from bench_training.py --json")
    parser.add_argument("--out", type=Path, default=PAGE, help="(default: docs/benchmarks.md)")
    args = parser.parse_args()
    *kernels, training = (json.loads(path.read_text()) for path in (*args.kernels, args.training))
    tables = [line for found in kernels for line in kernel_tables(found)]
    text = "\n".join([HEAD, *training_table(training), *tables])
    with atomic_write(args.out) as file:
        file.write((text.rstrip() + "\n").encode())
    print(f"{args.out} written.")


if __name__ == "__main__":
    guarded(main)
