"""Layers of images, and of sequences, which slide windows or resize.

A convolution is Y = X K̂ᵀ with a sample in each row, its places one after another, the channels of each place together;
K̂ = Σ_t S_t ⊗ W_t, where S_t picks for each place of the output the place of the input that tap t of the window meets
(a row of zeros in the padding), and W_t (O, C) is the weight at that tap. What treats channels alike has a row for each
channel of each sample.
"""

from .description import Description

TAPS = {f"S{t}": "P, Q" for t in (1, 2, 3, 4)}
PICKS = {
    f"S{t}": f"a one at the place of the input under tap {t} of each window, zeros in the padding" for t in (1, 2, 3, 4)
}
WEIGHTS = {f"W{t}": f"the weight at tap {t}" for t in (1, 2, 3, 4)}
CHANNELS = {"X": "R, Q"}
SUM = "K = kron(S1, W1) + kron(S2, W2) + kron(S3, W3) + kron(S4, W4)"


def _taps(many: int, shape: str) -> dict[str, str]:
    return {f"W{t + 1}": shape for t in range(many)} | {"b": "O"}


def _matrices(name: str, lines: str, **words: str) -> Description:
    """What multiplies rows and columns of every image by constant matrices."""
    return Description(name, lines, {"X": "R, H * W"}, {}, {"A": "h, H", "C": "w, W"}, words)


def _rows_and_columns(name: str, rows: str, columns: str) -> Description:
    return _matrices(name, "Y = X @ kron(A, C).T", A=rows, C=columns)


THREE = {name: text for name, text in PICKS.items() if name != "S4"}
LAYERS = [
    Description(
        "Conv2d",
        f"{SUM}\nY = X @ K.T + kron(ones(P), b).T",
        {"X": "B, Q * C"},
        _taps(4, "O, C"),
        TAPS,
        {**PICKS, **WEIGHTS},
    ),
    Description(
        "Conv2d-channels",
        "Y = conv(X1, K1, stride=2, padding=1) + conv(X2, K2, stride=2, padding=1) + b",
        {"X1": "H, W", "X2": "H, W"},
        {"K1": "k, l", "K2": "k, l", "b": "1"},
        words={
            "X1": "the first channel of one image",
            "X2": "the second",
            "K1": "the window of one output channel, its weights of the first channel",
            "K2": "of the second",
        },
    ),
    Description(
        "Conv1d",
        "K = kron(S1, W1) + kron(S2, W2) + kron(S3, W3)\nY = X @ K.T + kron(ones(P), b).T",
        {"X": "B, Q * C"},
        _taps(3, "O, C"),
        {name: TAPS[name] for name in THREE},
        {**THREE, **{n: w for n, w in WEIGHTS.items() if n != "W4"}},
    ),
    Description(
        "ConvTranspose2d",
        f"{SUM}\nY = X @ K + kron(ones(Q), b).T",
        {"X": "B, P * C"},
        _taps(4, "C, O"),
        TAPS,
        {**{n: text.replace("input", "output") for n, text in PICKS.items()}, **WEIGHTS}
        | {"K": "the matrix of the convolution from the output's size to the input's"},
    ),
    Description("AvgPool2d", "Y = X @ P.T", CHANNELS, {}, {"P": "P, Q"}, {"P": "the mean over each window"}),
    Description("AvgPool1d", "Y = X @ P.T", CHANNELS, {}, {"P": "P, Q"}, {"P": "the mean over each window"}),
    Description(
        "MaxPool2d",
        "U = maximum(X @ S1.T, X @ S2.T)\nV = maximum(X @ S3.T, X @ S4.T)\nY = maximum(U, V)",
        CHANNELS,
        {},
        TAPS,
        PICKS,
    ),
    Description(
        "MaxPool1d",
        "Y = maximum(X @ S1.T, X @ S2.T)",
        CHANNELS,
        {},
        {"S1": "P, Q", "S2": "P, Q"},
        {"S1": PICKS["S1"], "S2": PICKS["S2"]},
    ),
    Description(
        "AdaptiveMaxPool2d",
        "Y = maximum(X @ S1.T, X @ S2.T)",
        CHANNELS,
        {},
        {"S1": "P, Q", "S2": "P, Q"},
        {"S1": "the first place of each bin", "S2": "the second place of each bin"},
    ),
    _rows_and_columns("AdaptiveAvgPool2d", "the mean over the rows of each bin", "over its columns"),
    Description("GlobalAvgPool2d", "y = X @ ones(Q) / dim(Q)", CHANNELS),
    _rows_and_columns("Upsample", "the row, or mean of two rows, for each row of the output", "the same of columns"),
    _rows_and_columns("Pad", "a one for the row that each row of the output shows", "the same of columns"),
]
