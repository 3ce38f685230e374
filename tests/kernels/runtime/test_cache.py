"""The disk cache of compiled kernels: what its keys hold, damaged and read-only folders, several processes at once."""

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numba
import pytest
from numba.core.registry import cpu_target

from nnmat_kernels.runtime import cache

KERNELS = Path(__file__).resolve().parents[3] / "kernels"
pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled"),
]

USE = """
import numpy as np, nnmat_kernels as k
A = np.arange(12, dtype=np.{dtype}).reshape(3, 4) - 5
Y = k.relu(A)
assert Y.dtype == A.dtype and np.array_equal(Y, np.maximum(A, 0)), "wrong values"
print("ok")
"""


def start(folder, dtype="float32", program=USE, **extra):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(KERNELS)} | extra
    return subprocess.Popen(
        [sys.executable, "-c", program.format(dtype=dtype)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert out == "ok\n"


def compiled():
    """As much of a compilation's result as the cache looks at."""
    codegen, library = cpu_target.target_context.codegen(), SimpleNamespace(has_dynamic_globals=False)
    return SimpleNamespace(lifted=[], library=library, codegen=codegen, _reduce=tuple)


def entries(folder):
    return {p: p.stat().st_mtime_ns for p in Path(folder).rglob("*.nbc")}


def is_whole(path):
    """Whether an entry begins with the hash of its name and of the rest."""
    stored = path.read_bytes()
    return hashlib.sha256(path.name.encode() + stored[32:]).digest() == stored[:32]


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    finish(start(folder))
    assert entries(folder)
    return folder


def test_the_second_process_compiles_nothing(filled):
    before = entries(filled)
    finish(start(filled))
    assert entries(filled) == before


def test_options_have_entries_of_their_own(filled):
    before = set(entries(filled))
    finish(start(filled, NUMBA_OPT="1"))
    finish(start(filled, NUMBA_OPT="2"))
    assert len(set(entries(filled)) - before) == 2 * len(before)


def test_a_damaged_entry_is_compiled_again(filled):
    path = min(entries(filled), key=lambda p: p.stat().st_mtime_ns)  # the first test's own processor and options
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        path.write_bytes(damaged)
        finish(start(filled))
        stored = path.read_bytes()
        assert stored != damaged
        assert is_whole(path)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_entries_under_each_others_names_are_compiled_again(dtype, tmp_path):
    for each in ("float32", "float64"):
        finish(start(tmp_path, each))
    names = list(entries(tmp_path))
    contents = [path.read_bytes() for path in names]
    for path, content in zip(names, contents[1:] + contents[:1], strict=True):
        path.write_bytes(content)
    assert not any(is_whole(path) for path in names)
    finish(start(tmp_path, dtype))
    assert any(is_whole(path) for path in names), "nothing was compiled again"


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    finish(start(blocked))


@pytest.fixture(autouse=True)
def unsaid(monkeypatch):
    """As at the start of a process: nobody has been told that nothing is kept."""
    monkeypatch.setattr(cache.KernelCache, "_warned", False)
    monkeypatch.setattr(cache.line, "kept", True)


def test_a_folder_that_cannot_be_written_is_said_once_with_the_remedy(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(blocked))
    assert not cache.writable()
    entry = cache.KernelCache(SimpleNamespace(__module__="nnmat_kernels.elementwise.activations", __qualname__="_relu"))
    with pytest.warns(RuntimeWarning) as said:
        entry.save_overload((), compiled())
    entry.save_overload((), compiled())  # a second warning would be an error here
    (warning,) = said
    assert f"{blocked / 'nnmat'} cannot be written to (Not a directory)" in str(warning.message)
    assert str(warning.message).endswith(
        "Set the environment variable NUMBA_CACHE_DIR to a folder that can be written to."
    )
    assert not cache.line.kept
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "new"))
    assert cache.writable()


