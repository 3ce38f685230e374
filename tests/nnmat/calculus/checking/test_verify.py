"""Every line is checked, and a wrong one named."""

import pytest

from nnmat.calculus import UnverifiedError, derive, parse
from nnmat.calculus.language.expr import mul, number

N = {"A": ("N", "N"), "B": ("N", "N"), "x": ("N",), "z": ("N",), "X": ("N", "N")}


def test_a_line_that_was_tampered_with_is_named():
    f = parse("x.T @ inv(A) @ z", **N)
    d = derive(f, "A")
    d.check()
    stage = d.stages[0]
    old = stage.lines[1]
    stage.lines[1] = type(old)(
        old.kind, old.of, old.rule, old.on, old.terms_before, (mul(number(2), old.terms_after[0]),)
    )
    d = type(d)(d.function, d.wrt, d.root, d.gradient, d.chain, d.stages)
    with pytest.raises(UnverifiedError, match=rf"step {old.rule} \(.*differ by .* at .*A = "):
        d.check()
