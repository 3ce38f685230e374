"""Hints for functions that there are not: what is said can be written, and does not mislead."""

import math
import re

import numpy as np
import pytest

from nnmat.calculus import ParseError, evaluate, parse
from nnmat.calculus.language.vocabulary import known_functions
from nnmat.calculus.parsing.synonyms import MEANT, OF_MORE, other

SHAPES = {
    **{name: ("N", "N") for name in "AB"},
    **{name: ("N",) for name in "xypq"},
}


@pytest.mark.parametrize("name", MEANT)
def test_no_synonym_is_a_function(name):
    assert name not in known_functions()
    with pytest.raises(ParseError, match=f"expected a function, got '{re.escape(name)}'. (Write|There are) "):
        parse(f"{name}(A)", A=("N", "N"))


@pytest.mark.parametrize("name", [name for name, said in MEANT.items() if re.match(r"[a-z]+\w*\(", said)])
def test_what_is_said_is_known(name):
    assert set(re.findall(r"\b([A-Za-z]\w*)\(", MEANT[name])) <= set(known_functions())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("arcsin", math.asin),
        ("arccos", math.acos),
        ("asinh", math.asinh),
        ("atanh", math.atanh),
        ("atan", math.atan),
        ("log2", math.log2),
        ("exp2", lambda x: 2**x),
        ("expm1", math.expm1),
        ("cot", lambda x: 1 / math.tan(x)),
        ("logsigmoid", lambda x: -math.log1p(math.exp(-x))),
        ("mish", lambda x: x * math.tanh(math.log1p(math.exp(x)))),
        ("erfc", lambda x: 1 - math.erf(x)),
        ("gamma", math.gamma),
        ("cbrt", math.cbrt),
        ("leaky_relu", lambda x: x),
        ("logit", lambda x: math.log(x / (1 - x))),
        ("log_sigmoid", lambda x: -math.log1p(math.exp(-x))),
        ("coth", lambda x: 1 / math.tanh(x)),
        ("sech", lambda x: 1 / math.cosh(x)),
        ("softsign", lambda x: x / (1 + x)),
    ],
)
def test_what_is_said_is_right(name, value):
    x = np.array([0.1, 0.5, 0.8])
    for text in MEANT[name].partition(" for ")[0].split(", or "):
        assert np.allclose(evaluate(parse(text, x="N"), x=x), [value(v) for v in x], rtol=1e-12)


@pytest.mark.parametrize("name", OF_MORE)
def test_more_arguments_than_there_are(name):
    with pytest.raises(ParseError, match=re.escape(OF_MORE[name])):
        parse(f"{name}(A, 0, 1)", A=("N", "N"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("exq", "Did you mean exp"),
        ("sigmod", "Did you mean sigmoid?"),
        ("frobenious", "Did you mean frobenius?"),
        ("maximun", "Did you mean maximum"),
        ("ln", "Write log(x)."),
        ("norm", "Write norm2(x) for a column, frobenius(A) for a matrix."),
        ("rank", "There are Diag, "),
        ("qr", "There are Diag, "),
        ("matrix_exp", "Write expm(A)."),
        ("nothing_like_it", "There are Diag, "),
    ],
)
def test_what_is_near(name, said):
    assert other(name, known_functions()).startswith(said)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("hstack(A)", "expected 2 or more arguments of hstack, got 1"),
        ("power(A, 1/2)", "power: expected a whole number or a name, got '/'. sqrtm(A) is the square root"),
        ("power(A, 2.0)", "power: expected a whole number or a name, got '2.0'"),
    ],
)
@pytest.mark.parametrize("shapes", [{}, {"A": ("N", "N")}])
def test_what_an_operator_takes(source, said, shapes):
    with pytest.raises(ParseError, match=re.escape(said)):
        parse(source, **shapes)
