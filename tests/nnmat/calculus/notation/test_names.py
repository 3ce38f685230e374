"""Names where they are printed: they agree with the language that they belong to."""

import unicodedata

import pytest

from nnmat.calculus.language.elementwise import FUNCTIONS
from nnmat.calculus.language.vocabulary import known_functions
from nnmat.calculus.notation.names import GREEK, IN_CODE, IN_FORMULAS, IN_LATEX, IN_TEXT, USUAL, options


def test_greek_letters_are_what_unicode_calls_them():
    for word, letter in GREEK.items():
        size = "CAPITAL" if word[0].isupper() else "SMALL"
        name = "LAMDA" if word.lower() == "lambda" else word.upper()  # as Unicode spells it
        assert unicodedata.name(letter).startswith(f"GREEK {size} LETTER {name}")
    assert len(set(GREEK.values())) == len(GREEK)


def test_names_in_code_can_be_called():
    assert set(IN_CODE.values()) <= set(known_functions())


def test_functions_that_are_renamed_exist():
    assert {*IN_TEXT, *IN_LATEX} <= set(FUNCTIONS)
    assert len(set(IN_FORMULAS.values())) == len(IN_FORMULAS)


@pytest.mark.parametrize(
    ("setting", "written"),
    [
        (((1, 1), (0, 0), (1, 1)), []),
        (((2, 2), (0, 0), (1, 1)), ["stride=2"]),
        (((1, 2), (0, 1), (3, 3)), ["stride=(1, 2)", "padding=(0, 1)", "dilation=3"]),
    ],
)
def test_only_unusual_options_are_written(setting, written):
    assert list(USUAL) == ["stride", "padding", "dilation"]
    assert options(setting) == written
