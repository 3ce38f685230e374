"""The rows of the evidence about steps as programs: the same bits, how fast, how many lines, nothing compiled anew."""

import re
import tempfile
from collections.abc import Callable

from promises import lines
from promises.row import ROOT, Row, run
from promises.speed import named, training

FUZZ = "tests/nnmat/programs/test_fuzz.py"
MODELS = 500
BEFORE = 1290  # lines of code at commit b2589fe: `python -m promises.lines FOLDER`, see there
COUNTED = (
    *("Adam", "AdamW", "Add", "AvgPool2d", "Branches", "Concatenate", "Conv2d", "Dropout", "Elementwise", "Flatten"),
    *("GELU", "Layer", "LeakyReLU", "Linear", "Loss", "MaxPool2d", "MeanSquaredError", "Optimizer", "RMSProp", "ReLU"),
    *("SGD", "Sequential", "Sigmoid", "SigmoidBinaryCrossEntropy", "Softmax", "SoftmaxCrossEntropy", "Tanh", "Tied"),
    "TransposedLinear",
)
FEWER = 0.8

# Trains networks one after the other and tells, for each, which kernels Numba compiled.
ARCHITECTURES = """
import numpy as np
from numba.core import event
import nnmat as n

class Compiled(event.Listener):
    def __init__(self):
        self.names = []
    def on_start(self, found):
        self.names.append(found.data["dispatcher"].py_func.__qualname__)
    def on_end(self, found):
        pass

compiled = Compiled()
event.register("numba:compile", compiled)

def train(widths, batch):
    compiled.names.clear()
    layers = []
    for N, M in zip(widths, widths[1:]):
        layers += [n.Linear(N, M), n.Sigmoid(), n.Dropout(0.2)]
    model = n.Sequential(layers[:-2], input_shape=widths[:1], seed=0)
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((10 * batch, widths[0])).astype(np.float32), rng.integers(0, widths[-1], 10 * batch)
    optimizer = n.Adam(model, lr=n.schedules.Cosine(0.001, 80), clip_norm=1.0)
    trainer = n.Trainer(model, n.SoftmaxCrossEntropy(), optimizer, metrics=["accuracy"])
    trainer.fit((X, y), epochs=8, batch_size=batch, progress=False)
    print(len(compiled.names), *compiled.names)

train([784, 300, 60, 10], 128)
train([500, 410, 260, 10], 96)
train([640, 220, 350, 330, 280, 10], 160)
"""


def fuzzed() -> Row:
    """Random models by hand, compiled, and stopped and resumed: the same bits."""
    command = f"python -m pytest -q -s {FUZZ}"
    said = run(command, NNMAT_FUZZ=str(MODELS)).stdout
    found = re.search(r"fuzzed: (\d+) models equal bit by bit, (\d+) as programs, (\d+) by hand", said)
    if found is None:
        raise OSError("evidence: the random models printed no figures")
    bar = f"{MODELS} models of depth 1 to 12 on 1, 2 and 5 threads: by hand = compiled = stopped and resumed"
    holds = int(found[1]) >= MODELS
    return Row("compiled = by hand, bit by bit", bar, found[0], holds, f"NNMAT_FUZZ={MODELS} {command}")


def lines_of_code() -> Row:
    """Lines of code of the layer, loss and optimizer classes beside those before programs."""
    found = lines.of_folder(ROOT)
    now = sum(found.get(name, 0) for name in COUNTED)
    bar = f"<= {FEWER} of the {BEFORE} lines of commit b2589fe, the same classes"
    gone = [name for name in COUNTED if name not in found]
    value = f"{now / BEFORE:.2f}: {now} lines" + (f"; gone: {', '.join(gone)}" if gone else "")
    return Row("lines of layers, losses, optimizers", bar, value, now <= FEWER * BEFORE, "python -m promises.lines .")


def architectures() -> Row:
    """Kernels that are compiled for a second and a third architecture, in a process with an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        program = f"{cache}/architectures.py"
        with open(program, "w") as file:
            file.write(ARCHITECTURES)
        said = run(f"python {program}", NUMBA_CACHE_DIR=cache, NNMAT_COMPILE_PROCESSES="1").stdout.splitlines()
    names = [line.split()[1:] for line in said]
    later = [name for found in names[1:] for name in found]
    value = f"{len(later)} after {len(names[0])} for the first" + (f": {', '.join(later)}" if later else "")
    command = "python scripts/evidence.py --only architectures"
    return Row("kernels compiled for another architecture", "none", value, len(names[0]) > 0 and not later, command)


ROWS: dict[str, Callable[[], Row | list[Row]]] = {
    "fuzz": fuzzed,
    "compiled": named(training, "compiled", "Steps of Trainer.fit against PyTorch."),
    "call": named(training, "call", "One call of compile_step a step against PyTorch."),
    "unlisted": named(training, "unlisted", "Three networks that stand in no list against PyTorch."),
    "jax": named(training, "jax", "Steps of Trainer.fit against an epoch of JAX."),
    "outside": named(training, "outside", "The share of a step's time that is spent outside kernels."),
    "busy": named(training, "busy", "All threads beside one, each core with a busy neighbour."),
    "lines": lines_of_code,
    "architectures": architectures,
}
