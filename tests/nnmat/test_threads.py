"""Training and threads: their number changes no bit, and two models may train in two Python threads at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TRAINING = """
import sys, threading, warnings, zlib
warnings.simplefilter("ignore", RuntimeWarning)
import numba, numpy as np, nnmat
from nnmat import *

def train(seed, results):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((160, 14, 14, 2)).astype(np.float32), rng.integers(0, 4, 160)
    layers = [Conv2d(2, 16, 3), ReLU(), MaxPool2d(2), Conv2d(16, 24, 3, padding=1), Tanh(), Flatten(), Dropout(0.2),
              Linear(None, 64), Sigmoid(), Linear(64, 4)]
    model = Sequential(layers, input_shape=(14, 14, 2), seed=seed)
    trainer = Trainer(model, SoftmaxCrossEntropy(), Adam(model, lr=0.01), metrics=["accuracy"])
    trainer.fit((X, y), epochs=2, batch_size=64, seed=seed, progress=False)
    results[seed] = zlib.crc32(model.flat_parameters.tobytes())

alone, together = {}, {}
for threads in {1, nnmat_threads}:
    nnmat.set_num_threads(threads)
    for seed in (0, 1):
        train(seed, alone)
        assert alone.setdefault((seed, "first"), alone[seed]) == alone[seed], f"{threads} threads give other bits"
threads = [threading.Thread(target=train, args=(seed, together)) for seed in (0, 1)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(numba.threading_layer(), [alone[seed] == together.get(seed) for seed in (0, 1)], alone[0] != alone[1])
"""


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is launched")
@pytest.mark.parametrize("layer", ["default", "omp", "tbb", "workqueue"])
def test_two_models_train_in_two_python_threads(layer):
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}", "NUMBA_THREADING_LAYER": layer}
    code = "from nnmat_kernels import max_num_threads\nnnmat_threads = max_num_threads()\n" + TRAINING
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    if layer in ("omp", "tbb") and "No threading layer" in done.stderr:
        pytest.skip(f"the library of the layer {layer} is not installed")
    assert done.returncode == 0, done.stderr
    name, *equal = done.stdout.split(maxsplit=1)
    assert equal == ["[True, True] True\n"]
    assert layer in ("default", name)
