"""The rules of the house, read from the syntax trees: who imports whom, what a file is called, where its test is."""

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.import_graph import Graph, imports

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "kernels" / "nnmat_kernels"
FRAMEWORK = sorted((ROOT / "nnmat").rglob("*.py"))
KERNELS = sorted((ROOT / "kernels").rglob("*.py"))
SCRIPTS = sorted((ROOT / "scripts").rglob("*.py"))
EVERYTHING = [*FRAMEWORK, *KERNELS, *SCRIPTS]
BASES = {"nnmat": ROOT, "kernels": ROOT / "kernels", "scripts": ROOT / "scripts"}  # what imports are relative to
THIRD_PARTY = {
    "nnmat": {"numpy", "tqdm"},
    "kernels": {"numpy", "numba", "llvmlite"},
    "scripts": {"numpy", "numba", "llvmlite", "tqdm", "matplotlib", "torch", "jax", "sklearn", "threadpoolctl"},
}
# Optional packages, each asked for when it is needed, and the rooms that may.
OPTIONAL = {
    "nnmat/sklearn": {"sklearn"},
    "nnmat/onnx": {"onnx", "onnxruntime"},
    "nnmat/formats": {"safetensors", "h5py"},
    "nnmat/datasets": {"pandas", "polars", "PIL", "sklearn"},
    "nnmat/training": {"tensorboard"},
    "nnmat/plots": {"matplotlib"},
}

