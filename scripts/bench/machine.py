"""What numbers depend on: the machine, as the system reports it, and the versions of the libraries."""

import importlib.metadata
import itertools
import os
import platform
import shlex
import sys
from pathlib import Path

import numba

FILES = {"--json", "--compare"}  # options that name a file
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def cpu() -> str:
    """The processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def caches() -> str:
    """The caches that one core sees, such as `L1d 32K, L2 512K, L3 32768K`; empty where the system does not tell."""
    found = []
    for place in sorted(CACHES.glob("index*")):
        kind, level, size = ((place / name).read_text().strip() for name in ("type", "level", "size"))
        if kind != "Instruction":
            found.append(f"L{level}{'d' if kind == 'Data' and level == '1' else ''} {size}")
    return ", ".join(found)


def command(argv: list[str]) -> str:
    """The running command, without the files that it reads and writes, which have other names elsewhere."""
    words = [w for before, w in itertools.pairwise(argv) if not {before, w} & FILES and not w.startswith(tuple(FILES))]
    return shlex.join(["python", f"scripts/{Path(argv[0]).name}", *words])


def threads_in_words(threads: int) -> str:
    """`1 thread`, `2 threads`."""
    return f"{threads} thread{'s' * (threads > 1)}"


def facts(threads: int) -> dict:
    """The machine, the versions, and the command that is running."""
    versions = {"Python": platform.python_version()}
    for name, package in (
        ("NumPy", "numpy"),
        ("Numba", "numba"),
        ("PyTorch", "torch"),
        ("JAX", "jax"),
        ("scikit-learn", "scikit-learn"),
    ):
        try:
            versions[name] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "cpu": cpu(),
        "target": numba.core.registry.cpu_target.target_context.codegen().magic_tuple()[1],
        "cores": os.cpu_count(),
        "caches": caches(),
        "threads": threads,
        "versions": versions,
        "command": command(sys.argv),
    }


def shown(facts: dict) -> str:
    """The same in three lines."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    machine = f"{facts['cpu']} (code for {facts['target']}), {facts['cores']} cores, {facts['caches']}"
    return f"{machine}\n{versions}; {threads_in_words(facts['threads'])}, float32\n{facts['command']}"
