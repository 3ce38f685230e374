"""The arrays of a model as PyTorch has them: under which names, in which order, with which axes.

PyTorch has images channels-first (B, C, H, W), convolution kernels (Co, Ci/groups, kh, kw), and flattens images in the
order channel, row, column; sequences too, in models with `Conv1d` or its poolings, and those that a Flatten makes of
images. nnmat has them channels-last: (B, H, W, C), (Co, kh, kw, Ci/groups), and flattens in the order row, column,
channel.
So kernels are transposed, and after a Flatten of images columns are renumbered: those of
the next Linear, and the figures of norms before it; other layers with parameters are refused there. `Linear` weights
are (out, in) in both. Of normalisations γ and β are `weight` and `bias` there, and a count of batches, which nothing
depends on, stands behind the running figures. Weights of queries, keys and values lie one below the other there
(`in_proj_weight`), and a `TransformerBlock` has the order of nn.TransformerEncoderLayer (with norm_first=True):
attention, the two layers, the norms. Of the two biases of nn.RNN and nn.LSTM only the sum counts: it is the bias here,
and there the first one, with zeros for the second.
"""

from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..errors import ConfigError
from ..layers import (
    GRU,
    LSTM,
    RNN,
    AvgPool1d,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Dropout2d,
    Embedding,
    Flatten,
    GatedFeedForward,
    GroupNorm,
    Layer,
    LayerNorm,
    Linear,
    MaxPool1d,
    MultiHeadAttention,
    PositionalEmbedding,
    PReLU,
    Residual,
    RMSNorm,
    Sequential,
    Tied,
    TransformerBlock,
    Unflatten,
)


class _Same:
    """A parameter that is the same in both."""

    def torch_shape(self, shape):
        return shape

    def from_torch(self, A):
        return A

    def to_torch(self, A):
        return A


class _Kernel(_Same):
    """A convolution kernel: (Co, Ci, kh, kw) there, (Co, kh, kw, Ci) here; of a transposed one Ci stands for Co."""

    def torch_shape(self, shape):
        Co, kh, kw, Ci = shape
        return (Co, Ci, kh, kw)

    def from_torch(self, A):
        return A.transpose(0, 2, 3, 1)  # (Co, Ci, kh, kw) -> (Co, kh, kw, Ci)

    def to_torch(self, A):
        return A.transpose(0, 3, 1, 2)  # (Co, kh, kw, Ci) -> (Co, Ci, kh, kw)


class _KernelOfSequences(_Same):
    """A kernel of one axis: (Co, Ci, k) there, (Co, k, Ci) here."""

    def torch_shape(self, shape):
        Co, taps, Ci = shape
        return (Co, Ci, taps)

    def from_torch(self, A):
        return A.transpose(0, 2, 1)  # (Co, Ci, k) -> (Co, k, Ci)

    def to_torch(self, A):
        return A.transpose(0, 2, 1)  # (Co, k, Ci) -> (Co, Ci, k)


class _AfterFlatten(_Same):
    """A weight or a vector for the columns of a flattened image (H, W, C): (C, H, W) is their order there."""

    def __init__(self, image: tuple[int, int, int]):
        self.image = image

    def from_torch(self, A):
        H, W, C = self.image
        return A.reshape(-1, C, H, W).transpose(0, 2, 3, 1).reshape(A.shape)  # (M, C H W) -> (M, H W C)

    def to_torch(self, A):
        H, W, C = self.image
        return A.reshape(-1, H, W, C).transpose(0, 3, 1, 2).reshape(A.shape)  # (M, H W C) -> (M, C H W)


class _Added(_Same):
    """The second of two biases that count as a sum: it is added to what is here, and zeros there."""

    def to_torch(self, A):
        return np.zeros_like(A)


_SAME = _Same()


class Entry(NamedTuple):
    """One array of a state dict: its name, the last part of which is its kind, and what it is here.

    That is one array, stored in some `order`, or several, one below the other.
    """

    name: str
    parts: tuple[np.ndarray, ...]
    order: _Same = _SAME

    @property
    def added(self) -> bool:
        """Whether it counts as a sum with another entry of the same array."""
        return isinstance(self.order, _Added)

    def shape(self) -> tuple[int, ...]:
        """Its shape there."""
        first, *_ = (self.order.torch_shape(part.shape) for part in self.parts)
        return first if len(self.parts) == 1 else (sum(map(len, self.parts)), *first[1:])

    def read(self) -> np.ndarray:
        """A copy of it as it is there."""
        found = [self.order.to_torch(part) for part in self.parts]
        return np.array(found[0] if len(found) == 1 else np.concatenate(found), order="C")

    def write(self, A: np.ndarray) -> None:
        """Copy it to here."""
        if self.added:
            self.parts[0][...] += A
            return
        if len(self.parts) == 1:
            self.parts[0][...] = self.order.from_torch(A)
            return
        for part, B in zip(self.parts, np.split(A, np.cumsum([len(part) for part in self.parts])[:-1]), strict=True):
            part[...] = B


