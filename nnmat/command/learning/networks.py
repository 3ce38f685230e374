"""The networks that are trained, and the options that shape them."""

import argparse
from typing import Any

from ...errors import ConfigError
from ...layers import BatchNorm2d, Conv2d, Dropout, Flatten, Layer, Linear, MaxPool2d, ReLU, Sequential
from ..usage.kinds import nonnegative_float, nonnegative_int, positive_float, positive_int, rate

TABLE_HIDDEN, IMAGE_HIDDEN, CHANNELS = (64, 64), (128,), (16, 32)
HE: Any = {"weight_initializer": "he_normal"}  # keeps the size of signals through ReLU


def add_network(parser: argparse.ArgumentParser) -> None:
    """The options of the network and of its training."""
    n = parser.add_argument_group("the network and its training")
    n.add_argument(
        "--hidden",
        type=positive_int,
        nargs="+",
        metavar="N",
        help="units of the hidden layers (default: 64 64; of images: 128)",
    )
    n.add_argument(
        "--channels",
        type=positive_int,
        nargs="+",
        default=list(CHANNELS),
        metavar="C",
        help="of images: output channels of the convolutions (default: 16 32)",
    )
    n.add_argument("--dropout", type=rate, default=0.2, help="rate behind hidden layers (default: %(default)s)")
    n.add_argument("--lr", type=positive_float, default=0.002, help="learning rate, which falls to 0 (%(default)s)")
    n.add_argument("--weight-decay", type=nonnegative_float, default=0.1, help="of AdamW (default: %(default)s)")
    n.add_argument("--epochs", type=positive_int, help="passes over the data (default: 10 to 100, fewer for more data)")
    n.add_argument("--batch-size", type=positive_int, help="samples of a step (default: 32; 128 from 10,000 on)")
    n.add_argument("--shift", type=nonnegative_int, default=0, metavar="N", help="of images: moved by up to N pixels")
    n.add_argument("--rotate", type=nonnegative_float, default=0.0, metavar="DEGREES", help="of images: turned")
    n.add_argument("--flip", choices=("horizontal", "vertical", "both"), help="of images: mirrored at random")


def resolved(options: argparse.Namespace, samples: int, images: bool) -> argparse.Namespace:
    """The options with values for those that depend on the data. Raises ConfigError for a batch larger than the data.

    The data is gone through so often that some 400,000 samples are seen in all.
    """
    if options.batch_size is not None and options.batch_size > samples:
        raise ConfigError(
            f"expected --batch-size of at most {samples}, as many as there are, got {options.batch_size}."
        )
    chosen = {
        "hidden": options.hidden or list(IMAGE_HIDDEN if images else TABLE_HIDDEN),
        "epochs": options.epochs or max(10, min(100, 400_000 // max(samples, 1))),
        "batch_size": options.batch_size or min(samples, 32 if samples < 10_000 else 128),
    }
    return argparse.Namespace(**{**vars(options), **chosen})


def network(options: argparse.Namespace, shape: tuple[int, ...], outputs: int) -> Sequential:
    """A network from inputs of a shape, (features,) or (H, W, C), to so many outputs, by options that are resolved."""
    layers: list[Layer] = []
    if len(shape) == 3:
        side = shape[0]
        for channels in options.channels:
            layers += [Conv2d(None, channels, 3, padding=1, bias=False, **HE), BatchNorm2d(None), ReLU()]
            if side >= 2:
                layers.append(MaxPool2d(2))
                side //= 2
        layers.append(Flatten())
    for size in options.hidden:
        layers += [Linear(None, size, **HE), ReLU()]
        if options.dropout:
            layers.append(Dropout(options.dropout))
    layers.append(Linear(None, outputs))
    return Sequential(layers, input_shape=shape, seed=options.seed)
