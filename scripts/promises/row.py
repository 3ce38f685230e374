"""A row of the evidence, and how the commands behind it are run and read."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Row:
    """A measured promise: what, the bar in words, the value, whether it holds, and the command that shows it.

    One that could not be `measured` does not hold.
    """

    what: str
    bar: str
    value: str
    holds: bool
    command: str
    measured: bool = True

    def __str__(self) -> str:
        mark = "met    " if self.holds else "NOT MET"
        return f"{mark}  {self.what}\n         bar: {self.bar}\n         value: {self.value}\n         {self.command}"


def run(command: str, cwd: Path = ROOT, **extra: str) -> subprocess.CompletedProcess:
    """Run a command of the project with this interpreter; an exit code other than 0 is an error."""
    words = [sys.executable if word == "python" else word for word in shlex.split(command)]
    done = subprocess.run(words, cwd=cwd, env=os.environ | extra, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"evidence: `{command}` ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def written(command: str) -> dict:
    """What a command of the project wrote with --json."""
    with tempfile.TemporaryDirectory() as folder:
        run(f"{command} --json {folder}/r.json")
        return json.loads(Path(folder, "r.json").read_text())