# Who may import whom: only what stands on a lower level. A room's modules are on the room's level and may import
# each other, without circles.
FRAMEWORK_LEVELS = {
    "errors": 0,
    "checks": 1,
    "extras": 1,
    "habits": 1,
    "parameters": 1,
    "initializers": 1,
    "explicit_convolution": 1,
    "calls": 2,
    "calculus": 2,  # it knows nothing of layers; of kernels, the product of large matrices
    "expressions": 3,
    "layers": 4,
    "schedules": 4,
    "metrics": 4,
    "losses": 4,
    "descent": 4,
    "optimizers": 5,  # L-BFGS takes the line searches of descent
    "formats": 5,
    "analysis": 5,
    "generation": 5,
    "datasets": 6,
    "programs": 6,
    "warmup": 6,
    "training": 7,
    "onnx": 7,
    "plots": 8,
    "sklearn": 8,
    "adversarial": 8,
    "__init__": 9,
    "command": 10,
    "__main__": 11,
}
KERNEL_LEVELS = {
    "errors": 0,
    "geometry": 1,
    "runtime": 1,
    "codegen": 2,
    "elementwise": 2,
    "reductions": 3,
    "indexing": 3,
    "optimizers": 3,
    "products": 4,
    "pooling": 4,
    "resampling": 4,
    "attention": 5,
    "recurrent": 5,
    "convolution": 5,
    "losses": 5,
    "programs": 6,
    "expressions": 6,
    "reference": 6,  # the plain twins know the shapes of windows and nothing else
    "unchecked": 7,
    "__init__": 7,
}
CALCULUS_LEVELS = {
    "errors": 0,
    "dimensions": 1,
    "verifying": 2,  # the judge of records knows nothing of what it judges
    "notation": 2,  # writers read the fields of an expression and know no class of it
    "language": 3,
    "parsing": 4,
    "laws": 4,
    "evaluation": 4,
    "records": 5,
    "checking": 6,
    "pages": 6,
    "derivation": 7,
    "builtin": 8,  # layers and losses as expressions; it knows their names and no class
    "compiling": 8,
    "grading": 8,
    "command": 9,
    "serving": 10,
    "__init__": 10,
}
LEVELS = [
    ("nnmat", ROOT / "nnmat", FRAMEWORK_LEVELS),
    ("nnmat_kernels", PACKAGE, KERNEL_LEVELS),
    ("nnmat.calculus", ROOT / "nnmat/calculus", CALCULUS_LEVELS),
]
# Packages whose names are the users': their `__init__` hands them out. Every other one holds its map and nothing else.
FACES = {"nnmat", "nnmat.calculus", "nnmat.datasets", "nnmat.descent", "nnmat.layers", "nnmat.losses"}
FACES |= {"nnmat.onnx", "nnmat.optimizers", "nnmat.plots", "nnmat.sklearn", "nnmat_kernels"}
MOST_FILES = 12
# Folders that hold more files than that, and why.
LARGE_FOLDERS: dict[str, str] = {"scripts": "one file for each command: its list is the list of commands"}
# Modules without a test of their name: the file that tests them.
TESTED_BY = {
    "nnmat/calculus/notation/arrays.py": "tests/nnmat/calculus/records/test_programs.py",
    "kernels/nnmat_kernels/errors.py": "tests/kernels/test_contracts.py",
    "kernels/nnmat_kernels/unchecked.py": "tests/kernels/test_contracts.py",
    "kernels/nnmat_kernels/optimizers/more_updates.py": "tests/kernels/optimizers/test_updates.py",
    "kernels/nnmat_kernels/optimizers/vectors.py": "tests/kernels/optimizers/test_updates.py",
    "kernels/nnmat_kernels/attention/backward.py": "tests/kernels/attention/test_attention.py",
    "kernels/nnmat_kernels/attention/checks.py": "tests/kernels/attention/test_attention.py",
    "kernels/nnmat_kernels/attention/forward.py": "tests/kernels/attention/test_attention.py",
    "kernels/nnmat_kernels/attention/plan.py": "tests/kernels/attention/test_attention.py",
    "kernels/nnmat_kernels/attention/scores.py": "tests/kernels/attention/test_attention.py",
    "kernels/nnmat_kernels/codegen/blocks.py": "tests/kernels/codegen/test_row_norm.py",
    "kernels/nnmat_kernels/reductions/batch_statistics.py": "tests/kernels/reductions/test_batch_norm.py",
    "kernels/nnmat_kernels/reductions/columns.py": "tests/kernels/reductions/test_batch_norm.py",
    "kernels/nnmat_kernels/programs/runner.py": "tests/kernels/programs/test_program.py",
    "kernels/nnmat_kernels/programs/words.py": "tests/kernels/programs/test_block.py",
    "kernels/nnmat_kernels/runtime/linking.py": "tests/kernels/runtime/threads/test_team.py",
    "nnmat/command/learning/fitting.py": "tests/nnmat/command/test_train.py",
    "nnmat/command/learning/networks.py": "tests/nnmat/command/test_train.py",
    "nnmat/command/report/pictures.py": "tests/nnmat/command/report/test_page.py",
    "nnmat/command/serve.py": "tests/nnmat/test_main.py",
    "nnmat/command/usage/kinds.py": "tests/nnmat/command/test_train.py",
    "nnmat/command/warmup.py": "tests/nnmat/test_main.py",
    "nnmat/datasets/tables/coding.py": "tests/nnmat/datasets/tables/test_table.py",
    "nnmat/datasets/tables/csv_header.py": "tests/nnmat/datasets/tables/test_csv_file.py",
    "nnmat/datasets/tables/csv_text.py": "tests/nnmat/datasets/tables/test_csv_file.py",
    "nnmat/datasets/tables/targets.py": "tests/nnmat/datasets/tables/test_table.py",
    "nnmat/errors.py": "tests/test_bad_input.py",
    "nnmat/expressions/names.py": "tests/nnmat/expressions/test_derived.py",
    "nnmat/formats/convert.py": "tests/nnmat/formats/test_torch_state.py",
    "nnmat/formats/paths.py": "tests/nnmat/formats/test_atomic.py",
    "nnmat/formats/torch_entries.py": "tests/nnmat/formats/test_torch_state.py",
    "nnmat/programs/step_programs.py": "tests/nnmat/programs/test_compiled_step.py",
    "scripts/bench/kinds/case.py": "tests/scripts/bench/test_groups.py",
    "scripts/bench/kinds/entries.py": "tests/scripts/bench/test_cases.py",
    "scripts/bench/kinds/images.py": "tests/scripts/bench/test_cases.py",
    "scripts/bench/kinds/norms.py": "tests/scripts/bench/test_cases.py",
    "scripts/bench/kinds/numpy_norms.py": "tests/scripts/bench/test_numpy_peer.py",
    "scripts/bench/kinds/numpy_sequences.py": "tests/scripts/bench/test_numpy_peer.py",
    "scripts/bench/kinds/sequences.py": "tests/scripts/bench/test_cases.py",
    "scripts/bench/kinds/units.py": "tests/scripts/bench/test_cases.py",
    "scripts/bench/torch_peer.py": "tests/judge/test_bench_torch.py",
}
_ONNX = {  # every layer, every file and every node test goes through all of them
    "nnmat/onnx/operators": (
        "arithmetic elementwise indexing movement normalisation products reductions resizing sequences table windows",
        "tests/nnmat/onnx/test_plan.py",
    ),
    "nnmat/onnx/reading": ("describe", "tests/nnmat/onnx/test_graph.py"),
    "nnmat/onnx/writing": (
        "attention containers convolution elementwise expressions norms pooling recurrent",
        "tests/nnmat/onnx/writing/test_file.py",
    ),
}
TESTED_BY |= {f"{room}/{name}.py": test for room, (names, test) in _ONNX.items() for name in names.split()}
TESTED_BY["nnmat/onnx/writing/graphs.py"] = "tests/nnmat/onnx/reading/test_file.py"


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def named(value) -> str:
    """How a parameter of a test is shown."""
    return short(value) if isinstance(value, Path) and value.is_file() else value if isinstance(value, str) else ""


