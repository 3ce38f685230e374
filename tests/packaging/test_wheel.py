"""The wheel and the sdist: what is in them, that one is built from the other, and that they work without a checkout."""

import email
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.extras import needs

pytestmark = [needs("build", "hatchling"), pytest.mark.slow, pytest.mark.once]
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"nnmat": ROOT / "nnmat", "nnmat_kernels": ROOT / "kernels" / "nnmat_kernels"}
MOST = 2_000_000  # bytes: code, no data


def build(source: Path, out: Path, *options: str) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", *options, "-o", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the sdist, and the wheel that was built from it."""
    out = tmp_path_factory.mktemp("dist")
    build(ROOT, out)
    return out


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def of_packages() -> set[str]:
    """The files of both packages, as the wheel names them."""
    return {
        f"{name}/{path.relative_to(folder).as_posix()}"
        for name, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_both_packages_and_nothing_else(built):
    wheel = only(built, "*.whl")
    names = set(content(wheel))
    assert wheel.name.endswith("-py3-none-any.whl")
    assert wheel.stat().st_size < MOST
    assert {name for name in names if ".dist-info/" not in name} == of_packages()
    assert {"nnmat/py.typed", "nnmat_kernels/py.typed", "nnmat/calculus/serving/page.html"} <= names


def test_what_the_wheel_says_of_itself(built):
    files = content(only(built, "*.whl"))
    (name,) = (name for name in files if name.endswith("METADATA"))
    said = email.message_from_bytes(files[name])
    core = {line.split(">")[0] for line in said.get_all("Requires-Dist", []) if "extra ==" not in line}
    assert core == {"numpy", "numba", "tqdm"}
    assert said["Requires-Python"] == ">=3.11"
    assert any(name.endswith("licenses/LICENSE") for name in files)
    (scripts,) = (files[name].decode() for name in files if name.endswith("entry_points.txt"))
    assert "nnmat = nnmat.__main__:main" in scripts


def test_the_sdist_holds_what_the_wheel_is_built_from(built):
    sdist = only(built, "*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert sdist.stat().st_size < MOST
    assert {
        name.removeprefix("kernels/") for name in names if name.startswith(("nnmat/", "kernels/nnmat_"))
    } == of_packages()
    rest = {name for name in names if not name.startswith(("nnmat/", "kernels/"))}
    assert rest == {".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}


def test_the_wheel_of_the_checkout_is_that_of_the_sdist(built, tmp_path):
    build(ROOT, tmp_path, "--wheel")
    here, there = content(only(tmp_path, "*.whl")), content(only(built, "*.whl"))
    assert here == there


def test_a_network_trains_where_no_checkout_is(built, tmp_path):
    """Without the JIT, for kernels are compiled once for each place that they are installed in."""
    target = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*install, str(only(built, "*.whl"))], check=True, capture_output=True)
    place = tmp_path / "elsewhere"
    place.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NNMAT_")}
    environment |= {"PYTHONPATH": str(target), "NUMBA_DISABLE_JIT": "1", "XDG_CACHE_HOME": str(tmp_path)}
    smoke = [sys.executable, str(ROOT / "tests/packaging/smoke.py"), str(target)]
    done = subprocess.run(smoke, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "accuracy 0.9" in done.stdout
