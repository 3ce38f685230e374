"""Train a small residual network with batch normalisation on the MNIST digits."""

import argparse

from cli import guarded, positive_int
from nnmat import AvgPool2d, BatchNorm2d, Conv2d, Dropout, Flatten, Layer, Linear, ReLU, Residual, Sequential
from training_run import make_parser, run

EXAMPLES = """\
examples:
  python scripts/train_resnet.py                              the network below
  python scripts/train_resnet.py --epochs 1 --limit 6000      a quick look
  python scripts/train_resnet.py --widths 16 32 64 --blocks 2 four blocks in the place of two

Ctrl-C, or SIGTERM, stops after the present step, keeps a checkpoint and prints how to go on (exit code 130, or 143)."""


def convolution(channels: int, size: int = 3, stride: int = 1) -> Conv2d:
    """A convolution before a BatchNorm, which has the bias."""
    return Conv2d(None, channels, size, stride, padding=size // 2, bias=False, weight_initializer="he_normal")


def block(channels: int, new: bool) -> list[Layer]:
    """ReLU(S(X) + F(X)), F = BN(conv(ReLU(BN(conv X)))); a `new` stage has stride 2, and BN(conv 1x1) for S."""
    stride = 2 if new else 1
    inner = [convolution(channels, stride=stride), BatchNorm2d(), ReLU(), convolution(channels), BatchNorm2d()]
    shortcut = Sequential([convolution(channels, 1, stride), BatchNorm2d()]) if new else None
    return [Residual(Sequential(inner), shortcut), ReLU()]


def resnet(args: argparse.Namespace) -> Sequential:
    """A first convolution, stages of blocks at half the rows and columns each, and the mean of what is left."""
    first, *widths = args.widths
    layers: list[Layer] = [convolution(first), BatchNorm2d(), ReLU()]
    pixels = 28
    for channels in widths:
        pixels = (pixels + 1) // 2
        for i in range(args.blocks):
            layers += block(channels, new=i == 0)
    layers += [AvgPool2d(pixels), Flatten(), Dropout(args.dropout), Linear(None, 10)]
    return Sequential(layers, input_shape=(28, 28, 1), seed=args.seed)


def parser_of() -> argparse.ArgumentParser:
    """The options of all training scripts, and those of the network."""
    parser = make_parser(
        "Train a residual network on MNIST: a convolution, blocks of two convolutions 3x3 with batch normalisation "
        "and a shortcut, the mean over the pixels, linear.",
        EXAMPLES,
        epochs=10,
        batch_size=64,
        lr=0.1,
        optimizer="sgd",
        dropout=0.0,
        weight_decay=1e-3,
        label_smoothing=0.1,
        warm_up=400,
    )
    network = parser.add_argument_group("network")
    network.add_argument(
        "--widths",
        type=positive_int,
        nargs="+",
        default=(16, 32, 64),
        metavar="C",
        help="channels of the first convolution and of each stage (16 32 64)",
    )
    network.add_argument("--blocks", type=positive_int, default=1, help="blocks of a stage (default: %(default)s)")
    return parser


def main() -> None:
    run(parser_of(), resnet)


if __name__ == "__main__":
    guarded(main)
