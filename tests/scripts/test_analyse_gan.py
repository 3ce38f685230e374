"""scripts/analyse_gan.py: what saturates and what does not, and the page that shows it."""

import numpy as np
import pytest

from analyse_gan import KINDS, Game, digits, row_of
from nnmat import datasets
from tests.scripts.analysis.pages import assert_shown, everything_of
from tests.scripts.running import run as run_script


def run(*arguments, **options):
    return run_script("analyse_gan.py", *arguments, **options)


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gan")
    printed, tables = everything_of("analyse_gan.py", folder)
    return printed, tables[0]["rows"], folder


def test_the_gradients_are_those_of_the_formulas(rng):
    game = Game(0, 0.1)
    game.play(KINDS[0])
    found = game.gradients(rng.standard_normal((8, 16)))
    s = found["s"]
    for kind, g in (("minimax", -1 / (1 + np.exp(-s)) / 8), ("non_saturating", -1 / (1 + np.exp(s)) / 8)):
        assert np.abs(found[kind][0] - g).max() < 1e-15
    assert row_of("minimax", 0, found)[-1]


@pytest.mark.parametrize("shift", [-30.0, -3.0, 0.0, 4.0])
def test_the_bounds_hold_wherever_the_scores_are(rng, shift):
    game = Game(0, 0.1)
    game.D[2].bias.value[...] += shift
    row = row_of("minimax", 0, game.gradients(rng.standard_normal((8, 16))))
    assert row[-1], row


def test_digits_are_small(rng):
    X = rng.random((5, 28, 28, 1)).astype(np.float32)
    small = digits(datasets.Dataset(X, np.zeros(5, np.int64)))
    assert small.shape == (5, 64)
    assert np.isclose(small[0, 27], 2 * X[0, 10:14, 10:14].mean() - 1)


def test_the_page_shows_what_is_printed(everything):
    assert_shown("analysis.md", everything[0])


def test_minimax_stands_still_where_the_other_moves(everything):
    _, rows, folder = everything
    assert all(row["holds"] for row in rows)
    by = {(row["trained by"], row["step"]): row for row in rows}
    first = by["minimax", 0]
    assert first["minimax ‖gθ‖"] < 0.05 * first["non-sat. ‖gθ‖"]
    assert by["minimax", 10]["E s"] < first["E s"] + 0.2
    assert by["non_saturating", 10]["E s"] > first["E s"] + 3
    assert (folder / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "text"), [(["--steps", "0"], "--steps"), (["--ahead", "-1"], "--ahead"), (["--lr", "0"], "--lr")]
)
def test_wrong_options_are_a_usage_message(arguments, text):
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert text in done.stderr
    assert "Traceback" not in done.stderr
