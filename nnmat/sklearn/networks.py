"""The networks of the estimators."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import layers
from ..checks import count, number, pair, shown
from ..errors import ConfigError, ShapeError
from ..layers import Layer
from .names import activation


def perceptron(who: str, outputs: int, hidden: Any, activations: Any, dropout: Any, batch_norm: bool) -> list[Layer]:
    """Hidden layers, each Linear, BatchNorm if wanted, activation, dropout if wanted; then a Linear to the outputs."""
    sizes = sizes_of(who, "hidden_layer_sizes", hidden)
    kinds = for_each(who, "activation", activations, len(sizes))
    rates = [number(who, "dropout", rate, 0.0, 1.0) for rate in for_each(who, "dropout", dropout, len(sizes))]
    found: list[Layer] = []
    for size, kind, rate in zip(sizes, kinds, rates, strict=True):
        found.append(layers.Linear(None, size))
        if batch_norm:
            found.append(layers.BatchNorm1d(None))
        found.append(activation(who, kind))
        if rate:
            found.append(layers.Dropout(rate))
    return [*found, layers.Linear(None, outputs)]


def convolutions(
    who: str,
    shape: tuple[int, int, int],
    channels: Any,
    kernel_size: Any,
    activations: Any,
    pool: int,
    batch_norm: bool,
) -> list[Layer]:
    """From rows to images (h, w, channels), then blocks of Conv2d, BatchNorm, activation, MaxPool2d, then rows again.

    Images are padded so that a convolution keeps their size; where nothing is left to pool, nothing is pooled.
    """
    sizes = sizes_of(who, "channels", channels)
    kinds = for_each(who, "activation", activations, len(sizes))
    window, pool = pair(who, "kernel_size", kernel_size), count(who, "pool", pool)
    found: list[Layer] = [layers.Unflatten(shape)]
    height, width, _ = shape
    for size, kind in zip(sizes, kinds, strict=True):
        found.append(layers.Conv2d(None, size, window, padding="same"))
        if batch_norm:
            found.append(layers.BatchNorm2d(None))
        found.append(activation(who, kind))
        if pool > 1 and height >= pool and width >= pool:
            found.append(layers.MaxPool2d(pool))
            height, width = height // pool, width // pool
    return [*found, layers.Flatten()]


def image_shape(who: str, given: Any, features: int) -> tuple[int, int, int]:
    """(height, width, channels) of rows of `features` numbers; by default a square of one channel, or a line."""
    if given is None:
        side = int(np.sqrt(features))
        return (side, side, 1) if side * side == features else (1, features, 1)
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str) or np.shape(given) not in ((2,), (3,)):
        raise ConfigError(
            f"{who}: expected image_shape as (height, width) or (height, width, channels), got {given!r}."
        )
    sizes = [count(who, "image_shape", size) for size in given]
    height, width, channels = sizes if len(sizes) == 3 else (*sizes, 1)
    if height * width * channels != features:
        raise ShapeError(
            f"{who}: expected X with {height * width * channels} columns for image_shape={tuple(given)}, got "
            f"{features}. X holds an image in each row: images.reshape(len(images), -1)."
        )
    return height, width, channels


def sizes_of(who: str, name: str, given: Any) -> list[int]:
    """A number of units, or several."""
    if isinstance(given, int | np.integer):
        given = [given]
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str):
        raise ConfigError(f"{who}: expected {name} as a sequence of integers, such as (100,), got {shown(given)}.")
    return [count(who, name, size) for size in given]


def for_each(who: str, name: str, given: Any, hidden: int) -> list[Any]:
    """One value for each hidden layer, of one for all or of a sequence."""
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray):
        return [given] * hidden
    if len(given) != hidden:
        raise ConfigError(
            f"{who}: expected {name} as one value, or as {hidden}, one for each hidden layer, got {len(given)}."
        )
    return list(given)
