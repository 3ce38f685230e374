"""What is put round an image: how it is given, and what the image must have for it."""

import pytest

from nnmat import ConfigError, ShapeError
from nnmat.layers.resampling.ends import check_ends, check_mode, padded_axes, padding_ends


def test_forms():
    assert padding_ends("Who", 2) == ((2, 2), (2, 2))
    assert padding_ends("Who", (1, 2)) == ((1, 1), (2, 2))
    assert padding_ends("Who", [[1, 2], [0, 3]]) == ((1, 2), (0, 3))
    assert padding_ends("Who", (1, (0, 3))) == ((1, 1), (0, 3))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ((1, 2, 3, 4), r"as an integer, a pair .* got \(1, 2, 3, 4\)\. PyTorch's \(left, right, top, bottom\) is"),
        ((1, 2, 3), r"as an integer, a pair .* got \(1, 2, 3\)\. Try 1"),
        (-1, "of at least 0, got -1"),
        (1.5, "to be an integer or a pair of integers, got 1.5"),
    ],
)
def test_refuses(given, text):
    with pytest.raises(ConfigError, match=f"^Who: expected padding {text}"):
        padding_ends("Who", given)


def test_what_the_image_must_have():
    for mode, most in (("reflect", 2), ("circular", 3), ("replicate", 9), ("constant", 9)):
        check_ends("Who", (3, 5), ((most, 0), (0, 1)), mode)
        if most < 9:
            with pytest.raises(
                ShapeError, match=rf'^Who: expected "{mode}" padding .* got \(0, {most + 1}\) on an axis of 3'
            ):
                check_ends("Who", (3, 5), ((0, most + 1), (0, 0)), mode)


def test_modes_and_axes():
    assert check_mode("Who", "mode", "reflect") == "reflect"
    with pytest.raises(ConfigError, match=r"^Who: unknown mode 'edge'\. Known: constant, reflect, replicate, circular"):
        check_mode("Who", "mode", "edge")
    assert [factor.shape for factor in padded_axes((3, 4), ((1, 2), (0, 0)), "circular")] == [(6, 3), (4, 4)]
