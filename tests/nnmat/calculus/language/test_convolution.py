"""Convolution as an operator: its shapes and settings, and what it refuses."""

import pytest

from nnmat.calculus import ShapeError, conv, matrix
from nnmat.calculus.language.convolution import conv_input

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
