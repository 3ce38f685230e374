"""Write docs/benchmarks.md, and the ladder's table in docs/kernels.md, from what the benches wrote with --json.

The files must hold every case of the benches, those included where a peer is faster.
"""

import itertools
from pathlib import Path

import nnmat
from bench import kernels, ladder, machine, training
from bench.training import bar_in_words, spread
from cli import guarded, input_file, read_report, script_parser, write_text

DOCS = Path(__file__).resolve().parent.parent / "docs"
COMMANDS = """\
python scripts/bench_training.py --json training.json
python scripts/bench_kernels.py --peer torch --json kernels.json
python scripts/bench_kernels.py --only ladder --threads 1 --json ladder.json
python scripts/bench_markdown.py kernels.json --training training.json --ladder ladder.json
"""
EPILOG = f"""\
example, from measurements to the pages:
  {COMMANDS.strip().replace(chr(10), chr(10) + "  ")}
"""
HEAD = f"""\
# Benchmarks

Every case of the two benches, whoever is faster. All in float32. Ratios above 1: nnmat is faster. This page is
written by a script from what was measured; other machines give other numbers, and about a quarter of an hour gives
yours (`.venv/bin/pip install -e '.[bench]'` adds PyTorch, JAX and scikit-learn):

```console
{COMMANDS}```
"""
MARKS = ("<!-- ladder: written by `scripts/bench_markdown.py` -->\n", "<!-- /ladder -->")
KERNEL_KEYS = ("name", "shape", "group", "rate", "numpy_microseconds", "torch_microseconds", "residual")
TRAINING_KEYS = ("case", "ours", "peer", "bar", "holds", "missing")


def training_table(found: dict) -> list[str]:
    """Whole steps, an epoch, memory, starts."""
    lines = ["## Training", "", *where(found), ""]
    lines += ["| case | nnmat (range) | peer (range) | ratio | bar | |", "|---|---|---|---|---|---|"]
    for row in found["rows"]:
        if row["missing"]:
            lines.append(f"| {row['case']} | - | - | - | - | not measured: {row['missing']} |")
            continue
        ours, peer = (spread(row[key], row["unit"]) for key in ("ours", "peer"))
        ratio = f"{row['ratio']:.2f}" if row["peer"] else "-"
        bar = bar_in_words(row["faster"], row["bar"], "" if row["peer"] else f" {row['unit']}")
        peer = f"{peer}, {row['variant']}" if row["peer"] else "-"
        lines.append(f"| {row['case']} | {ours} | {peer} | {ratio} | {bar} | {verdict(row['holds'])} |")
    note = "Steps and epoch: the peer's time / ours. Memory, start and busy: ours / the peer's, which must be small."
    return [*lines, "", note, ""]


def kernel_tables(found: dict) -> list[str]:
    """The register tile, the groups beside their bars, then every row."""
    peaks = found["peaks"]
    lines = ["## Kernels", "", *where(found), ""]
    lines += [f"Peak in the same run: {peaks['GFLOP/s']:.1f} GFLOP/s, {peaks['GB/s']:.1f} GB/s.", ""]
    if found["tile"]:
        lines += ["| register tile, one core | GFLOP/s | of the peak |", "|---|---|---|"]
        lines += [f"| k {row['k']} | {row['rate']:.1f} | {100 * row['of_peak']:.1f} % |" for row in found["tile"]]
        lines.append("")
    if found["groups"]:
        lines += ["| group | shapes | geometric mean | bar | smallest | bar | |", "|---|---|---|---|---|---|---|"]
        for group in found["groups"]:
            figures = f"{group['mean']:.2f} | {group['mean_bar']} | {group['least']:.2f} ({group['where']})"
            mark = verdict(group["holds"])
            lines.append(f"| {group['group']} | {group['cases']} | {figures} | {group['least_bar']} | {mark} |")
        lines.append("")
    for name in dict.fromkeys(row["group"] for row in found["rows"]):
        lines += [f"### {name}", ""]
        lines += ["| kernel | shape | rate | of the peak | us | NumPy us | PyTorch us | ratio | residual |"]
        lines += ["|---|---|---|---|---|---|---|---|---|"]
        lines += [kernel_row(row) for row in found["rows"] if row["group"] == name] + [""]
    return lines


