"""Train a convolutional network on the MNIST digits."""

import argparse
from typing import Any

from cli import guarded, positive_int
from nnmat import Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential
from training_run import add_channels, make_parser, run

EXAMPLES = """\
examples:
  python scripts/train_cnn.py                                 the network below, about 99.2 % right
  python scripts/train_cnn.py --epochs 1 --limit 6000         a quick look, under half a minute
  python scripts/train_cnn.py --channels 6 16 --save my.npz   LeNet-5's channels; keep the model
  python scripts/train_cnn.py --method im2col                 the same numbers through explicit patch matrices

Ctrl-C, or SIGTERM, stops after the present step, keeps a checkpoint and prints how to go on (exit code 130, or 143)."""


def lenet(args) -> Sequential:
    """Two convolutions with pooling, then two fully connected layers, after LeNet-5 (LeCun et al. 1998)."""
    c1, c2 = args.channels
    he: Any = {"weight_initializer": "he_normal"}  # keeps the size of signals through ReLU
    return Sequential(
        [
            Conv2d(1, c1, 5, method=args.method, **he),  # (28, 28, 1)  -> (24, 24, c1)
            ReLU(),
            MaxPool2d(2),  # -> (12, 12, c1)
            Conv2d(c1, c2, 5, method=args.method, **he),  # -> (8, 8, c2)
            ReLU(),
            MaxPool2d(2),  # -> (4, 4, c2)
            Flatten(),
            Linear(None, args.hidden, **he),
            ReLU(),
            Dropout(args.dropout),
            Linear(args.hidden, 10),
        ],
        input_shape=(28, 28, 1),
        seed=args.seed,
    )


def parser_of() -> argparse.ArgumentParser:
    """The options of all training scripts, and those of the network."""
    parser = make_parser(
        "Train a convolutional network on MNIST: conv 5x5, ReLU, pool, conv 5x5, ReLU, pool, linear, ReLU, linear.",
        EXAMPLES,
        epochs=8,
        batch_size=64,
        lr=0.002,
        optimizer="adam",
        dropout=0.25,
    )
    network = parser.add_argument_group("network")
    add_channels(network, "output channels of the two convolutions (16 32)")
    network.add_argument(
        "--hidden", type=positive_int, default=128, help="units of the hidden layer (default: %(default)s)"
    )
    network.add_argument(
        "--method", choices=("auto", "im2col"), default="auto", help="how convolutions are computed (%(default)s)"
    )
    return parser


def main() -> None:
    run(parser_of(), lenet)


if __name__ == "__main__":
    guarded(main)
