"""Sheets: a function, a variable, and the lines below, each with its number."""

import pytest

from nnmat.calculus import ParseError
from nnmat.calculus.grading.sheet import read_sheet

TEXT = """# homework
f = x.T @ A @ y   # bilinear
wrt A
shape A = M, N
let y = B @ z

df = x.T @ dA @ y
f = x.T @ A @ y
"""


def test_a_sheet():
    sheet = read_sheet(TEXT)
    assert (sheet.expression, sheet.wrt, sheet.shapes, sheet.lets) == ("x.T @ A @ y", "A", ["A=M, N"], ["y=B @ z"])
    assert sheet.lines[6] == "df = x.T @ dA @ y"
    assert sheet.lines[7] == "f = x.T @ A @ y"
    assert not any(line.partition("#")[0].strip() for line in sheet.lines[:5])


def test_the_variable_from_outside():
    assert read_sheet("f = x.T @ x\ndf = 2 * x.T @ dx", "x").wrt == "x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("df = x", "line 1: expected a line f = ..."),
        ("", "line 1: expected a line f = ..."),
        ("f = x.T @ x\n", "expected one line wrt NAME"),
        ("f = x.T @ x\nwrt x\nwrt y", "expected one line wrt NAME"),
        ("f = x.T @ x\nwrt x\ndf = x\nshape x = N", "line 4: expected wrt, shape and let above"),
    ],
)
def test_what_is_no_sheet(text, message):
    with pytest.raises(ParseError) as found:
        read_sheet(text)
    assert message in str(found.value)
