"""Measure every promise of the project and print it beside its bar: one function per row."""

import argparse
import json
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cli import guarded, output_file
from nnmat.formats.atomic import atomic_write
from promises import speed as evidence_speed
from promises.row import ROOT, Row, run

EXAMPLES = """\
examples:
  python scripts/evidence.py                          all rows, about an hour on 2 cores
  python scripts/evidence.py --only fcn gradients     some of them
  python scripts/evidence.py --list                   their names"""

# The options of the row for 784-800-10.
WIDE = "--hidden 800 --activation relu --dropout 0.3 --epochs 20 --batch-size 64 --lr 0.001"


def accuracy(script: str, bar: float) -> Row:
    """Test accuracy after the last epoch, the mean of the seeds 0, 1, 2."""
    found, seconds = [], []
    for seed in (0, 1, 2):
        with tempfile.TemporaryDirectory() as folder:
            run(f"python {script} --quiet --seed {seed} --json {folder}/r.json")
            result = json.loads(Path(folder, "r.json").read_text())
        found.append(100 * result["test_accuracy"])
        seconds.append(result["seconds_per_epoch"])
    mean = sum(found) / 3
    each = ", ".join(f"{a:.2f}" for a in found)
    value = f"{mean:.2f} % (seeds 0, 1, 2: {each}); {result['epochs']} epochs of {min(seconds):.1f} s"
    return Row(f"accuracy: {script}", f"{bar} %", value, mean >= bar, f"python {script} --seed 0|1|2")


def softmax_regression() -> Row:
    """Accuracy of softmax regression, the mean of three seeds."""
    return accuracy("scripts/train_fcn.py --hidden", 91.9)


def fcn() -> Row:
    """Accuracy of 784-128-10 with sigmoid, the mean of three seeds."""
    return accuracy("scripts/train_fcn.py", 97.9)


def wide() -> Row:
    """Accuracy of 784-800-10, the mean of three seeds."""
    return accuracy(f"scripts/train_fcn.py {WIDE}", 98.4)


def cnn() -> Row:
    """Accuracy of the convolutional network, the mean of three seeds."""
    return accuracy("scripts/train_cnn.py", 99.1)


def gradients() -> Row:
    """Finite differences (norm-wise error below 1e-7) and PyTorch (below 1e-11): the tests assert the bars."""
    ours = "python -m pytest -q tests/nnmat/layers tests/nnmat/test_losses.py -k 'derivative or difference'"
    theirs = "python -m pytest -q tests/judge"
    passed = [int(m) for c in (ours, theirs) for m in re.findall(r"(\d+) passed", run(c, NNMAT_JUDGE="1").stdout)]
    value = f"{passed[0]} cases against finite differences, {passed[1]} against PyTorch, none failed"
    bar = "norm-wise error < 1e-7 against differences, < 1e-11 against PyTorch, float64"
    return Row("gradients of every layer and loss", bar, value, min(passed) > 0, f"{ours}; {theirs}")


