"""Train a fully connected network on the MNIST digits."""

from typing import Any

import nnmat
from cli import guarded, positive_int
from nnmat import Dropout, Flatten, LeakyReLU, Linear, ReLU, Sequential, Sigmoid, Tanh
from training_run import make_parser, run

EXAMPLES = """\
examples:
  python scripts/train_fcn.py                                 784-128-10 with sigmoid, about 98 % right
  python scripts/train_fcn.py --hidden                        no hidden layer: softmax regression
  python scripts/train_fcn.py --hidden 256 128 --activation relu
  python scripts/train_fcn.py --optimizer sgd --lr 0.1 --schedule constant

Ctrl-C, or SIGTERM, stops after the present step, keeps a checkpoint and prints how to go on (exit code 130, or 143)."""

ACTIVATIONS: dict[str, Any] = {"sigmoid": Sigmoid, "tanh": Tanh, "relu": ReLU, "leaky_relu": LeakyReLU}


def fully_connected(args) -> Sequential:
    """Linear layers with an activation between them; dropout, if any, after each activation."""
    rectifier = args.activation in ("relu", "leaky_relu")
    layers: list[nnmat.Layer] = [Flatten()]
    for width in args.hidden:
        layers += [
            Linear(None, width, weight_initializer="he_normal" if rectifier else "glorot_uniform"),
            ACTIVATIONS[args.activation](),
        ]
        if args.dropout:
            layers.append(Dropout(args.dropout))
    return Sequential([*layers, Linear(None, 10)], input_shape=(28, 28, 1), seed=args.seed)


def main() -> None:
    parser = make_parser(
        "Train a fully connected network on MNIST. Its gradients are those of docs/equations.md, section 2.6.",
        EXAMPLES,
        epochs=15,
        batch_size=32,
        lr=0.005,
        optimizer="adam",
        dropout=0.0,
    )
    network = parser.add_argument_group("network")
    network.add_argument(
        "--hidden", type=positive_int, nargs="*", default=[128], metavar="N", help="widths of the hidden layers (128)"
    )
    network.add_argument("--activation", choices=ACTIVATIONS, default="sigmoid", help="(default: %(default)s)")
    run(parser, fully_connected)


if __name__ == "__main__":
    guarded(main)