def base_of(path: Path) -> Path:
    """The folder that the absolute imports of a file are relative to."""
    return BASES[path.relative_to(ROOT).parts[0]]


def names(path: Path) -> set[str]:
    """The modules that a file imports, and the names out of them."""
    found = imports(path, base_of(path))
    return {module for _, module, _ in found} | {f"{module}.{name}" for _, module, name in found if name}


def place(path: Path, package: Path) -> str:
    """The room, or the module beside the rooms, that a file is or lies in."""
    return path.relative_to(package).with_suffix("").parts[0]


# ---- imports -----------------------------------------------------------------------------------------------------


def test_nothing_imports_itself_on_the_way_round():
    graph = Graph({path: base_of(path) for path in EVERYTHING})
    assert len(graph.files) == len(EVERYTHING)
    circles = graph.circles()
    assert not circles, "\n\n".join(graph.shown(circle) for circle in circles)


@pytest.mark.parametrize(
    "back",
    [
        "from .a import x",
        "from . import a",
        "def f():\n    from .a import x\n    return x",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import x",
        "class C:\n    def f(self):\n        from .room.deep import x\n        return x",
    ],
)
def test_an_added_circle_is_found(tmp_path, back):
    sources = {
        "__init__.py": "from .a import x\n",
        "a.py": "from .b import y\nx = 1\n",
        "b.py": "from .c import z\ny = 1\n",
        "c.py": "z = 1\n",
        "room/__init__.py": "",
        "room/deep.py": "from ..b import y\nx = 1\n",
    }
    package = tmp_path / "package"
    for name, source in sources.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(source)

    def graph():
        return Graph(dict.fromkeys(sorted(package.rglob("*.py")), tmp_path))

    assert graph().circles() == []
    (package / "c.py").write_text(f"z = 1\n{back}\n")
    (circle,) = graph().circles()
    assert {"package.b", "package.c"} <= set(circle)
    assert re.search(r"c\.py:\d+: package\.c imports package\.(a|room\.deep)$", graph().shown(circle), re.MULTILINE)


PLACES = [(path, *level) for level in LEVELS for path in sorted(level[1].rglob("*.py"))]


@pytest.mark.parametrize(("path", "package", "folder", "levels"), PLACES, ids=lambda value: named(value))
def test_rooms_import_downwards(path, package, folder, levels):
    mine = place(path, folder)
    for line, module, name in imports(path, base_of(path)):
        if f"{module}.".startswith(f"{package}."):
            inside = f"{module}.{name}" if module == package else module
            theirs = inside.removeprefix(f"{package}.").split(".")[0]
            if theirs not in levels:  # a name out of the package's face
                theirs = "__init__"
            assert theirs == mine or levels[theirs] < levels[mine], (
                f"{short(path)}:{line}: {mine} must not import {theirs}"
            )