def entries_of(model: Layer) -> list[Entry]:
    """The arrays of the chain in PyTorch's order."""
    if not isinstance(model, Sequential) or not model.built:
        raise ConfigError("convert: expected a built Sequential. Composite layers of your own: copy p.value yourself.")
    first = any(isinstance(part, Conv1d | MaxPool1d | AvgPool1d) or _of_images(part) for part in model.modules())
    return list(_of_chain(model, None, first))


def _of_chain(layer: Layer, image: tuple | None, first: bool = False) -> Generator[Entry, None, tuple | None]:
    """The entries of a layer whose columns are a flattening of `image`, if that is given.

    `first`: whether sequences have their channels first there, as convolutions need them; else they are as here.
    Returns the image that the columns of its output are a flattening of, or None.
    """
    if isinstance(layer, Sequential):
        for part in layer:
            image = yield from _of_chain(part, image, first)
        return image
    if isinstance(layer, Residual):
        found = yield from _of_chain(layer.block, image, first)
        other = image if layer.shortcut is None else (yield from _of_chain(layer.shortcut, image, first))
        if found != other:
            raise _order_unknown(layer)
        return found
    if isinstance(layer, Flatten):
        return _flattened(layer, image, first)
    if isinstance(layer, Unflatten):
        if image is not None or (len(layer.shape) == 3 and _image(layer.shape) is not None):
            raise ConfigError(
                f"convert: {layer.who} makes images of rows, whose entries have the order channel, row, column in "
                "PyTorch. Copy p.value yourself: rows of the Linear before it are to be put in the other order."
            )
        return None
    if image is None:
        yield from _of_layer(layer)
        return None
    order: _Same = _AfterFlatten(image)
    if isinstance(layer, Linear):
        yield Entry(f"{layer.path}.weight", (layer.weight.value,), order)
        yield from _named(layer, bias=layer.bias)
        return None
    known = isinstance(layer, BatchNorm1d | LayerNorm | RMSNorm) or (isinstance(layer, GroupNorm) and layer.groups == 1)
    if isinstance(layer, PReLU):
        known, order = True, _SAME if layer.slope.size == 1 else order
    plain = not (layer.own_parameters() or layer.children() or isinstance(layer, GroupNorm))
    if not (known or plain) or layer.output_shape(layer.input_shape) != layer.input_shape:
        raise _order_unknown(layer)
    for entry in _of_layer(layer):
        yield entry._replace(order=order) if entry.parts[0].ndim else entry
    return image


def _flattened(layer: Flatten, image: tuple | None, first: bool) -> tuple | None:
    """The image that the columns behind a Flatten are a flattening of; where it leaves more axes, nothing changes."""
    shape, left = layer.input_shape, layer.output_shape(layer.input_shape)
    if len(left) > 1:
        if len(shape) == 3 and len(left) == 2 and left[-1] != shape[-1] > 1:
            raise ConfigError(
                f"convert: {layer.who} puts columns and channels into one axis, which PyTorch has apart. Flatten(1, 2) "
                "makes sequences of images; or copy p.value yourself."
            )
        return image
    shape = (1, *shape) if first and len(shape) == 2 else shape
    return _image(shape) if len(shape) == 3 else image


def _of_images(layer: Layer) -> bool:
    """Whether it makes sequences of images: then they have their channels first there, as images do."""
    if not isinstance(layer, Flatten) or len(layer.input_shape) != 3:
        return False
    left = layer.output_shape(layer.input_shape)
    return len(left) == 2 and left[-1] == layer.input_shape[-1]


def _image(shape: tuple) -> tuple | None:
    """`shape` (H, W, C) if its flattening has another order there."""
    H, W, C = shape
    return None if C == 1 or H * W == 1 else shape


def _order_unknown(layer: Layer) -> ConfigError:
    return ConfigError(
        "convert: expected a Linear, or norms of whole rows or of single columns, behind a Flatten of images, got "
        f"{layer.who}. Columns have the order channel, row, column in PyTorch: put a Linear between, or copy p.value "
        "yourself."
    )


