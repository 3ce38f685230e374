"""Measure every promise of the project and print it beside its bar: one function per row."""

import shutil
import sys
from collections.abc import Callable

from cli import guarded, output_file, script_parser, write_json
from promises import compiled, first_use, programs, sequences, speed, survival, training, truth, vision
from promises.row import Row
from promises.users import estimators, files

EXAMPLES = """\
examples:
  python scripts/evidence.py                          all rows, which takes hours
  python scripts/evidence.py --only fcn gradients     some of them
  python scripts/evidence.py --list                   their names"""

ROWS: dict[str, Callable[[], Row | list[Row]]] = {
    "softmax": training.softmax_regression,
    "fcn": training.fcn,
    "wide": training.wide,
    "cnn": training.cnn,
    "gradients": truth.gradients,
    "plays": training.language_model,
    "muon": training.language_model_by_muon,
    "bits": training.same_bits,
    "clone": training.fresh_clone,
    "start": training.second_start,
    "bad": truth.bad_input,
    **first_use.ROWS,
    **speed.ROWS,
    **programs.ROWS,
    **sequences.ROWS,
    "calculus": truth.calculus,
    "derivation-time": truth.derivation_time,
    "book": truth.book,
    "sizes": truth.sizes,
    "texts": truth.texts_without_shapes,
    "random": truth.calculus_random,
    "read-back": truth.read_back,
    **compiled.ROWS,
    "analysis": truth.analysis,
    **survival.ROWS,
    **vision.ROWS,
    **estimators.ROWS,
    **files.ROWS,
}


def main() -> None:
    parser = script_parser(
        "Measure every promise of nnmat and print it beside its bar, with the command that shows it.", EXAMPLES
    )
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help=f"some of: {', '.join(ROWS)}")
    parser.add_argument("--list", action="store_true", help="print the names of the rows and stop")
    parser.add_argument("--json", type=output_file(".json"), metavar="FILE", help="write the rows to FILE")
    args = parser.parse_args()
    if args.list:
        print("\n".join(f"{name:14} {(row.__doc__ or '').strip()}".rstrip() for name, row in ROWS.items()))
        return
    if shutil.which("git") is None:
        parser.error("git is needed for the row 'clone'")
    rows = []
    for name in args.only or ROWS:
        print(f"... {name}", file=sys.stderr, flush=True)
        found = ROWS[name]()
        for row in found if isinstance(found, list) else [found]:
            rows.append(row)
            print(f"{row}\n", flush=True)
    missed = [row.what for row in rows if row.measured and not row.holds]
    unmeasured = [row.what for row in rows if not row.measured]
    print(
        f"{sum(row.holds for row in rows)} of {len(rows)} rows met."
        + (f" Not met: {'; '.join(missed)}." if missed else "")
        + (f" Not measured: {'; '.join(unmeasured)}." if unmeasured else "")
    )
    if args.json:
        write_json(args.json, [vars(row) for row in rows])
    sys.exit(1 if missed or unmeasured else 0)


if __name__ == "__main__":
    guarded(main)
