"""Children of every kind that a program forks: each trains and predicts with the same bits, and none hangs.

`NNMAT_FORKS` sets how many children in all (20, and 200 in `make evidence`).
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS, KINDS = ("omp", "workqueue"), 5
EACH = max(2, int(os.environ.get("NNMAT_FORKS", "20")) // (len(LAYERS) * KINDS))

PROGRAM = """
import hashlib, multiprocessing, os, signal, sys, time, warnings
import numpy as np
import nnmat

warnings.simplefilter("ignore")  # of Python, of a fork beside threads; of Numba's slow layer
each, fork = int(sys.argv[1]), multiprocessing.get_context("fork")
rng = np.random.default_rng(0)
X, y = rng.standard_normal((96, 24, 24, 1)).astype(np.float32), rng.integers(0, 10, 96)

def work(_=None):
    signal.alarm(120)  # a child that hangs dies, and the exit code says so
    layers = [nnmat.Conv2d(1, 8, 5), nnmat.ReLU(), nnmat.MaxPool2d(2), nnmat.Flatten(), nnmat.Linear(None, 10)]
    model = nnmat.Sequential(layers, input_shape=(24, 24, 1))
    trainer = nnmat.Trainer(model, nnmat.SoftmaxCrossEntropy(), nnmat.Adam(model))
    trainer.fit((X, y), steps=2, batch_size=48, progress=False, checkpoint=None)
    found = hashlib.sha256(model.flat_parameters.tobytes() + trainer.predict(X, progress=False).tobytes()).hexdigest()
    signal.alarm(0)
    return found

def start(function=work):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, function().encode())
        os._exit(0)
    os.close(writing)
    return child, reading

def result(child, reading):
    with open(reading) as file:
        found = file.read()
    status = os.waitpid(child, 0)[1]
    assert status == 0, f"a child ended with {status}"
    return found

def pool():
    with fork.Pool(2, maxtasksperchild=1) as workers:
        return workers.map(work, range(each), chunksize=1)

def process():
    found = []
    for _ in range(each):
        queue = fork.SimpleQueue()
        child = fork.Process(target=lambda: queue.put(work()))
        child.start()
        found.append(queue.get())
        child.join()
    return found

def with_joblib():
    from joblib import Parallel, delayed
    found = []
    while len(found) < each:
        found += Parallel(n_jobs=2, backend="multiprocessing")(delayed(work)() for _ in range(2))
    return found

def preloaded():
    workers = [start() for _ in range(each)]  # all at once, as a server does
    return [result(*worker) for worker in workers]

def nested():
    return [result(*start(lambda: result(*start()))) for _ in range(each)]

expected, count = work(), 0
for kind in (pool, process, with_joblib, preloaded, nested):
    found = kind()
    assert set(found) == {expected}, f"{kind.__name__}: other bits"
    assert len(found) >= each
    assert work() == expected  # and the parent goes on
    count += len(found)
print(f"forked: {count} children, all with the same bits {expected}")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_children_train_with_the_same_bits(tmp_path):
    pytest.importorskip("joblib")
    processes = []
    for layer in LAYERS:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "kernels"))),
            "NUMBA_THREADING_LAYER": layer,
            "JOBLIB_TEMP_FOLDER": str(tmp_path),
        }
        command = [sys.executable, "-c", PROGRAM, str(EACH)]
        processes.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    ends = [(*process.communicate(timeout=900), process.returncode) for process in processes]
    assert not any(code for *_, code in ends), "\n".join(err for _, err, _ in ends)
    found = [re.match(r"forked: (\d+) children, all with the same bits (\w+)", out).groups() for out, *_ in ends]
    assert len({bits for _, bits in found}) == 1
    print(f"forked: {sum(int(n) for n, _ in found)} children on {' and '.join(LAYERS)}, all with the same bits")
