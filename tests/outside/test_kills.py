"""kill -9 at random moments of a run that checkpoints every few steps: nothing is torn, and no more lost than promised.

`NNMAT_KILLS` sets how many (6, and 200 in `make evidence`).
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("NNMAT_KILLS", "6"))

# A process that has imported everything forks the runs that are killed: a start takes milliseconds.
PROGRAM = """
import csv, mmap, os, shutil, signal, struct, sys, time, warnings
from pathlib import Path
import numpy as np
import nnmat
from nnmat.formats.npz import read_archive

warnings.simplefilter("ignore", DeprecationWarning)  # of Python, of a fork beside threads
kills, folder = int(sys.argv[1]), Path(sys.argv[2])
EVERY, EPOCHS, BATCHES = 3, 12, 10
rng = np.random.default_rng(int(os.environ.get("NNMAT_SEED", "0")))
y = rng.integers(0, 3, 160)
X = (np.eye(3)[y] @ rng.standard_normal((3, 8)) + rng.standard_normal((160, 8))).astype(np.float32)
told = mmap.mmap(-1, 8)  # the last step that is done, as the killed process told it

class Tell(nnmat.Callback):
    def on_step_end(self, trainer, step, loss):
        told[:] = struct.pack("q", step)

def train(place):
    layers = [nnmat.Linear(8, 32), nnmat.ReLU(), nnmat.Dropout(0.3), nnmat.Linear(32, 3)]
    model = nnmat.Sequential(layers, input_shape=(8,), seed=1)
    trainer = nnmat.Trainer(model, nnmat.SoftmaxCrossEntropy(), nnmat.Adam(model, lr=0.01), metrics=["accuracy"])
    last = place / "last.npz"
    callbacks = [
        nnmat.Log(place / "log.csv"),
        nnmat.EarlyStopping(patience=100, restore_best=True),
        nnmat.Checkpoint(last, every_steps=EVERY),
        Tell(),
    ]
    trainer.fit((X, y), EPOCHS, batch_size=16, validation=(X[:40], y[:40]), callbacks=callbacks, progress=False,
                checkpoint=None, resume=last if last.exists() else None)
    (place / "end").write_bytes(model.flat_parameters.tobytes())

def forked(place):
    child = os.fork()
    if child == 0:
        try:
            train(place)
            os._exit(0)
        except BaseException as error:
            print("a child failed:", repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    return child

def ended(child, wait):
    end = time.monotonic() + wait
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert status == 0, status
            return True
        time.sleep(0.0005)
    return False

def new(name):
    told[:] = struct.pack("q", 0)
    shutil.rmtree(folder / name, ignore_errors=True)
    (folder / name).mkdir()
    return folder / name

whole = new("whole")
train(whole)  # here, so that the children find the kernels loaded
started = time.monotonic()
assert ended(forked(new("timed")), 120), "a child hangs"
length = time.monotonic() - started
bits, runs, done, files, lost, last_steps = (whole / "end").read_bytes(), 0, 0, 0, 0, set()
while done < kills:
    place = new("killed")
    while True:
        child = forked(place)
        if ended(child, rng.uniform(0, length / 3) if done < kills else 120):
            break
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        done += 1
        step, at = struct.unpack("q", told[:])[0], 0
        if (place / "last.npz").exists():
            at = read_archive(place / "last.npz")[0]["training"]["progress"]["step"]
            nnmat.load(place / "last.npz")
            files += 1
        last_steps.add(at)
        lost = max(lost, step - at)
        assert step - at <= EVERY, f"{step - at} steps are lost"
        names = {path.name for path in place.iterdir()}
        assert all(n in ("last.npz", "log.csv", "end") or n.endswith(".tmp") for n in names), names
        assert sum(n.endswith(".tmp") for n in names) <= 1, names
    assert (place / "end").read_bytes() == bits, "other bits than those of a run that nobody killed"
    assert sorted(p.name for p in place.iterdir()) == ["end", "last.npz", "log.csv"]
    with open(place / "log.csv") as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file)] == list(range(1, EPOCHS + 1))
    runs += 1
print(f"killed: {done} times at {len(last_steps)} steps, {files} files whole, {runs} runs resumed to the same bits, "
      f"at most {lost} of {EVERY} steps lost")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_killed_run_loses_no_more_than_was_promised(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "kernels")))}
    command = [sys.executable, "-c", PROGRAM, str(KILLS), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
    assert int(re.match(r"killed: (\d+) times", done.stdout)[1]) >= KILLS
    print(done.stdout)
