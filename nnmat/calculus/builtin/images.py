"""Layers of images, and of sequences, which slide windows or resize.

A convolution is Y = X K̂ᵀ with a sample in each row, its places one after another, the channels of each place together;
K̂ = Σ_t S_t ⊗ W_t, where S_t picks for each place of the output the place of the input that tap t of the window meets
(a row of zeros in the padding), and W_t (O, C) is the weight at that tap. What treats channels alike has a row for each
channel of each sample.
"""

from .description import Description

CHANNELS = {"X": "R, Q"}
KERNEL = {"K": "K̂, the matrix of the convolution of one sample"}
BACK = {"K": "K̂, the matrix of the convolution from the output's size to the input's"}


def _weights(taps: int, shape: str) -> dict[str, str]:
    return {f"W{t}": shape for t in range(1, taps + 1)} | {"b": "O"}


def _taps(taps: int) -> dict[str, str]:
    return {f"S{t}": "P, Q" for t in range(1, taps + 1)}


def _words(taps: int, where: str = "input") -> dict[str, str]:
    every = range(1, taps + 1)
    picks = {
        f"S{t}": f"a one at the place of the {where} under tap {t} of each window, zeros in the padding" for t in every
    }
    return picks | {f"W{t}": f"the weight at tap {t}" for t in every}


def _kernel(taps: int) -> str:
    return "K = " + " + ".join(f"kron(S{t}, W{t})" for t in range(1, taps + 1))


def _rows_and_columns(name: str, rows: str, columns: str) -> Description:
    """What multiplies rows and columns of every image by constant matrices."""
    words = {"A": rows, "C": columns}
    return Description(name, "Y = X @ kron(A, C).T", {"X": "R, H * W"}, {}, {"A": "h, H", "C": "w, W"}, words)


LAYERS = [
    Description(
        "Conv2d",
        f"{_kernel(4)}\nY = X @ K.T + kron(ones(P), b).T",
        {"X": "B, Q * C"},
        _weights(4, "O, C"),
        _taps(4),
        {**_words(4), **KERNEL},
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
        f"{_kernel(3)}\nY = X @ K.T + kron(ones(P), b).T",
        {"X": "B, Q * C"},
        _weights(3, "O, C"),
        _taps(3),
        {**_words(3), **KERNEL},
    ),
    Description(
        "ConvTranspose2d",
        f"{_kernel(4)}\nY = X @ K + kron(ones(Q), b).T",
        {"X": "B, P * C"},
        _weights(4, "C, O"),
        _taps(4),
        {**_words(4, "output"), **BACK},
    ),
    Description("AvgPool2d", "Y = X @ P.T", CHANNELS, {}, {"P": "P, Q"}, {"P": "the mean over each window"}),
    Description("AvgPool1d", "Y = X @ P.T", CHANNELS, {}, {"P": "P, Q"}, {"P": "the mean over each window"}),
    Description(
        "MaxPool2d",
        "U = maximum(X @ S1.T, X @ S2.T)\nV = maximum(X @ S3.T, X @ S4.T)\nY = maximum(U, V)",
        CHANNELS,
        {},
        _taps(4),
        _words(4),
    ),
    Description(
        "MaxPool1d",
        "Y = maximum(X @ S1.T, X @ S2.T)",
        CHANNELS,
        {},
        _taps(2),
        _words(2),
    ),
    Description(
        "AdaptiveMaxPool2d",
        "Y = maximum(X @ S1.T, X @ S2.T)",
        CHANNELS,
        {},
        _taps(2),
        {"S1": "the first place of each bin", "S2": "the second place of each bin"},
    ),
    _rows_and_columns("AdaptiveAvgPool2d", "the mean over the rows of each bin", "over its columns"),
    Description("GlobalAvgPool2d", "y = X @ ones(Q) / dim(Q)", CHANNELS),
    _rows_and_columns("Upsample", "the row, or mean of two rows, for each row of the output", "the same of columns"),
    _rows_and_columns("Pad", "a one for the row that each row of the output shows", "the same of columns"),
]
