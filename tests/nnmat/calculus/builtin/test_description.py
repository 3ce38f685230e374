"""What a description says: its symbols, its function, its gradients."""

import pytest

from nnmat.calculus import ShapeError
from nnmat.calculus.builtin.description import Description, symbol

LAYER = Description(
    "Twice-two", "\n    H = X @ W\n    Y = H + H\n", {"X": "R, 2 * N"}, {"W": "2 * N, N"}, words={"W": "w"}
)


def test_a_layer_is_derived_with_its_upstream_gradient():
    assert (LAYER.of, LAYER.wrt, LAYER.rows, LAYER.last) == (
        "Twice",
        ["X", "W"],
        ["H = X @ W", "Y = H + H"],
        "Y = H + H",
    )
    assert str(LAYER.function.inline()) == "⟨G, XW + XW⟩"
    assert [str(d.gradient) for d in LAYER.derivations()] == ["2 GWᵀ", "2 XᵀG"]
    assert [d.wrt.name for d in LAYER.derivations("W")] == ["W"]
    with pytest.raises(ShapeError, match="Twice-two: expected wrt among X, W, or all, got 'G'"):
        LAYER.derivations("G")


def test_several_results_have_several_upstream_gradients():
    two = Description("Two", "A = 2 * X\nC = A * X", {"X": "M, N"}, outputs=("A", "C"))
    assert list(two.upstream) == ["GA", "GC"]
    assert str(two.derivations("X")[0].gradient) == "GC ⊙ A + 2 (GA + GC ⊙ X)"


def test_a_loss_is_its_function():
    loss = Description("Loss", "R = H - Y\nf = sum(R ** 2)", {"H": "B, M"}, {}, {"Y": "B, M"}, scalar=True)
    assert str(loss.derivations("H")[0].gradient) == "2 R"


def test_symbols_are_written_as_on_the_command_line():
    S = symbol("S", "2 * N, N + 1, positive")
    assert [str(d) for d in S.shape] == ["2*N", "N + 1"]
    assert "positive" in S.data[1]
    assert [str(d) for d in symbol("a", "1").shape] == ["1", "1"]
    assert [str(d) for d in symbol("v", "N").shape] == ["N", "1"]