def test_eight_processes_with_an_empty_cache(tmp_path):
    processes = [start(tmp_path, dtype) for dtype in ("float32", "float64") * 4]
    for process in processes:
        finish(process)
    whole = entries(tmp_path)
    for dtype in ("float32", "float64"):
        finish(start(tmp_path, dtype))
    assert entries(tmp_path) == whole
    assert not list(tmp_path.rglob("tmp*")), "a temporary file was left behind"


HALTED = """
import os, sys
move = os.replace
def halting(source, target):  # the entry is written and has no name yet
    print("halted", flush=True)
    sys.stdin.readline()
    move(source, target)
os.replace = halting
"""


def test_an_entry_that_is_being_written_is_not_seen(tmp_path):
    """A process stops in the middle of writing; others with the same and with another dtype start, write and end."""
    halted = start(tmp_path, program=HALTED + USE)
    assert halted.stdout.readline() == "halted\n"
    assert not list(tmp_path.rglob("*.relu-*.nbc")), "the entry is there before it is whole"
    for dtype in ("float64", "float32"):  # in Numba's own cache the first one's index would name the second one's code
        finish(start(tmp_path, dtype))
    meanwhile = entries(tmp_path)
    out, err = halted.communicate("\n" * 100, timeout=300)
    assert halted.returncode == 0, err
    assert out.endswith("ok\n")
    assert set(entries(tmp_path)) == {path for path in meanwhile if path.exists()}  # its own name, and no other's
    for dtype in ("float32", "float64"):
        finish(start(tmp_path, dtype))


