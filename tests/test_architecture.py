"""The rules of the house, read from the syntax trees: who imports whom, where Numba's options stand."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FRAMEWORK = sorted((ROOT / "nnmat").rglob("*.py"))
KERNELS = sorted((ROOT / "kernels").rglob("*.py"))
SCRIPTS = sorted((ROOT / "scripts").rglob("*.py"))

# A package may import those below it; the trainer stands on top, the kernels at the bottom.
LEVELS = {
    "errors": 0,
    "checks": 1,
    "parameters": 1,
    "initializers": 1,
    "explicit_convolution": 1,
    "calculus": 2,  # it knows nothing of layers and kernels
    "layers": 2,
    "schedules": 2,
    "metrics": 2,
    "losses": 2,
    "optimizers": 3,
    "descent": 3,
    "formats": 3,
    "gradient_check": 3,
    "datasets": 4,
    "training": 5,
    "warmup": 6,
    "__init__": 7,
    "__main__": 7,
}


def imports(path: Path) -> set[str]:
    """The absolute names of what a file imports, relative imports resolved; imports inside functions left out."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found = set()
    for node in _toplevel(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module} if node.module else {f"{module}.{alias.name}" for alias in node.names}
    return found


def _toplevel(tree):
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node
            yield from _toplevel(node)


def place(path: Path) -> str:
    return path.relative_to(ROOT / "nnmat").with_suffix("").parts[0]


@pytest.mark.parametrize("path", FRAMEWORK, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_framework_imports_downwards(path):
    mine = place(path)
    for name in imports(path):
        if name.startswith("nnmat."):
            theirs = name.split(".")[1]
            assert theirs == mine or LEVELS[theirs] < LEVELS[mine], f"{path.name} must not import {name}"
        elif not name.startswith("nnmat_kernels"):
            assert name.split(".")[0] in {*sys.stdlib_module_names, "numpy", "tqdm"}, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", KERNELS, ids=lambda p: str(p.relative_to(ROOT)))
def test_kernels_know_nothing_of_the_framework(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        for name in names:
            assert name.split(".")[0] in {*sys.stdlib_module_names, "numpy", "numba", "llvmlite"}, (
                f"{path.name}: {name}"
            )


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_scripts_use_the_public_library(path):
    known = {
        *sys.stdlib_module_names,
        "numpy",
        "nnmat",
        "nnmat_kernels",
        "numba",
        "llvmlite",
        "matplotlib",
        "torch",
        "sklearn",
        "tqdm",
    }
    known |= {p.relative_to(ROOT / "scripts").with_suffix("").parts[0] for p in SCRIPTS}
    for name in imports(path):
        assert name.split(".")[0] in known, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", FRAMEWORK, ids=lambda p: str(p.relative_to(ROOT)))
def test_numba_stays_in_the_kernels(path):
    assert not any(name.split(".")[0] == "numba" for name in imports(path))


@pytest.mark.parametrize("path", KERNELS, ids=lambda p: str(p.relative_to(ROOT)))
def test_numba_options_stand_in_one_file(path):
    if path.name == "config.py":
        return
    options = {"fastmath", "parallel", "cache", "nogil", "error_model", "boundscheck", "inline", "looplift"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            used = options & {keyword.arg for keyword in node.keywords}
            assert not used, f"{path.name}:{node.lineno} sets {used}: use jit or parallel_jit of config.py"
        if isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            assert name not in ("njit", "vectorize", "guvectorize"), f"{path.name}:{node.lineno} uses {name}"


def test_every_module_has_a_level():
    assert {place(p) for p in FRAMEWORK} == set(LEVELS)


def test_the_global_random_state_is_never_touched():
    for path in [*FRAMEWORK, *KERNELS, *SCRIPTS]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
                chain = (node.value.attr, node.attr)
                assert chain[0] != "random" or chain[1] in ("Generator", "default_rng"), f"{path.name}: {chain}"


def test_the_calculus_stands_alone():
    for path in sorted((ROOT / "nnmat/calculus").rglob("*.py")):
        foreign = {n for n in imports(path) if n.startswith("nnmat") and not n.startswith("nnmat.calculus")}
        assert foreign <= {"nnmat.errors", "nnmat.checks"}, f"{path.name} imports {foreign}"
