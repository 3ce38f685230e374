"""Measure whole training steps, an epoch, memory and start-up of nnmat beside PyTorch, JAX and scikit-learn.

Every contender runs in a process of its own and they take turns, each for a short while in every round; the median over
the rounds counts. The peers get every choice that could be their fastest (PyTorch: 1 thread and --threads, NCHW and
channels_last, plain, foreach and fused optimiser; JAX: threads too, and how its loop over an epoch is written out):
after a first round, those far from their best are dropped, and the best one counts. Without JAX its cases are shown as
not measured.
"""

import sys
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from bench import machine
from bench.training import HEAD, Run, cases
from cli import guarded, need, output_file, positive_float, positive_int, script_parser, use_threads, write_json

EPILOG = """\
columns:
  ours, peer  medians over the rounds; in brackets the lowest and the highest round
  ratio       of a time: the peer's / ours, above 1 we are faster; of memory, start and busy: ours / the peer's
  bar         what the ratio (or the seconds of the cold start) must reach; PASS if it does

cases: step 16-32-10, step 784-128-10, step cnn (by hand), compiled ... (the same by Trainer.fit), call ... (one call of
compile_step a step), unlisted ... (networks drawn at random), language ... (the steps of a small Transformer, and
text written by it), jax ..., outside ... (the share of a step's time
spent outside kernels), busy ... (all threads beside one, each core with a busy neighbour), epoch, memory, start warm,
start cold

examples:
  python scripts/bench_training.py                          everything
  python scripts/bench_training.py --only cnn               the cases whose name contains one of the words
  python scripts/bench_training.py --only epoch --rounds 9
  python scripts/bench_training.py --json training.json     for docs/benchmarks.md
"""


def main() -> None:
    parser = script_parser(__doc__, EPILOG)
    parser.add_argument("--only", nargs="+", metavar="WORD", help="cases whose name contains one of these words")
    parser.add_argument("--rounds", type=positive_int, default=7, help="alternations (default: %(default)s)")
    parser.add_argument("--seconds", type=positive_float, default=0.2, help="per turn (default: %(default)s)")
    parser.add_argument("--threads", type=positive_int, help="at most so many threads (default: all cores)")
    parser.add_argument("--json", type=output_file(".json"), metavar="FILE", help="write the rows to FILE")
    args = parser.parse_args()
    every = cases()
    for word in args.only or []:
        if not any(word in name for name in every):
            parser.error(f"argument --only: no case contains {word}. There are: {', '.join(every)}")
    chosen = {name: every[name] for name in every if any(word in name for word in args.only or [""])}
    for package in ("torch", "sklearn"):
        need(package, Path(sys.argv[0]).name, "bench")
    threads = use_threads(parser, args.threads)
    facts = machine.facts(threads)
    print(f"{machine.shown(facts)}\n")
    print(HEAD, flush=True)
    rows = []
    with tqdm(total=args.rounds * len(chosen), unit="round", leave=False, disable=None) as bar:
        run = Run(args.rounds, args.seconds, threads, bar)
        try:
            for name, measure in chosen.items():
                bar.set_description(name)
                rows.append(measure(run))
                bar.write(str(rows[-1]), file=sys.stdout)
                sys.stdout.flush()
        finally:
            run.close()
    if missing := [row for row in rows if row.missing]:
        print(f"\n{len(missing)} of {len(rows)} cases not measured: {'; '.join(row.case for row in missing)}.")
    if args.json:
        found = [asdict(row) | {"ratio": row.ratio, "holds": row.holds} for row in rows]
        write_json(args.json, {"machine": facts, "rows": found})


if __name__ == "__main__":
    guarded(main)
