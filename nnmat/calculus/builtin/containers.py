"""Layers that hold layers, each with layers in it that show what it does: affine maps and one tanh."""

from .description import Description

INTO = {"X": "R, D"}
TWO = {"W1": "H, D", "b1": "H", "W2": "N, H", "b2": "N"}
LAYERS = [
    Description("Sequential", "H = tanh(X @ W1.T + b1.T)\nY = H @ W2.T + b2.T", INTO, TWO),
    Description(
        "Residual",
        "H = tanh(X @ W1.T + b1.T)\nF = H @ W2.T + b2.T\nY = F + X @ W.T + b.T",
        INTO,
        {**TWO, "W": "N, D", "b": "N"},
        words={"W": "the weight of the shortcut"},
    ),
    Description(
        "Add",
        "Y = X @ W.T + b.T + Z @ V.T",
        {"X": "R, D", "Z": "R, E"},
        {"W": "N, D", "b": "N", "V": "N, E"},
    ),
    Description("Concatenate", "Y = hstack(X, X @ W.T + b.T)", INTO, {"W": "N, D", "b": "N"}),
]
