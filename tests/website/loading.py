"""Modules of website/, which is no package: mkdocs loads them by their files."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def website(name: str) -> ModuleType:
    """The module of this name, with its neighbours to import from."""
    spec = importlib.util.spec_from_file_location(f"website_{name}", ROOT / "website" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for their module there
    sys.path.insert(0, str(ROOT / "website"))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "website"))
    return module