@pytest.mark.parametrize(("package", "folder", "levels"), LEVELS, ids=lambda value: named(value))
def test_every_room_has_a_level(package, folder, levels):
    assert {place(path, folder) for path in folder.rglob("*.py")} == set(levels)


@pytest.mark.parametrize("path", EVERYTHING, ids=short)
def test_what_comes_from_outside(path):
    base = path.relative_to(ROOT).parts[0]
    own = {place(script, ROOT / "scripts") for script in SCRIPTS} | {"nnmat"} if base == "scripts" else {base}
    own.add("nnmat_kernels")
    allowed = THIRD_PARTY[base] | OPTIONAL.get(str(Path(*path.relative_to(ROOT).parts[:2])), set())
    foreign = {name.split(".")[0] for name in names(path)} - allowed - set(sys.stdlib_module_names) - own
    assert not foreign, f"{short(path)} imports {foreign}"


def test_the_calculus_stands_alone():
    for path in sorted((ROOT / "nnmat/calculus").rglob("*.py")):
        foreign = {name for name in names(path) if name.startswith("nnmat") and not name.startswith("nnmat.calculus")}
        allowed = ("nnmat.errors", "nnmat.checks")
        if path.name == "compiled.py":  # large products of compiled functions
            allowed = (*allowed, "nnmat_kernels.unchecked")
        assert all(f"{name}.".startswith(tuple(f"{known}." for known in allowed)) for name in foreign), short(path)


def test_the_plain_twins_share_no_code_with_what_they_test():
    for path in sorted((PACKAGE / "reference").rglob("*.py")):
        own = {name for name in names(path) if name.startswith("nnmat_kernels")}
        allowed = ("nnmat_kernels.reference.", "nnmat_kernels.errors.", "nnmat_kernels.geometry.")
        assert all(f"{name}.".startswith(allowed) for name in own), f"{short(path)} imports {own}"


def test_no_file_takes_another_ones_private_names():
    faults = []
    for path in [*EVERYTHING, *sorted((ROOT / "tests").rglob("*.py"))]:
        base = BASES.get(path.relative_to(ROOT).parts[0], ROOT)
        for line, module, name in imports(path, base):
            ours = module.split(".")[0] in {"nnmat", "nnmat_kernels", "tests"} or base == BASES["scripts"]
            if ours and name and name.startswith("_") and not name.startswith("__"):
                faults.append(f"{short(path)}:{line}: {name} of {module}")
    assert not faults, "\n".join(faults)


# ---- files -------------------------------------------------------------------------------------------------------


def test_the_file_of_a_room_is_its_map():
    for path in EVERYTHING:
        room = ".".join(path.relative_to(base_of(path)).parts[:-1])
        if path.name == "__init__.py" and room not in FACES:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert ast.get_docstring(tree), f"{short(path)} does not say what the room holds"
            assert len(tree.body) == 1, f"{short(path)} holds more than a docstring"


def test_folders_are_small():
    count: dict[str, int] = defaultdict(int)
    for path in EVERYTHING:
        count[short(path.parent)] += path.name != "__init__.py"
    large = {folder for folder, n in count.items() if n > MOST_FILES}
    assert large == set(LARGE_FOLDERS), {folder: count[folder] for folder in large ^ set(LARGE_FOLDERS)}


def test_every_module_has_a_test():
    """tests/nnmat/losses/test_base.py for nnmat/losses/base.py; what has none of its name is in `TESTED_BY`."""
    tests = {short(path) for path in (ROOT / "tests").rglob("test_*.py")}
    missing = set()
    for path in EVERYTHING:
        own = path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else ROOT)
        test = Path("tests", "kernels" if path.is_relative_to(PACKAGE) else "", own.parent, f"test_{own.name}")
        tested = path.name in ("__init__.py", "__main__.py") or path.is_relative_to(PACKAGE / "reference")
        if not tested and str(test) not in tests:
            missing.add(short(path))
    assert missing == set(TESTED_BY), f"in one of the two only: {sorted(missing ^ set(TESTED_BY))}"
    assert set(TESTED_BY.values()) <= tests, set(TESTED_BY.values()) - tests


# ---- equations ---------------------------------------------------------------------------------------------------

