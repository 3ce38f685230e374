"""How the tests run a script: in a process of its own, as a person does."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
PLACES = (ROOT, ROOT / "kernels")
QUICK = ["--epochs", "2", "--limit", "1000", "--quiet"]  # of a training script


def command(script: str, *arguments) -> list[str]:
    return [sys.executable, str(SCRIPTS / script), *map(str, arguments)]


def environment(*before: Path, **extra: str) -> dict[str, str]:
    """What a script finds around it; the folders `before` come first where Python looks for modules."""
    path = os.pathsep.join(map(str, [*before, *PLACES]))
    return os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"} | extra


def run(script: str, *arguments, cwd=None, before: tuple[Path, ...] = (), **extra: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(script, *arguments),
        cwd=cwd,
        env=environment(*before, **extra),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


def without(module: str, folder: Path) -> tuple[Path]:
    """For `before`: in a process that starts with it, `module` is not installed."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules[{module!r}] = None\n")
    return (folder,)
