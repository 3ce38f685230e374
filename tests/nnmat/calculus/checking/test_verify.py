"""Every line is checked, and a wrong one named."""

from dataclasses import replace

import pytest

from nnmat.calculus import UnverifiedError, derive, parse
from nnmat.calculus.checking.verify import check
from nnmat.calculus.language.expr import mul, number
from nnmat.errors import ConfigError

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


@pytest.mark.parametrize("place", range(4))
def test_every_line_counts(place):
    """Whichever line of the first stage is changed, the check names its rule."""
    d = derive(parse("x.T @ inv(A) @ z", **N), "A")
    stage = d.stages[0]
    line = stage.lines[place]
    stage.lines[place] = replace(line, terms_after=(mul(number(1.001), line.terms_after[0]), *line.terms_after[1:]))
    with pytest.raises(UnverifiedError, match=rf"step {line.rule} \("):
        check(d, trials=1, seed=0)


def test_a_wrong_simplification_is_named():
    d = derive(parse("trace(A @ B) + trace(A @ X)", **N), "A")
    reading = d.stages[-1].readings[-1]
    d.stages[-1].readings[-1] = reading._replace(after=mul(number(2), reading.after))
    with pytest.raises(UnverifiedError, match="step SIM-1"):
        check(d, trials=1, seed=0)


def test_a_right_record_passes_at_any_point():
    d = derive(parse("logdet(A) + x.T @ inv(A) @ z", **N), "A")
    assert max(check(d, trials=2, seed=seed) for seed in range(4)) < 1e-6


def test_points_and_seeds_are_checked():
    d = derive(parse("x.T @ x"), "x")
    for trials, seed in ((0, 0), (1.5, 0), (1, -1)):
        with pytest.raises(ConfigError, match="check: expected"):
            check(d, trials=trials, seed=seed)