def kernel_row(row: dict) -> str:
    torch = f"{row['torch_microseconds']:.1f}, {row['torch_variant']}" if row["torch_microseconds"] else "-"
    rate = f"{row['rate']:.1f} {row['unit']} | {100 * row['of_peak']:.0f} %"
    times = f"{row['microseconds']:.1f} | {row['numpy_microseconds']:.1f} | {torch}"
    return f"| {row['name']} | {row['shape']} | {rate} | {times} | {row['ratio']:.2f} | {row['residual']:.0e} |"


def ladder_table(found: dict) -> str:
    """The steps of docs/kernels.md: what each gains over the one before, and NumPy after the last."""
    lines = ["| step | us | rate | of the peak | gain | error |", "|---|---|---|---|---|---|"]
    rows = [row for row in found["rows"] if row["group"] == "ladder"]
    for _, steps in itertools.groupby(rows, key=lambda row: row["shape"]):
        before = None
        for row in steps:
            gain = f"{before['microseconds'] / row['microseconds']:.1f}x" if before else ""
            figures = f"{row['microseconds']:.1f} | {row['rate']:.1f} {row['unit']} | {100 * row['of_peak']:.0f} %"
            lines.append(f"| {row['name'].removeprefix('ladder ')} | {figures} | {gain} | {row['residual']:.0e} |")
            before = row
        assert before is not None
        theirs, part = before["numpy_microseconds"], before["microseconds"] / before["numpy_microseconds"]
        figures = (
            f"{theirs:.1f} | {part * before['rate']:.1f} {before['unit']} | {100 * part * before['of_peak']:.0f} %"
        )
        lines.append(f"| NumPy | {figures} | | |")
    facts = found["machine"]
    versions = ", ".join(f"{name} {facts['versions'][name]}" for name in ("Python", "NumPy", "Numba"))
    where = f"{facts['cpu']} (code for {facts['target']}); {versions}"
    return "\n".join([*lines, "", f"`{facts['command']}`; {where}. `gain`: over the step before.", ""])


def where(found: dict) -> list[str]:
    """Where and with what, and the command."""
    *facts, command = machine.shown(found["machine"]).splitlines()
    return [f"`{command}`", "", "; ".join(facts) + "."]


def verdict(holds: bool) -> str:
    return "met" if holds else "missed"


def complete(tables: list[dict], trained: dict, steps: dict) -> None:
    """A DataError if a case of the benches is in none of the files, or stands there without PyTorch's time."""
    rows = {kernels.row_key(row): row for found in tables for row in found["rows"]}
    every = kernels.every_case()
    missing = [c.key for c in every if c.key not in rows or (c.torch and not rows[c.key]["torch_microseconds"])]
    missing += sorted(set(training.cases()) - {row["case"] for row in trained["rows"]})
    names = {row["name"] for row in steps["rows"]}
    missing += [case.name for case in ladder.cases() if case.name not in names]
    if missing:
        some = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
        raise nnmat.DataError(
            f"bench_markdown: expected every case of the benches, with PyTorch beside it, and {len(missing)} are "
            f"missing: {some}. Try the commands of --help; several files of bench_kernels.py may be given."
        )


def main() -> None:
    parser = script_parser(__doc__, EPILOG)
    parser.add_argument("kernels", type=input_file, nargs="+", help="from bench_kernels.py --peer torch --json")
    parser.add_argument("--training", type=input_file, required=True, help="from bench_training.py --json")
    parser.add_argument("--ladder", type=input_file, required=True, help="from bench_kernels.py --only ladder --json")
    parser.add_argument("--docs", type=Path, default=DOCS, metavar="FOLDER", help="of the pages (default: docs/)")
    args = parser.parse_args()
    if not (args.docs / "kernels.md").is_file():
        parser.error(f"argument --docs: there is no kernels.md in {args.docs}")
    *tables, steps = (read_report(f, "bench_kernels.py", KERNEL_KEYS) for f in [*args.kernels, args.ladder])
    trained = read_report(args.training, "bench_training.py", TRAINING_KEYS)
    complete(tables, trained, steps)
    lines = [line for found in tables for line in kernel_tables(found)]
    write(args.docs / "benchmarks.md", "\n".join([HEAD, *training_table(trained), *lines]).rstrip() + "\n")
    head, _, rest = (args.docs / "kernels.md").read_text(encoding="utf-8").partition(MARKS[0])
    _, _, tail = rest.partition(MARKS[1])
    write(args.docs / "kernels.md", head + MARKS[0] + ladder_table(steps) + MARKS[1] + tail)


def write(page: Path, text: str) -> None:
    write_text(page, text)
    print(f"{page} written.")


if __name__ == "__main__":
    guarded(main)
