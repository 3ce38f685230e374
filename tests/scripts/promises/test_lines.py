"""What counts as a line of code, and which classes are counted."""

import pytest

from promises import lines

SOURCE = '''"""The module."""

import numpy as np  # a comment beside code


class Layer:  # base
    """Words,
    on two lines."""

    # a comment alone
    width = 3

    def f(self):
        """Words."""
        return """text
        that is data"""


@decorated
class Mine(Layer):
    "Words."
    x = [
        1,

        2,
    ]


class Deep(Mine):
    pass


class Other:
    y = 1
'''


@pytest.fixture
def room(tmp_path):
    (tmp_path / "nnmat/layers/deep").mkdir(parents=True)
    (tmp_path / "nnmat/layers/a.py").write_text(SOURCE)
    (tmp_path / "nnmat/layers/deep/b.py").write_text("class Third(package.Deep):\n    z = 1\n")
    (tmp_path / "nnmat/training").mkdir()
    (tmp_path / "nnmat/training/c.py").write_text("class Elsewhere(Layer):\n    pass\n")
    return tmp_path


def test_lines_without_docstrings_comments_and_blanks():
    text = SOURCE.splitlines()
    assert [text[n - 1].strip() for n in sorted(lines.code_lines(SOURCE))] == [
        *("import numpy as np  # a comment beside code", "class Layer:  # base", "width = 3", "def f(self):"),
        *('return """text', 'that is data"""', "@decorated", "class Mine(Layer):", "x = [", "1,", "2,", "]"),
        *("class Deep(Mine):", "pass", "class Other:", "y = 1"),
    ]


def test_the_classes_of_the_rooms(room):
    assert lines.of_folder(room) == {"Deep": 2, "Layer": 5, "Mine": 6, "Third": 2}
