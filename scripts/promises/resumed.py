"""Runs that are stopped and resumed, held against runs that are not: the same bits."""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile

from nnmat import load
from promises.row import ROOT, Row, run


def resumed(what: str, train: str, shown: str) -> Row:
    """Training by a command on 1 and 2 threads, and stopped on one number of them and resumed on the other."""
    bits = {}
    with tempfile.TemporaryDirectory() as folder:
        whole, part = f"{folder}/whole.npz", f"{folder}/part.npz"
        for threads, other in ((1, 2), (2, 1)):
            run(f"{train} --threads {threads} --save {whole}")
            bits[str(threads)] = bits_of(whole)
            go_on = interrupted(f"{train} --threads {threads} --save {part}")
            go_on[go_on.index("--threads") + 1] = str(other)
            run(shlex.join(go_on))
            bits[f"{threads}, then {other}"] = bits_of(part)
            os.remove(part)
    equal = len(set(bits.values())) == 1
    value = f"threads {', '.join(bits)}: {'equal' if equal else 'DIFFERENT'}"
    bar = "the same bits: optimizer, random numbers, buffers, order of the data"
    return Row(f"{what}: resumed training", bar, value, equal, shown)


def interrupted(command: str) -> list[str]:
    """The command with which the run goes on that Ctrl-C has stopped behind its first epoch."""
    with subprocess.Popen(
        [sys.executable, *shlex.split(command)[1:]],
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch  1"):
                process.send_signal(signal.SIGINT)
                break
        _, said = process.communicate()
    found = re.search(r"To go on: (.*)", said)
    if found is None:
        raise OSError(f"evidence: `{command}` was not interrupted, exit code {process.returncode}:\n{said}")
    return shlex.split(found[1])


def bits_of(file: str) -> bytes:
    """The parameters and the buffers of a saved model."""
    model = load(file)
    return b"".join([model.flat_parameters.tobytes(), *(A.tobytes() for A in model.buffers().values())])
