"""scripts/analyse_convolution.py: the adjoints of a convolution in three ways, and the page that shows them."""

import json

import numpy as np
import pytest

import nnmat_kernels as k
from analyse_convolution import CASES, Case, image_adjoint, kernel_adjoint, measured
from tests.scripts.analysis.pages import assert_shown
from tests.scripts.running import run as run_script

MORE = (
    Case("cut in front", (7, 7, 1), (2, 1, 2, 1), padding=(2, 3)),
    Case("depthwise", (6, 7, 3), (6, 2, 3, 1), (3, 2), (1, 2), (2, 1), 3),
    Case("one pixel", (2, 3, 2), (1, 2, 3, 2), (2, 3)),
)


@pytest.mark.parametrize("case", [*CASES, *MORE], ids=lambda case: case.name)
def test_all_ways_agree(rng, case):
    found = measured(case, rng)
    assert max(found[name] for name in ("F", "G", "LAW-9", "TR-6,7")) < 1e-12


@pytest.mark.parametrize("case", [*CASES, *MORE], ids=lambda case: case.name)
def test_the_adjoints_as_convolutions_are_the_kernels(rng, case):
    X, K = rng.standard_normal((2, *case.image)), rng.standard_normal(case.kernel)
    H = rng.standard_normal(k.conv2d(X, K, None, *case.options).shape)
    F, G = image_adjoint(H, K, case), kernel_adjoint(H, X, case)
    assert np.allclose(F, k.conv2d_input_gradient(H, K, X.shape, *case.options), rtol=0, atol=1e-12)
    assert np.allclose(G, k.conv2d_weight_gradient(X, H, K.shape, *case.options), rtol=0, atol=1e-12)


def test_the_page_shows_what_is_printed(tmp_path):
    places = ["--json", str(tmp_path / "c.json"), "--plot", str(tmp_path / "c.png")]
    done = run_script("analyse_convolution.py", *places)
    assert done.returncode == 0, done.stderr
    assert_shown("convolution.md", done.stdout)
    (table,) = json.loads((tmp_path / "c.json").read_text())["tables"]
    assert [row["case"] for row in table["rows"]] == [case.name for case in CASES]
    assert all(row["holds"] and 0 < row["used"] <= row["entries"] for row in table["rows"])
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_wrong_options_are_a_usage_message():
    done = run_script("analyse_convolution.py", "--seed", "-1")
    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert "Traceback" not in done.stderr
