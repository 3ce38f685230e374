"""The stored records are accepted by the verifier; pages say once what several gradients share."""

import re
from pathlib import Path

import pytest

from nnmat.calculus import Derivation
from nnmat.calculus.builtin.catalogue import DESCRIPTIONS, EXCEPTIONS, LEFT_OUT, described
from nnmat.calculus.builtin.pages import contents, opening, symbols_of, written
from nnmat.calculus.records.record import STATEMENTS
from nnmat.calculus.verifying.verifier import verify_all

FOLDER = Path(__file__).resolve().parents[4] / "docs" / "derivations"
KEPT = [name for name, d in DESCRIPTIONS.items() if d.kept]


@pytest.mark.parametrize("name", KEPT)
def test_stored_records_are_accepted(name):
    """That they are those that are derived now is a test of scripts/write_derivations.py."""
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    verified = verify_all(text, STATEMENTS)
    assert len(verified) == len(DESCRIPTIONS[name].wrt)
    assert all(v.lines > 0 for v in verified.values())


def test_a_page_says_once_what_gradients_share():
    records, page, gradients = written(described("Linear"))
    assert gradients == ["∇_X f = GW", "∇_W f = GᵀX", "∇_b f = Gᵀ1"]
    assert page.count("∇_Y f = G  DEF-6") == 1
    assert re.findall(r"^## By (\w+)$", page, re.MULTILINE) == ["X", "W", "b"]
    one = records.splitlines()[1].removesuffix(",")
    assert str(Derivation.from_json(one).gradient) == "GW"


def test_pages_name_other_forms():
    assert "Other forms: [GELU-tanh](GELU-tanh.md)." in written(described("GELU"))[1]
    assert opening(described("GELU")).startswith("GELU (other forms: GELU-tanh)\nY = gelu(X)\n")
    assert opening(described("Mish")).startswith("Mish\nY = ")


def test_symbols_stand_with_their_shapes_and_what_they_are():
    assert symbols_of(described("Embedding")).splitlines() == [
        "Y = S @ E",
        "    E  V, N  parameter",
        "    S  R, V  constant: one row for each token, a one at its number and zeros",
        "    G  R, N  upstream gradient",
    ]
    assert "upstream" not in symbols_of(described("L1"))


def test_the_index_lists_all_and_the_exceptions():
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"| [{name}]({name}.md) |" in index for name in KEPT)
    assert all(f"`nnmat derive --layer {name}`" in index for name in set(DESCRIPTIONS) - set(KEPT))
    assert all(f"| `{name}` | {reason} |" in index for name, reason in EXCEPTIONS.items())
    assert all(f"| {name} | {reason} |" in index for name, reason in LEFT_OUT.items())
    assert len(contents().splitlines()) == len(DESCRIPTIONS) + len(EXCEPTIONS)
