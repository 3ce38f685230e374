"""The functions above the lines: right where arrays are large, and at the ends of what float64 holds."""

import warnings

import numpy as np
import pytest

from nnmat.calculus.compiling.helpers import ENTRIES, NEEDS, TEXTS, helper_texts
from nnmat.calculus.language.elementwise import FUNCTIONS


def space(*names):
    found = {"np": np}
    for text in helper_texts(set(names)):
        exec(text, found)
    return found


@pytest.mark.parametrize("n", [3, 97, 200, 251])
def test_inverses(n):
    rng = np.random.default_rng(n)
    inverse = space("inverse")["inverse"]
    for A in (
        rng.standard_normal((n, n)) + np.eye(n),
        np.eye(n)[::-1] + 0,
        np.triu(rng.uniform(1, 2, (n, n))) + 9 * np.eye(n),
    ):
        wanted = np.linalg.inv(A)
        assert np.abs(inverse(A) - wanted).max() <= 1e-10 * np.abs(wanted).max()
    with pytest.raises(np.linalg.LinAlgError):
        inverse(np.zeros((n, n)))


def test_the_sigmoid_at_its_ends():
    sigmoid = space("sigmoid")["sigmoid"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]
    assert sigmoid(-40.0) == pytest.approx(np.exp(-40.0), rel=1e-15)


def test_every_function_of_the_language_has_code():
    assert set(FUNCTIONS) >= set(ENTRIES)
    assert {name for names in NEEDS.values() for name in names} <= set(TEXTS)
