"""Layers of images and signals for the random models: convolutions both ways, poolings, resampling, and small units."""

import nnmat as nm

MODES = ("zeros", "reflect", "replicate", "circular")


def units(images: bool, axes: int) -> list:
    """Makers of layers that leave the shape (of so many axes without the batch) as it is."""
    found = [nm.ReLU6, nm.Hardswish, nm.Mish, nm.PReLU, lambda: nm.PReLU(None), nm.LogSoftmax, nm.Identity]
    found += [lambda: nm.Dropout2d(0.3)] * images
    return found + [lambda: nm.Softmax(1), lambda: nm.LogSoftmax(1)] * (axes > 1)


def chain(case, rng) -> list:
    """Images or signals through layers of every kind, to rows."""
    layers: list = []
    size, channels = case.input_shape[0], case.input_shape[-1]
    for _ in range(min(case.depth, 7)):
        found, size, channels = (of_images if case.images else of_signals)(rng, size, channels)
        layers += [*found, *case.between(rng)]
    return [*layers, nm.GlobalAvgPool2d() if case.images and rng.random() < 0.3 else nm.Flatten()]


def of_images(rng, size: int, channels: int) -> tuple[list, int, int]:
    """A layer or two for images (size, size, channels), and the size and channels of what comes out."""
    out, kind = int(rng.integers(1, 6)), rng.random()
    kernel, stride = int(rng.integers(1, min(4, size) + 1)), int(rng.integers(1, 3))
    if kind < 0.25 and size <= 10:
        padding = int(rng.integers(0, (kernel - 1) // 2 + 1))
        made = nm.ConvTranspose2d(channels, out, kernel, stride, padding, output_padding=stride - 1)
        return [made], (size - 1) * stride - 2 * padding + kernel + stride - 1, out
    if kind < 0.4 and size <= 10:
        mode = ("nearest", "bilinear")[int(rng.integers(2))]
        return [nm.Upsample(scale_factor=2, mode=mode)], 2 * size, channels
    if kind < 0.5 and size > 2:
        ends = int(rng.integers(1, 3))
        mode = ("constant", *MODES[1:])[int(rng.integers(4))]
        return [nm.Pad((ends, (0, 2 * ends)), mode)], size + 2 * ends, channels
    if kind < 0.6:
        bins = int(rng.integers(1, size + 1))
        return [(nm.AdaptiveAvgPool2d, nm.AdaptiveMaxPool2d)[int(rng.integers(2))](bins)], bins, channels
    if kind < 0.75 and size >= 4:
        pool = (nm.MaxPool2d(3, 2, 1, ceil_mode=True), nm.AvgPool2d(3, 2, 1, divisor=5, ceil_mode=True))
        return [pool[int(rng.integers(2))]], -(-(size - 1) // 2) + 1, channels
    mode = MODES[int(rng.integers(4))] if size > 3 else "zeros"
    return [nm.Conv2d(channels, out, kernel, padding="same", padding_mode=mode)], size, out


def of_signals(rng, length: int, channels: int) -> tuple[list, int, int]:
    """The same for signals (length, channels)."""
    out, kind = int(rng.integers(1, 8)), rng.random()
    if kind < 0.3 and length >= 4:
        pool = (nm.MaxPool1d, nm.AvgPool1d)[int(rng.integers(2))]
        return [pool(2)], length // 2, channels
    kernel, mode = int(rng.integers(1, min(4, length) + 1)), MODES[int(rng.integers(4))] if length > 4 else "zeros"
    if kind < 0.6:
        return [nm.Conv1d(channels, out, kernel, padding="same", padding_mode=mode)], length, out
    return [nm.Conv1d(channels, out, kernel, 2, (1, 0), bias=False)], (length + 1 - kernel) // 2 + 1, out


def through_images(rng) -> list:
    """From rows to images and back."""
    last = [nm.Flatten()] if rng.random() < 0.5 else [nm.Flatten(1, 2), nm.Flatten()]
    return [nm.Linear(None, 12), nm.Unflatten((2, 2, 3)), nm.ConvTranspose2d(3, 2, 2), *last]
