"""Convolution as an operator: its shapes and settings, and what it refuses."""

import pytest

from nnmat.calculus import ShapeError, conv, matrix
from nnmat.calculus.language.convolution import conv_input, conv_kernel, setting_of

A, B = matrix("A", "M", "N"), matrix("B", "N", "N")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: conv(matrix("X", 2, 2), matrix("K", 3, 3)), "conv: expected a kernel no larger than the padded image"),
        (lambda: conv(A, B, stride=0), "conv: expected stride as an integer >= 1"),
        (
            lambda: conv_input(matrix("H", 3, 3), matrix("K", 2, 2), matrix("X", 3, 3).shape, conv(A, B).data),
            r"expected the first operand of shape \(2, 2\), got H of shape \(3, 3\) with K of shape \(2, 2\)",
        ),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises(ShapeError, match=text):
        make()


@pytest.mark.parametrize("stride", [1, 2, (2, 3)])
@pytest.mark.parametrize("padding", [0, 1, (2, 0)])
@pytest.mark.parametrize("dilation", [1, (2, 1)])
def test_one_entry_for_each_place_of_the_kernel(stride, padding, dilation):
    e = conv(matrix("X", 9, 8), matrix("K", 2, 3), stride, padding, dilation)
    pair = lambda v: v if isinstance(v, tuple) else (v, v)  # noqa: E731
    for axis, (length, kernel) in enumerate(((9, 2), (8, 3))):
        s, p, d = (pair(v)[axis] for v in (stride, padding, dilation))
        places = [i for i in range(0, length + 2 * p, s) if i + (kernel - 1) * d < length + 2 * p]
        assert e.shape[axis].constant == len(places)


def test_a_setting_is_three_pairs():
    assert setting_of() == ((1, 1), (0, 0), (1, 1))
    assert setting_of(padding=(2, 0), stride=3) == ((3, 3), (2, 0), (1, 1))
    for options in ({"stride": 0}, {"padding": -1}, {"dilation": 1.0}, {"stride": (1, 2, 3)}, {"padding": True}):
        with pytest.raises(ShapeError, match=f"conv: expected {next(iter(options))} as an integer >="):
            setting_of(**options)


def test_the_adjoints_have_the_shapes_of_the_operands():
    X, K = matrix("X", "H", "W"), matrix("K", "kh", "kw")
    e = conv(X, K, stride=2, padding=1)
    G = matrix("G", *e.shape)
    assert conv_input(G, K, X.shape, e.data).shape == X.shape
    assert conv_kernel(G, X, K.shape, e.data).shape == K.shape
