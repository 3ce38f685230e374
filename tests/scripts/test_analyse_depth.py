"""scripts/analyse_depth.py: gradients between their bounds, and the page that shows them."""

import json

import numpy as np
import pytest

from analyse_depth import BATCH, KINDS, Chain
from nnmat import jacobian
from tests.scripts.analysis.pages import assert_shown
from tests.scripts.running import run as run_script


def run(*arguments, **options):
    return run_script("analyse_depth.py", *arguments, **options)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    folder = tmp_path_factory.mktemp("depth")
    done = run("--depth", "5", "--gains", "0.3", "--json", str(folder / "d.json"), "--plot", str(folder / "d.png"))
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((folder / "d.json").read_text())["tables"], folder


@pytest.fixture(scope="module")
def digits():
    rng = np.random.default_rng(0)
    return rng.random((BATCH, 4, 4, 1)), rng.integers(10, size=BATCH)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gain", [0.2, 0.7, 1.5])
def test_every_gradient_keeps_its_bounds(kind, gain, digits):
    X, y = digits
    chain = Chain(kind, gain, 3, 1, X)
    for depth in (1, 2, 3):
        norms, (low, high) = chain.gradients(depth, y), chain.bounds(depth)
        assert len(norms) == depth + 1
        assert (low or 0) * 0.999 <= norms[0] / norms[-1] <= high * 1.001
        assert (low is None) == (kind != "plain" and max(chain.norms[:depth]) >= 1)


def test_the_chain_is_the_product_of_its_blocks(digits):
    X, y = digits
    chain = Chain("residual + BatchNorm", 0.7, 3, 1, X)
    product = np.eye(chain.inputs[0].size)
    for made, Z, bound in zip(chain.blocks, chain.inputs, chain.norms, strict=True):
        J = jacobian(made, Z, training=True)
        assert np.linalg.norm(J - np.eye(len(J)), 2) <= bound * 1.001
        product = J @ product
    norms = chain.gradients(3, y)
    assert np.linalg.svd(product, compute_uv=False)[-1] <= norms[0] / norms[-1] <= np.linalg.norm(product, 2)


def test_what_is_written(short):
    text, (gradients, single), folder = short
    assert [row["L"] for row in gradients["rows"]] == [2, 4] * len(KINDS)
    assert all(row["holds"] for row in [*gradients["rows"], *single["rows"]])
    assert {row["network"] for row in single["rows"]} == set(KINDS[1:])
    assert "σ_min(I + J_l)" in text
    assert (folder / "d.png").read_bytes().startswith(b"\x89PNG")


def test_a_void_bound_is_said():
    done = run("--depth", "2", "--gains", "1.5")
    assert done.returncode == 0, done.stderr
    assert "void" in done.stdout


@pytest.mark.slow
def test_the_page_shows_what_is_printed():
    done = run()
    assert done.returncode == 0, done.stderr
    assert_shown("analysis.md", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [(["--depth", "0"], "--depth"), (["--gains"], "--gains"), (["--gains", "-1"], "--gains"), (["--wide"], "--wide")],
)
def test_wrong_options_are_a_usage_message(arguments, text):
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert text in done.stderr
    assert "Traceback" not in done.stderr
