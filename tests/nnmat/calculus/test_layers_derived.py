"""Each layer as an expression: the gradients that the calculus derives are those of the layer's backward."""

import re
from pathlib import Path

import numpy as np
import pytest

import nnmat
from nnmat.calculus import derive, evaluate, matrix, parse, vector
from nnmat.losses.adversarial import ScoreLoss
from tests.nnmat.calculus.layers_derived import images_and_containers, resized, rows, sequences
from tests.nnmat.calculus.layers_derived.beside import CASES
from tests.nnmat.calculus.layers_derived.losses import EXPRESSED

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


@pytest.mark.parametrize("name", EXPRESSED)
def test_derived_gradients_are_those_of_losses(name):
    case = EXPRESSED[name]
    arrays = {**case.constants, **{symbol: A for symbol, (A, _) in case.parts.items()}}
    sizes = {5: "B", 3: "M"}
    symbols = {
        symbol: matrix(symbol, *map(sizes.get, A.shape)) if A.ndim == 2 else vector(symbol, sizes[A.size])
        for symbol, A in arrays.items()
    }
    f = parse(case.text, **symbols)
    value = case.loss.forward(case.H, case.y, case.weight)
    assert abs(float(np.squeeze(evaluate(f, **arrays))) - value) <= 1e-12 * max(1, abs(value))
    G = case.loss.backward()
    for symbol, (_, of) in case.parts.items():
        derived, ours = np.asarray(evaluate(derive(f, symbol).gradient, **arrays, B=5, M=3)), of(G)
        assert derived.shape == ours.shape
        assert np.abs(derived - ours).max() <= 1e-10 * max(1.0, np.abs(ours).max())


def test_every_loss_is_expressed():
    """`Loss` is what losses are made from, `ExpressionLoss` an expression; `AdversarialLoss` has three `ScoreLoss`."""
    expressed = {type(case.loss) for case in EXPRESSED.values()}
    exported = {loss for name, loss in vars(nnmat.losses).items() if name in nnmat.losses.__all__}
    losses = {loss for loss in exported if isinstance(loss, type) and issubclass(loss, nnmat.Loss)}
    assert expressed | {nnmat.Loss, nnmat.ExpressionLoss} == losses | {ScoreLoss}
