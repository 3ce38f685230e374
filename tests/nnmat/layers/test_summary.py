"""The table of a model."""

import pytest

from nnmat import Add, BuildError, Linear, ReLU, Sequential, Tanh, Tied
from tests.composites import Sandwich, TiedAutoencoder


def rows(layer):
    return [line.split() for line in layer.summary().splitlines() if not line.startswith("-")]


def test_parts_are_indented_and_counted_where_they_stand_first():
    shared = Linear(4, 4)
    block = Add([None, Sequential([shared, ReLU(), Tied(shared)])])
    model = Sequential([block, Linear(4, 2)], input_shape=(4,))
    lines = model.summary().splitlines()
    assert [line.split("  (B")[0].rstrip() for line in lines[2:-2]] == [
        "input", "0 Add", "  1 Sequential", "    0 Linear", "    1 ReLU", "    2 Tied", "      twin Linear", "1 Linear",
    ]  # fmt: skip
    counts = [row[-2] if row[-2] != "(tied)" else row[-3:-1] for row in rows(model)[2:]]
    assert counts == ["20", "20", "20", "0", ["0", "(tied)"], ["0", "(tied)"], "10", "30"]
    assert rows(model)[-1][-1] == f"{2 * 16 * 2 + 16}"


@pytest.mark.parametrize("layer", [Linear(4, 3), Tanh()])
def test_a_single_layer(layer):
    layer.build((4,))
    assert rows(layer)[2][0] == layer.kind
    assert rows(layer)[2][1:] == rows(layer)[-1][1:]


def test_layers_of_ones_own():
    model = Sequential([TiedAutoencoder(3), Sandwich(5)], input_shape=(4,))
    text = model.summary()
    assert "  its own" in text
    assert "decode Transposed" in text
    assert rows(model)[-1][-2] == str(sum(p.size for p in model.parameters()))


def test_a_layer_that_is_not_built():
    for layer in (Linear(3, 3), Add(), Sequential([ReLU()])):
        with pytest.raises(BuildError, match=f"^{layer.kind}: it is not built yet.* Give input_shape"):
            layer.summary()


def test_a_notebook_shows_the_same_table():
    model = Sequential([Linear(4, 4), ReLU(), Linear(4, 2)], input_shape=(4,))
    shown = model._repr_html_()
    for line in rows(model):
        for text in line:
            assert text in shown
    assert shown.count("<tr>") == len(rows(model))
    assert Linear(4, 2)._repr_html_() == f"<code>{Linear(4, 2)!r}</code> (not built)".replace("'", "&#x27;")
