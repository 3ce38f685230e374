"""The rows of the evidence that train: accuracy, equal bits, a fresh clone, the start of a second run."""

import re
import shlex
import tempfile
import time
from pathlib import Path

from nnmat import load
from promises.row import ROOT, Row, run, written

# The options of the row for 784-800-10.
WIDE = "--hidden 800 --activation relu --dropout 0.3 --epochs 20 --batch-size 64 --lr 0.001"
TRANSFORMER = "python scripts/train_transformer.py"
RESUMED = "python -m pytest -q tests/nnmat/training tests/scripts/test_training_run.py -k 'interrupt or ctrl'"


def accuracy(script: str, bar: float) -> Row:
    """Test accuracy after the last epoch, the mean of the seeds 0, 1, 2."""
    found, seconds = [], []
    for seed in (0, 1, 2):
        result = written(f"python {script} --quiet --seed {seed}")
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


def language_model() -> Row:
    """Loss of the small Transformer on the held-out tenth of the plays, the largest of three seeds."""
    found = [written(f"{TRANSFORMER} --quiet --seed {seed}")["held_out_loss"] for seed in (0, 1, 2)]
    each = ", ".join(f"{loss:.3f}" for loss in found)
    value = f"{max(found):.3f} (seeds 0, 1, 2: {each})"
    return Row("held-out loss: nano recipe", "<= 1.96", value, max(found) <= 1.96, f"{TRANSFORMER} --seed 0|1|2")


def language_model_by_muon() -> Row:
    """The same with Muon in the place of AdamW, seed 0."""
    adamw, muon = (written(f"{TRANSFORMER} --quiet --optimizer {o}")["held_out_loss"] for o in ("adamw", "muon"))
    value = f"{muon:.3f}, AdamW's is {adamw:.3f}"
    return Row("held-out loss: Muon", "below AdamW's", value, muon < adamw, f"{TRANSFORMER} --optimizer muon")


def same_bits() -> Row:
    """1 and 2 threads; two runs of one seed; interrupted and resumed."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for i, threads in enumerate(("1", "2", "2")):
            files.append(f"{folder}/{i}.npz")
            quick = "--limit 6000 --epochs 2 --quiet"
            run(f"python scripts/train_cnn.py {quick} --threads {threads} --save {files[-1]}")
        parameters = [load(file).flat_parameters.tobytes() for file in files]
    resumed = int(re.findall(r"(\d+) passed", run(RESUMED).stdout)[0])
    equal = len(set(parameters)) == 1
    value = f"CNN with 1, 2 and 2 threads: {'equal' if equal else 'DIFFERENT'}; {resumed} interruptions resumed, equal"
    command = f"python scripts/train_cnn.py --threads 1|2 --save FILE; {RESUMED}"
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
