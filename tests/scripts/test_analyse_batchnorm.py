"""scripts/analyse_batchnorm.py: the spectrum, its consequences, and the page that shows them."""

import numpy as np
import pytest

from analyse_batchnorm import spectrum
from tests.scripts.analysis.pages import assert_shown, everything_of
from tests.scripts.running import run as run_script
from tests.scripts.running import without


def run(*arguments, **options):
    return run_script("analyse_batchnorm.py", *arguments, **options)


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batchnorm")
    printed, tables = everything_of("analyse_batchnorm.py", folder)
    return printed, tables, folder


@pytest.mark.parametrize("B", [2, 3, 64, 256])
@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_the_spectrum_is_that_of_the_law(rng, B, eps):
    found, law, asymmetry = spectrum(3 * rng.standard_normal(B) + 5, eps)
    r = law[-1] if B > 2 else law[1] / eps
    assert np.abs(found - law).max() <= 1e-10 * r
    assert asymmetry <= 1e-10 * r
    assert len(found) == B


def test_the_page_shows_what_is_printed(everything):
    assert_shown("analysis.md", everything[0])


def test_all_bounds_hold(everything):
    spectra, consequences = everything[1]
    assert [row["B"] for row in spectra["rows"]] == [2, 8, 32, 128, 256] * 2
    assert all(row["holds"] and row["largest gap"] <= 1e-10 for row in spectra["rows"])
    assert {row[""] for row in consequences["rows"]} == {"(i)", "(ii)", "(iii)", "(iv)", "(v)"}
    for row in consequences["rows"]:
        assert row["holds"]
        assert row["measured"] <= row["bound"] * (1 + 1e-9)
    second = [row for row in consequences["rows"] if row[""] == "(ii)"]
    assert all(0.9 < row["measured"] <= 1 for row in second)  # the bound is nearly reached


def test_the_picture_is_there(everything):
    assert (everything[2] / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_an_untrained_network_and_another_seed():
    done = run("--steps", "0", "--seed", "3")
    assert done.returncode == 0, done.stderr
    assert "NO" not in done.stdout


def test_help_teaches():
    done = run("--help")
    assert done.returncode == 0
    for word in ("examples", "1e-10", "--json", "--plot", "--steps"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--steps", "-1"], "--steps"),
        (["--seed", "x"], "--seed"),
        (["--plot", "a.txt"], ".png"),
        (["--threads", "0"], "--threads"),
    ],
)
def test_wrong_options_are_a_usage_message(arguments, text):
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_matplotlib_is_said_before_the_work(tmp_path):
    done = run("--plot", str(tmp_path / "picture.png"), before=without("matplotlib", tmp_path))
    assert done.returncode == 1
    assert "--plot: expected matplotlib to be installed, it is not. Try: pip install" in done.stderr
    assert done.stdout == ""
