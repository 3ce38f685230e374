"""What the errors of the calculus carry beside their text."""

import pytest

from nnmat.calculus import NotDerivable, ParseError, ShapeError, scalar
from nnmat.errors import ShapeError as ShapeErrorOfAll


def test_a_parse_error_marks_the_column():
    error = ParseError("expected this, got that.", "a\n+\tb c", 7)
    first, line, mark = str(error).splitlines()
    assert first == "parse: column 7: expected this, got that."
    assert line == "    a + b c"  # one line, whatever white space the text has
    assert line[mark.index("^")] == "c"
    assert (error.text, error.column) == ("a\n+\tb c", 7)


def test_without_a_text_there_is_no_mark():
    assert str(ParseError("expected text, got int.")) == "parse: column 1: expected text, got int."


def test_a_refusal_holds_the_node_and_the_reason():
    node = scalar("a")
    with pytest.raises(ValueError, match="derive: no law") as caught:
        raise NotDerivable(node, "no law")
    assert caught.value.node is node
    assert caught.value.reason == "no law"


def test_one_type_for_shapes_in_the_whole_library():
    assert ShapeError is ShapeErrorOfAll
