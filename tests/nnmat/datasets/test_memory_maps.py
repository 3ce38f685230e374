"""Data in a file larger than the memory that the process may take: read by batches, never copied whole."""

import os
import subprocess
import sys

import numpy as np
import pytest

LIMIT = 1 << 28  # bytes that the process may take beside what it has after its first run
FEATURES = 1 << 14
FILES = {"r": ("float32", 6 << 10), "r+": ("uint8", 1 << 17)}  # samples: 384 MiB, and 2 GiB, in sparse files
PROGRAM = f"""
import resource, sys
import numpy as np
import nnmat
from nnmat import Linear, SGD, Sequential, SoftmaxCrossEntropy, Trainer, datasets

def trainer(features):
    model = Sequential([Linear(features, 2)], input_shape=(features,), seed=0)
    return Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.01))

path, mode, dtype, samples = sys.argv[1:]
X = np.memmap(path, dtype, mode, shape=(int(samples), {FEATURES}))
y = np.arange(len(X)) % 2
trainer(8).fit((np.zeros((200, 8), np.float32), np.arange(200) % 2), 3, progress=False)  # kernels are there
taken = int(next(line for line in open("/proc/self/status") if line.startswith("VmData")).split()[1]) << 10
resource.setrlimit(resource.RLIMIT_DATA, (taken + {LIMIT}, taken + {LIMIT}))
try:
    np.ones(X.nbytes, np.uint8)
except MemoryError:
    print("limited")
made = trainer({FEATURES})
augment = (lambda X, rng: X + 1) if mode == "r+" else None
made.fit((X, y), steps=40, batch_size=32, augment=augment, progress=False)
part = datasets.Dataset(X, y)[:500]
print(np.shares_memory(part.X, X), sorted(made.evaluate(part)))
print(made.predict(X[-100:]).shape)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the limit is Linux's")
@pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="steps of this size take minutes without the JIT"
)
@pytest.mark.once
@pytest.mark.parametrize("mode", FILES)  # numbers as they are; bytes, with a transform
def test_a_file_larger_than_the_limit_is_trained_on(tmp_path, mode):
    path, (dtype, samples) = tmp_path / "X", FILES[mode]
    with open(path, "wb") as file:
        file.truncate(samples * FEATURES * np.dtype(dtype).itemsize)
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(path), mode, dtype, str(samples)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["limited", "True ['loss']", "(100, 2)"]
    assert os.stat(path).st_blocks < 1000