def same_bits() -> Row:
    """1 and 2 threads; two runs of one seed; interrupted and resumed."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for i, threads in enumerate(("1", "2", "2")):
            files.append(f"{folder}/{i}.npz")
            quick = "--limit 6000 --epochs 2 --quiet"
            run(f"python scripts/train_cnn.py {quick} --threads {threads} --save {files[-1]}")
        from nnmat import load

        parameters = [load(file).flat_parameters.tobytes() for file in files]
    command = (
        "python -m pytest -q tests/nnmat/test_resume.py tests/scripts/test_training_scripts.py -k 'interrupt or ctrl'"
    )
    resumed = int(re.findall(r"(\d+) passed", run(command).stdout)[0])
    equal = len(set(parameters)) == 1
    value = f"CNN with 1, 2 and 2 threads: {'equal' if equal else 'DIFFERENT'}; {resumed} interruptions resumed, equal"
    command = f"python scripts/train_cnn.py --threads 1|2 --save FILE; {command}"
    return Row("same bits", "identical", value, equal and resumed > 0, command)


def fresh_clone() -> Row:
    """`make train` in a fresh clone, with a new virtual environment and an empty kernel cache."""
    with tempfile.TemporaryDirectory() as folder:
        run(f"git clone -q {ROOT} {folder}/nnmat")
        started = time.perf_counter()
        done = run("make train", cwd=Path(folder, "nnmat"), NUMBA_CACHE_DIR=f"{folder}/cache")
        seconds = time.perf_counter() - started
    said = done.stdout.strip().splitlines()[-1]
    return Row("make train on a fresh clone", "<= 300 s", f"{seconds:.0f} s; {said}", seconds <= 300, "make train")


def second_start() -> Row:
    """Process start to the first finished step, the kernels in the cache; the median of five."""
    step = (
        "import nnmat, time; from nnmat import *; train, _ = datasets.mnist(); "
        "model = Sequential([Conv2d(1, 16, 5), ReLU(), MaxPool2d(2), Conv2d(16, 32, 5), ReLU(), MaxPool2d(2), "
        "Flatten(), Linear(None, 128), ReLU(), Dropout(0.25), Linear(128, 10)], input_shape=(28, 28, 1)); "
        "trainer = Trainer(model, SoftmaxCrossEntropy(), Adam(model), metrics=['accuracy']); "
        "trainer.fit(train, steps=1, batch_size=64, progress=False)"
    )
    times = []
    for _ in range(6):
        started = time.perf_counter()
        run(f"python -c {shlex.quote(step)}")
        times.append(time.perf_counter() - started)
    times = sorted(times[1:])  # the first may have had to compile
    value = f"median {times[2]:.2f} s, from {times[0]:.2f} to {times[-1]:.2f} s, MNIST loaded, CNN of train_cnn.py"
    return Row(
        "second run: start to first finished step",
        "<= 3 s",
        value,
        times[2] <= 3,
        "python scripts/evidence.py --only start",
    )


def calculus() -> Row:
    """Worked examples and identities in the textbook form, mutated rules caught, wrong statements refuted, times."""
    found, times = {}, ""
    for name in ("worked_examples", "identities", "mutations", "table"):
        text = run(f"python -m pytest -q -s tests/nnmat/calculus/test_{name}.py").stdout
        found[name] = int(re.findall(r"(\d+) passed", text)[0])
        times += "".join(re.findall(r"a derivation: .*", text))
    value = ", ".join(f"{number} tests of {name.replace('_', ' ')}" for name, number in found.items())
    holds = found["worked_examples"] >= 90 and found["identities"] >= 60 and found["mutations"] >= 30 and times != ""
    bar = "textbook forms letter by letter; >= 30 mutations caught; a derivation < 50 ms, depth 8 < 1 s"
    return Row("matrix gradients derived", bar, f"{value}; {times}", holds, "python -m pytest -s tests/nnmat/calculus")


def calculus_random() -> Row:
    """Random expressions against PyTorch: every operator 200 times as root, inside and under a transpose."""
    command = "python -m pytest -q -s tests/judge/test_calculus_torch.py -k random"
    parts = re.findall(r"compared (\d+), refused (\d+), worst (\S+)", run(command, NNMAT_RANDOM="200").stdout)
    if not parts:
        raise OSError("evidence: the random expressions of the calculus printed no figures")
    compared, refused = (sum(int(part[i]) for part in parts) for i in (0, 1))
    worst = max(float(part[2]) for part in parts)
    value = f"{compared} right, {refused} refused, none wrong; worst relative distance {worst:.1e}"
    holds = compared >= 5000 and refused <= 0.01 * compared
    bar = "at least 5,000 against PyTorch, each operator 200 times in each place; none wrong, at most 1 % refused"
    return Row("random expressions", bar, value, holds, f"NNMAT_RANDOM=200 {command}")


def bad_input() -> Row:
    """The table-driven sweeps over library and scripts."""
    command = "python -m pytest -q tests/test_bad_input.py tests/scripts -k 'bad or wrong or no_data or missing'"
    passed = int(re.findall(r"(\d+) passed", run(command).stdout)[0])
    value = f"{passed} wrong calls explained, no traceback from a script, no file left behind"
    return Row("bad input", "a typed error or usage message, exit code 2 for usage", value, passed > 0, command)


ROWS: dict[str, Callable[[], Row | list[Row]]] = {
    "softmax": softmax_regression,
    "fcn": fcn,
    "wide": wide,
    "cnn": cnn,
    "gradients": gradients,
    "bits": same_bits,
    "clone": fresh_clone,
    "start": second_start,
    "bad": bad_input,
    **evidence_speed.ROWS,
    "calculus": calculus,
    "random": calculus_random,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Measure every promise of nnmat and print it beside its bar, with the command that shows it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
    missed = [row.what for row in rows if not row.holds]
    print(f"{len(rows) - len(missed)} of {len(rows)} rows met." + (f" Not met: {'; '.join(missed)}." if missed else ""))
    if args.json:
        with atomic_write(args.json) as file:
            file.write((json.dumps([vars(row) for row in rows], indent=1) + "\n").encode())
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    guarded(main)