def test_an_edit_recompiles_what_depends_on_it_and_nothing_else(tmp_path):
    """In a copy of the package: `activations` imports `vector_math`, `reductions` does not."""
    shutil.copytree(KERNELS / "nnmat_kernels", tmp_path / "nnmat_kernels", ignore=shutil.ignore_patterns("__pycache__"))
    program = (
        "import numpy as np, nnmat_kernels as k; A = np.full((3, 4), 2, np.float32); k.column_sums(A); "
        "print(float(k.sigmoid(A)[0, 0]))"
    )

    def sigmoid_of_two():
        process = start(tmp_path / "cache", program=program, PYTHONPATH=str(tmp_path))
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        return float(out)

    assert sigmoid_of_two() == pytest.approx(0.8808, abs=1e-4)
    before = entries(tmp_path)
    edit = "\n\nfrom ..runtime.config import exact_jit\n\n\n@exact_jit\ndef sigmoid(x):\n    return x + x\n"
    with open(tmp_path / "nnmat_kernels" / "elementwise" / "vector_math.py", "a", encoding="utf-8") as file:
        file.write(edit)
    assert sigmoid_of_two() == 4.0, "stale code was served"
    after = entries(tmp_path)
    assert {path: after[path] for path in before} == before
    again = {path.name.rpartition(".")[0].rpartition(".")[0] for path in set(after) - set(before)}
    assert again == {"elementwise.activations", "elementwise.vector_math"}
    assert any(path.name.startswith("reductions.sums.") for path in before)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A package of rooms: `high` reaches `low` through two rooms; what each key holds."""
    sources = {
        "__init__.py": "from .left.low import x\n",
        "base.py": "",
        "left/__init__.py": "",
        "left/low.py": "x = 1\n",
        "left/deep/__init__.py": "",
        "left/deep/well.py": "    from ... import base  # an import inside a function\n",
        "right/__init__.py": "",
        "right/middle.py": "from ..left.low import (\n    x,\n)\n",
        "right/high.py": "from . import middle as m\nfrom numpy import array\n",
        "right/wide.py": "from ..left import (\n    deep,\n)\nfrom ..left.deep import well\n",
        "right/other.py": "from .middle2 import y\n",
    }
    for name, source in sources.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    monkeypatch.setattr(cache, "PACKAGE", tmp_path)

    def keys(*modules):
        cache.module_key.cache_clear()
        cache.source_and_imports.cache_clear()
        return {name: cache.module_key(name) for name in modules}

    yield tmp_path, keys
    keys()


@pytest.mark.parametrize(
    ("edited", "changed"),
    [
        ("left/low.py", ["left.low", "right.middle", "right.high"]),
        ("right/middle.py", ["right.middle", "right.high"]),
        ("base.py", ["left.deep.well", "right.wide"]),
        ("left/deep/well.py", ["left.deep.well", "right.wide"]),
        # A room's own file runs before its modules do.
        ("left/deep/__init__.py", ["left.deep.well", "right.wide"]),
        ("left/__init__.py", ["left.low", "left.deep.well", "right.middle", "right.high", "right.wide"]),
        ("right/__init__.py", ["right.middle", "right.high", "right.wide"]),
        ("__init__.py", []),  # the package's face runs all and changes none
    ],
)
def test_the_key_follows_imports_through_rooms(tree, edited, changed):
    place, keys = tree
    modules = ["left.low", "left.deep.well", "right.middle", "right.high", "right.wide"]
    before = keys(*modules)
    with open(place / edited, "a") as file:
        file.write("z = 2\n")
    after = keys(*modules)
    assert [name for name in modules if before[name] != after[name]] == changed


def test_modules_of_one_name_in_two_rooms_have_keys_of_their_own(tree):
    place, keys = tree
    (place / "right" / "low.py").write_text("x = 3\n")
    first = keys("left.low", "right.low")
    assert len(set(first.values())) == 2
    (place / "left" / "low.py").write_text("x = 4\n")
    second = keys("left.low", "right.low")
    assert [name for name in first if first[name] != second[name]] == ["left.low"]


def test_an_import_without_a_source_is_an_error(tree):
    _, keys = tree
    with pytest.raises(FileNotFoundError, match=r"no source of the kernel module right\.middle2"):
        keys("right.other")


def test_a_module_that_becomes_a_room_has_another_key(tree):
    place, keys = tree
    before = keys("right.middle")
    (place / "left" / "low").mkdir()
    (place / "left" / "low" / "__init__.py").write_text("x = 1 + 1\n")  # Python takes it before low.py
    assert keys("right.middle") != before


def test_without_its_source_a_kernel_is_not_cached(tmp_path, monkeypatch):
    """As in a package of compiled files only: an edit would go unnoticed."""
    monkeypatch.setattr(cache, "PACKAGE", tmp_path / "elsewhere")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    cache.module_key.cache_clear()
    with pytest.raises(FileNotFoundError, match="no source of the kernel module elementwise.activations"):
        cache.module_key("elementwise.activations")
    entry = cache.KernelCache(SimpleNamespace(__module__="nnmat_kernels.elementwise.activations", __qualname__="_relu"))
    with pytest.warns(RuntimeWarning, match=r"cannot be kept: no source of the kernel module .* source files\.$"):
        entry.save_overload((), compiled())
    assert not entries(tmp_path)
    assert entry.load_overload((), cpu_target.target_context) is None


@pytest.mark.parametrize("name", cache.OPTIONS)
def test_options_set_by_a_program_have_entries_of_their_own(name, monkeypatch):
    assert hasattr(numba.config, name), "unknown to Numba"
    entry = cache.KernelCache(SimpleNamespace(__module__="nnmat_kernels.elementwise.activations", __qualname__="_relu"))
    codegen = cpu_target.target_context.codegen()
    before = entry.entry_path((), codegen)
    monkeypatch.setattr(numba.config, name, "something else")
    assert entry.entry_path((), codegen) != before


def test_options_in_the_environment_are_in_the_name(monkeypatch):
    before = cache.options()
    monkeypatch.setenv("NUMBA_SOME_NEW_OPTION", "1")
    assert cache.options() != before
    monkeypatch.delenv("NUMBA_SOME_NEW_OPTION")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert cache.options() == before


def test_entries_that_nobody_uses_are_deleted(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    place = tmp_path / "nnmat"
    place.mkdir()
    now, old = time.time(), time.time() - 31 * 86_400
    times = {"unused.nbc": (old, old), "read.nbc": (now, old), "written.nbc": (old, now), "other.txt": (old, old)}
    for name, stamps in times.items():
        (place / name).write_text("")
        os.utime(place / name, stamps)
    (place / "folder.nbc").mkdir()  # cannot be deleted: no obstacle
    os.utime(place / "folder.nbc", (old, old))
    entry = cache.KernelCache(SimpleNamespace(__module__="nnmat_kernels.elementwise.activations", __qualname__="_relu"))
    entry.save_overload((), compiled())
    kept = {p.name for p in place.iterdir()}
    assert kept >= {"read.nbc", "written.nbc", "other.txt", "folder.nbc"}
    assert "unused.nbc" not in kept
    assert len(kept) == 5, "the new entry is missing"


def test_reading_an_entry_counts_as_use(filled):
    before = entries(filled)
    for path in before:
        os.utime(path, ns=(0, before[path]))
    finish(start(filled))
    assert any(path.stat().st_atime > 0 for path in before)
    assert entries(filled) == before


def test_where_the_cache_lives(monkeypatch, tmp_path):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "nnmat" / "kernels"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "chosen"))
    assert cache.folder() == tmp_path / "chosen" / "nnmat"


def test_functions_outside_the_package_are_not_cached(tmp_path, monkeypatch):
    from nnmat_kernels.runtime.config import jit

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))

    @jit
    def twice(x):  # its file is not among those that a key is made of
        return 2 * x

    assert twice(2) == 4
    assert not entries(tmp_path)


def test_the_key_follows_every_import_of_the_kernels():
    """Python's own parser finds the same modules, and none is imported in a form that the key cannot follow."""

    def sources(name):
        place = cache.PACKAGE.joinpath(*name.split("."))
        return [file for file in (place.with_suffix(".py"), place / "__init__.py") if file.exists()]

    for path in cache.PACKAGE.rglob("*.py"):
        rooms = path.relative_to(cache.PACKAGE).parts[:-1]
        expected = {".".join(rooms[: n + 1]) for n in range(len(rooms))}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                parts = [*rooms[: len(rooms) + 1 - node.level], *(node.module.split(".") if node.module else [])]
                expected |= {".".join(parts)} if parts else set()
                if cache.PACKAGE.joinpath(*parts).is_dir():
                    modules = {".".join([*parts, alias.name]) for alias in node.names}
                    expected |= {name for name in modules if sources(name)}
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
                assert not [name for name in names if name.startswith(("nnmat_kernels", "importlib"))], path.name
        found = set(cache.source_and_imports(path)[1])
        assert expected <= found, path
        assert all(sources(name) for name in found), path


def test_the_key_holds_python_and_numpy(monkeypatch):
    """The code of one Python's wrappers is not the code of another's, and users' caches are shared by environments."""
    keys = set()
    try:
        for attribute, value in ((None, None), ("sys.version", "3.99"), ("numpy.__version__", "9")):
            cache.module_key.cache_clear()
            with monkeypatch.context() as patch:
                if attribute:
                    patch.setattr(attribute, value)
                keys.add(cache.module_key("elementwise.activations"))
    finally:
        cache.module_key.cache_clear()
    assert len(keys) == 3


def test_no_home_folder_is_no_obstacle(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(cache.Path, "home", no_home)
    entry = cache.KernelCache(SimpleNamespace(__module__="nnmat_kernels.elementwise.activations", __qualname__="_relu"))
    with pytest.warns(RuntimeWarning, match=r"cannot be kept: this user has no home folder\. .*NUMBA_CACHE_DIR"):
        entry.save_overload((), compiled())
    assert not cache.writable()
    assert entry.load_overload((), cpu_target.target_context) is None
