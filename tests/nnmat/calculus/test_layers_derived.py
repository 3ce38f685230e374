"""Each layer as an expression: the gradients that the calculus derives are those of the layer's backward."""

import re
from pathlib import Path

import pytest

import nnmat
from tests.nnmat.calculus.layers_derived import images_and_containers, resized, rows, sequences
from tests.nnmat.calculus.layers_derived.beside import CASES

PAGE = Path(__file__).resolve().parents[3] / "docs" / "calculus.md"
FAMILIES = (rows, sequences, images_and_containers, resized)  # each puts its cases into CASES


@pytest.mark.parametrize("name", CASES)
def test_derived_gradients_are_those_of_backward(name):
    kind, case = CASES[name]
    both, lines = case()
    assert kind in map(type, both.layer.modules())
    both.equal(lines)


def test_every_layer_is_expressed_or_listed_with_the_reason():
    exported = {
        name
        for name, layer in vars(nnmat.layers).items()
        if name in nnmat.layers.__all__ and isinstance(layer, type) and issubclass(layer, nnmat.Layer)
    }
    section = PAGE.read_text(encoding="utf-8").split("## Layers as expressions")[1].split("\n## ")[0]
    whole = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))  # other rows are about an option of a layer
    expressed = {kind.__name__ for kind, _ in CASES.values()}
    assert expressed | whole == exported
    assert not expressed & whole
