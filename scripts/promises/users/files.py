"""Promises of files: what is read and refused, and what an installed package does without a checkout."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..row import ROOT, Row, run

PYTHONS = ("3.11", "3.12", "3.13")


def safetensors() -> Row:
    """The malformed kinds of safetensors files, and 10,000 mutated ones, beside the reference reader."""
    command = "python -m pytest -q -s tests/nnmat/formats/test_safe_tensors.py"
    said = run(command, NNMAT_MUTATIONS="10000").stdout
    both, neither, stricter = map(int, re.findall(r"safetensors: (\d+) .*?, (\d+) .*?, (\d+) refused here", said)[0])
    kinds = len(
        re.findall(r"::test_what_the_reference_refuses", run(f"{command} --collect-only -k reference_ref").stdout)
    )
    value = (
        f"{kinds} malformed kinds refused; of {both + neither + stricter:,} mutated files {both:,} taken by both, "
        f"{neither:,} refused by both, {stricter:,} refused here only (for listed reasons), none taken here only"
    )
    holds = kinds >= 27 and both + neither + stricter == 10_000
    bar = (
        "at least 27 kinds, 10,000 mutated files: the verdict of the reference reader, or a stricter one that is listed"
    )
    return Row("safetensors", bar, value, holds, f"NNMAT_MUTATIONS=10000 {command}")


def pythons(version: str) -> list[str]:
    """The interpreters of a version that may be there: on the path, and among those of pyenv."""
    others = Path.home().glob(f".pyenv/versions/{version}.*/bin/python")
    return [path for path in (shutil.which(f"python{version}"), *map(str, others)) if path]


def made(place: Path, python: str) -> bool:
    """Whether the interpreter made a virtual environment."""
    return subprocess.run([python, "-m", "venv", str(place)], capture_output=True).returncode == 0


def wheel() -> Row:
    """The wheel installed and a network trained, outside of a checkout, on each Python that is there."""
    passed, lacking = [], []
    with tempfile.TemporaryDirectory() as folder:
        run(f"python -m build --no-isolation -o {folder}/dist {ROOT}", Path(folder))
        (built,) = Path(folder, "dist").glob("*.whl")
        for version in PYTHONS:
            place = Path(folder, version)
            if not any(made(place, python) for python in pythons(version)):
                lacking.append(version)
                continue
            run(f"{place}/bin/python -m pip install --quiet {built}", Path(folder))
            said = run(f"{place}/bin/python {ROOT}/tests/packaging/smoke.py {place}", place)
            passed.append(said.stdout.strip())
    value = "; ".join(passed) + (f"; not there: {', '.join(lacking)}" if lacking else "")
    bar = f"installs and trains without a checkout on Python {', '.join(PYTHONS)}"
    return Row("wheel", bar, value, not lacking, "make wheel; pip install dist/*.whl; python tests/packaging/smoke.py")


ROWS: dict[str, Callable[[], Row | list[Row]]] = {"safetensors": safetensors, "wheel": wheel}