def _of_layer(layer: Layer) -> Iterator[Entry]:
    for kinds, entries in _KNOWN.items():
        if isinstance(layer, kinds):
            yield from entries(layer)
            return
    if layer.own_parameters() or layer.own_buffers() or layer.children():
        raise ConfigError(f"convert: {layer.who} has parameters that PyTorch stores in a way not known here.")


def _named(layer: Layer, **parameters) -> Iterator[Entry]:
    """Parameters as they are, under PyTorch's names; those that are None are left out."""
    for name, p in parameters.items():
        if p is not None:
            yield Entry(f"{layer.path}.{name}", (p.value,))


def _of_convolution(layer) -> Iterator[Entry]:
    order = _KernelOfSequences() if isinstance(layer, Conv1d) else _Kernel()
    yield Entry(f"{layer.path}.weight", (layer.weight.value,), order)
    yield from _named(layer, bias=layer.bias)


def _of_weight(layer) -> Iterator[Entry]:
    yield from _named(layer, weight=layer.weight)


def _of_norm(layer) -> Iterator[Entry]:
    yield from _named(layer, weight=layer.gamma, bias=layer.beta)


def _of_batch_norm(layer) -> Iterator[Entry]:
    yield from _of_norm(layer)
    buffers = layer.own_buffers()
    yield Entry(f"{layer.path}.running_mean", (buffers["running_mean"],))
    yield Entry(f"{layer.path}.running_var", (buffers["running_variance"],))
    yield Entry(f"{layer.path}.num_batches_tracked", (np.zeros((), np.int64),))  # nothing here depends on it


def _of_tied(layer) -> Iterator[Entry]:
    """The shared weight once more, where it has PyTorch's shape: of a head of an embedding."""
    if not (layer.transpose and isinstance(layer.layer, Embedding)):
        raise ConfigError(f"convert: {layer.who} shares a weight in a way that PyTorch's layers do not.")
    yield from _named(layer, weight=layer.layer.weight)


def _of_attention(layer) -> Iterator[Entry]:
    own = [layer.query, layer.key, layer.value] if layer.cross else [layer.in_proj]
    weights = [linear.weight.value for linear in own]
    if layer.key_features == layer.features:
        yield Entry(f"{layer.path}.in_proj_weight", tuple(weights))
    else:
        for name, W in zip("qkv", weights, strict=True):
            yield Entry(f"{layer.path}.{name}_proj_weight", (W,))
    if own[0].bias is not None:
        yield Entry(f"{layer.path}.in_proj_bias", tuple(linear.bias.value for linear in own))
    yield from _of_layer(layer.out_proj)


def _of_block(layer) -> Iterator[Entry]:
    yield from _of_attention(layer.attention)
    yield from _of_children(layer.feed_forward)
    yield from _of_layer(layer.norm1)
    yield from _of_layer(layer.norm2)


def _of_recurrence(layer) -> Iterator[Entry]:
    """Gates are in one order; nn.GRU has the second bias that is needed there, too."""
    yield from _named(
        layer, weight_ih_l0=layer.in_proj.weight, weight_hh_l0=layer.weight, bias_ih_l0=layer.in_proj.bias
    )
    if isinstance(layer, GRU):
        yield from _named(layer, bias_hh_l0=layer.bias)
    elif layer.in_proj.bias is not None:
        yield Entry(f"{layer.path}.bias_hh_l0", (layer.in_proj.bias.value,), _Added())


def _of_children(layer) -> Iterator[Entry]:
    for part in layer.children():
        yield from _of_chain(part, None)


_KNOWN: dict[Any, Callable[[Any], Iterator[Entry]]] = {
    Linear: lambda layer: _named(layer, weight=layer.weight, bias=layer.bias),
    (Conv1d, Conv2d, ConvTranspose2d): _of_convolution,
    (Embedding, PositionalEmbedding): _of_weight,
    (LayerNorm, RMSNorm, GroupNorm): _of_norm,
    (BatchNorm1d, BatchNorm2d): _of_batch_norm,
    GatedFeedForward: _of_children,
    MultiHeadAttention: _of_attention,
    (RNN, LSTM, GRU): _of_recurrence,
    TransformerBlock: _of_block,
    Tied: _of_tied,
    PReLU: lambda layer: _named(layer, weight=layer.slope),
    (Dropout, Dropout2d): lambda layer: iter(()),  # its buffer counts draws
}