EQUATIONS = {"forward", "backward", "update"}
ARRAY = re.compile(r"g?[A-Z][a-z]?")  # names of arrays in equations, such as X, gX, Gi
OF_SHAPES = {"empty", "empty_like", "prod"}  # functions of NumPy that compute nothing with numbers of arrays


def is_array(node: ast.expr) -> bool:
    """Whether an operand is an array by its name (a shape, or a length, is none)."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return ARRAY.fullmatch(name) is not None


def arithmetic(function: ast.FunctionDef) -> list[int]:
    """The lines where a pass computes with arrays in Python."""
    found = []
    for node in ast.walk(function):
        wrong = False
        if isinstance(node, ast.BinOp | ast.AugAssign | ast.UnaryOp | ast.Compare):
            wrong = any(is_array(part) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr))
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot):
                wrong = False
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            if called.startswith("np."):
                wrong = called.removeprefix("np.") not in OF_SHAPES
            else:
                wrong = is_array(node.func.value) and node.func.attr != "reshape"
        if wrong:
            found.append(node.lineno)
    return found


PASSES = [path for path in FRAMEWORK if place(path, ROOT / "nnmat") in ("layers", "losses", "optimizers")]


@pytest.mark.parametrize("path", PASSES, ids=short)
def test_equations_consist_of_kernels(path):
    """What a pass computes with NumPy a recorder does not see."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name in EQUATIONS:
            assert not arithmetic(node), f"{short(path)}:{arithmetic(node)[0]} computes with NumPy: call a kernel"


@pytest.mark.parametrize("line", ["X + 1", "Y *= 2", "-G", "call.X > 0", "np.exp(x)", "G.sum()", "np.linalg.norm(G)"])
def test_arithmetic_in_equations_is_found(line):
    function = ast.parse(f"def forward(self, X, call):\n    {line}").body[0]
    assert isinstance(function, ast.FunctionDef)
    assert arithmetic(function) == [2]


@pytest.mark.parametrize(
    "line", ["k.add(X, Y)", "len(X) + 1", "X.reshape(len(X), -1)", "np.empty(X.shape)", "G is None"]
)
def test_what_is_no_arithmetic(line):
    function = ast.parse(f"def forward(self, X, call):\n    {line}").body[0]
    assert isinstance(function, ast.FunctionDef)
    assert arithmetic(function) == []


# ---- names and Numba's options -----------------------------------------------------------------------------------


def constants(path: Path) -> set[str]:
    """The upper-case names that a file assigns."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign | ast.AugAssign):
            targets = [node.target]
        for target in targets:
            found |= {part.id for part in ast.walk(target) if isinstance(part, ast.Name)}
    return {name for name in found if name.lstrip("_").isupper()}


def test_an_upper_case_name_of_the_kernels_has_one_value():
    homes: dict[str, list[str]] = defaultdict(list)
    for path in KERNELS:
        for name in constants(path):
            homes[name.lstrip("_")].append(short(path))
    twice = {name: files for name, files in homes.items() if len(files) > 1}
    assert not twice, twice


@pytest.mark.parametrize("path", FRAMEWORK, ids=short)
def test_numba_stays_in_the_kernels(path):
    assert not any(name.split(".")[0] == "numba" for name in names(path))


@pytest.mark.parametrize("path", KERNELS, ids=short)
def test_numba_options_stand_in_one_file(path):
    if path == PACKAGE / "runtime" / "config.py":
        return
    options = {
        "fastmath",
        "parallel",
        "cache",
        "nogil",
        "error_model",
        "boundscheck",
        "inline",
        "forceinline",
        "looplift",
    }
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            used = options & {keyword.arg for keyword in node.keywords}
            assert not used, f"{short(path)}:{node.lineno} sets {used}: use jit or parallel_jit of runtime/config.py"
        if isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            assert name not in ("njit", "vectorize", "guvectorize"), f"{short(path)}:{node.lineno} uses {name}"


def test_the_global_random_state_is_never_touched():
    for path in EVERYTHING:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
                chain = (node.value.attr, node.attr)
                assert chain[0] != "random" or chain[1] in ("Generator", "default_rng"), f"{short(path)}: {chain}"
