"""Random images: within their bounds, one map for each, the same bits for a seed and any number of threads."""

import json

import numpy as np
import pytest

from nnmat.datasets import Augment
from nnmat.errors import ConfigError, DtypeError, ShapeError
from tests.kernels.guards import same_bits_for_any_threads


def images(B=40, H=9, W=8, C=2, dtype=np.float32):
    return np.random.default_rng(1).random((B, H, W, C)).astype(dtype) + 1


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shifts_are_whole_and_within_their_bounds(dtype):
    X = images(dtype=dtype)
    Y = Augment(shift=(2, 1))(X, rng())
    assert (Y.shape, Y.dtype) == (X.shape, dtype)
    padded = np.pad(X, ((0, 0), (2, 2), (1, 1), (0, 0)))
    found = set()
    for b in range(len(X)):
        moves = [(d, r) for d in range(5) for r in range(3) if np.array_equal(padded[b, d : d + 9, r : r + 8], Y[b])]
        assert len(moves) == 1
        found.add(moves[0])
    assert {d for d, _ in found} == set(range(5))
    assert {r for _, r in found} == set(range(3))


def test_flips():
    X = images()
    forms = {"horizontal": [X, X[:, :, ::-1]], "vertical": [X, X[:, ::-1]]}
    forms["both"] = [*forms["horizontal"], X[:, ::-1], X[:, ::-1, ::-1]]
    for flip, possible in forms.items():
        Y = Augment(flip=flip)(X, rng())
        which = [[np.array_equal(Y[b], P[b]) for P in possible].index(True) for b in range(len(X))]
        assert set(which) == set(range(len(possible)))
    many = Augment(flip="horizontal")(np.tile(X[:1], (2000, 1, 1, 1)), rng())
    assert 900 < sum(np.array_equal(Y, X[0]) for Y in many) < 1100  # half of them


def test_turns_are_about_the_centre_and_within_their_bounds():
    H = 41
    place = np.linspace(-1, 1, H)
    x, y = np.meshgrid(place, place)
    X = np.tile(np.exp(-((x - 0.6) ** 2 + y**2) / 0.01)[None, ..., None], (200, 1, 1, 1))  # a spot to the right
    Y = Augment(rotate=30)(X, rng())[..., 0]
    total = Y.sum(axis=(1, 2))
    angles = np.degrees(np.arctan2((Y * y).sum(axis=(1, 2)) / total, (Y * x).sum(axis=(1, 2)) / total))
    assert 25 < np.abs(angles).max() < 30.5
    assert angles.min() < -20
    assert angles.max() > 20
    still = Augment(rotate=0, shift=0)(X, rng())
    assert np.array_equal(still, X)


def test_pieces_are_cut_out():
    X = images()
    augment = Augment(crop=(5, 3))
    Y = augment(X, rng())
    assert Y.shape == (40, 5, 3, 2)
    tops = set()
    for b in range(len(X)):
        found = [(t, s) for t in range(5) for s in range(6) if np.array_equal(X[b, t : t + 5, s : s + 3], Y[b])]
        assert len(found) == 1
        tops.add(found[0][0])
    assert tops == set(range(5))
    assert np.array_equal(augment.center(X), X[:, 2:7, 2:5])
    assert np.array_equal(Augment().center(X), X)
    with pytest.raises(ShapeError, match="at least 12 x 12 pixels for crop, got 9 x 8"):
        Augment(crop=12)(X, rng())


def test_a_generator_gives_the_same_bits():
    X, augment = images(), Augment(shift=2, rotate=20, flip="both", crop=7, fill=0.5)
    Y = augment(X, rng(3))
    assert np.array_equal(Y, augment(X, rng(3)))
    assert not np.array_equal(Y, augment(X, rng(4)))
    again = Augment(**json.loads(json.dumps(augment.config())))
    assert np.array_equal(again(X, rng(3)), Y)
    assert repr(augment) == "Augment(shift=[2, 2], rotate=20.0, flip='both', crop=[7, 7], fill=0.5)"
    same_bits_for_any_threads(lambda: augment(images(60, 30, 30), rng(3)))


def test_other_dtypes():
    X = (images() * 100).astype(np.uint8)
    Y = Augment(flip="horizontal")(X, rng())
    assert Y.dtype == np.float32
    assert np.array_equal(Y, Augment(flip="horizontal")(X.astype(np.float32), rng()))
    X.flags.writeable = False
    assert np.array_equal(Augment(flip="horizontal")(X, rng()), Y)


def test_what_is_refused():
    for options in (
        {"shift": -1},
        {"shift": 1.5},
        {"rotate": 200},
        {"rotate": "a"},
        {"flip": True},
        {"flip": "left"},
        {"flip": 0},
        {"flip": ["horizontal"]},
        {"crop": 0},
        {"fill": np.nan},
        {"zoom": 2},
    ):
        with pytest.raises(ConfigError, match="Augment"):
            Augment(**options)
    augment = Augment(shift=1)
    with pytest.raises(ConfigError, match=r"a numpy.random.Generator, got int\. Try np.random.default_rng"):
        augment(images(), 0)
    with pytest.raises(ShapeError, match="several"):
        augment((images(), images()), rng())
    with pytest.raises(ShapeError, match=r"X\[..., np.newaxis\]"):
        augment(images()[..., 0], rng())
    with pytest.raises(DtypeError, match="real numbers"):
        augment(images().astype(complex), rng())
