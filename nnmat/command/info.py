"""`nnmat info`: versions, processor, threads, the cache of compiled kernels, extras."""

import argparse
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from nnmat_kernels.runtime.cache import folder, writable
from nnmat_kernels.runtime.config import get_num_threads, max_num_threads
from nnmat_kernels.runtime.target import FUSED, VECTOR_BYTES

from .. import __version__
from .usage.kinds import command

EXAMPLES = """\
examples:
  nnmat info              what to put into a report of a fault
  nnmat info > info.txt
"""
CORE = ("numpy", "numba", "llvmlite", "tqdm")
# What each optional part of nnmat needs, as `pip install 'nnmat[NAME]'` brings it.
EXTRAS = {
    "plot": ("matplotlib",),
    "sklearn": ("scikit-learn",),
    "safetensors": ("safetensors",),
    "keras": ("h5py",),
    "onnx": ("onnx", "onnxruntime"),
    "data": ("pandas", "polars", "pillow", "scikit-learn"),
    "tensorboard": ("tensorboard",),
    "notebook": ("nbformat", "nbclient", "ipykernel", "matplotlib"),
}
REGISTERS = {64: "AVX-512", 32: "AVX2", 16: "128-bit vectors"}


def add(added: Any) -> None:
    """The command with its options."""
    command(added, "info", "say what is installed and what this machine can do", EXAMPLES, run, "")


def run(options: argparse.Namespace) -> None:
    """Print it."""
    facts = [
        ("nnmat", __version__),
        ("Python", f"{platform.python_version()} ({platform.python_implementation()}), {platform.system()}"),
        *((name, version(name) or "not installed") for name in CORE),
        ("processor", processor()),
        ("vectors", f"{REGISTERS[VECTOR_BYTES]}{', with fused multiply-add' if FUSED else ''}"),
        ("threads", f"{get_num_threads()} in use, of {max_num_threads()} ({os.cpu_count()} cores)"),
        ("kernels", cache()),
        *((f"extra {name}", extra(name, packages)) for name, packages in EXTRAS.items()),
    ]
    width = max(len(name) for name, _ in facts)
    for name, text in facts:
        print(f"{name:{width}}  {text}")


def version(package: str) -> str | None:
    """The version of an installed package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def extra(name: str, packages: tuple[str, ...]) -> str:
    """The versions of what an extra needs, or how to get it."""
    found = {package: version(package) for package in packages}
    shown = ", ".join(f"{package} {there}" for package, there in found.items() if there)
    lacking = [package for package, there in found.items() if not there]
    if not lacking:
        return shown
    missing = f"{', '.join(lacking)} missing: pip install 'nnmat[{name}]'"
    return f"{shown}; {missing}" if shown else missing


def processor() -> str:
    """The name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, [*names[:1], platform.processor(), platform.machine()]), "unknown")


def cache() -> str:
    """How many kernels are compiled, and where they are."""
    try:
        place = folder()
    except RuntimeError:
        return "cannot be kept: this user has no home folder; set NUMBA_CACHE_DIR"
    sizes = [path.stat().st_size for path in place.glob("*.nbc")]
    text = f"{len(sizes)} compiled, {sum(sizes) / 2**20:.1f} MiB in {place}"
    if not writable():
        return f"{text}, which cannot be written to: set NUMBA_CACHE_DIR to another folder"
    return text if sizes else f"{text}; nnmat warmup compiles the usual ones"
