"""Weights from and to PyTorch, as state dicts of NumPy arrays.

PyTorch has images channels-first (B, C, H, W), convolution kernels (Co, Ci/groups, kh, kw), and flattens images in the
order channel, row, column. nnmat has them channels-last: (B, H, W, C), (Co, kh, kw, Ci/groups), and flattens in the
order row, column, channel. So kernels are transposed, and the columns of the first Linear after a Flatten of images
are renumbered. `Linear` weights are (out, in) in both.

    from_torch(model, torch_model.state_dict())                    # into a Sequential with the layers in the same order
    torch_model.load_state_dict({k: torch.from_numpy(v) for k, v in to_torch(model).items()})
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnmat_kernels.runtime.door import array, dtype_remedy, plain

from ..errors import ConfigError, DtypeError, ShapeError
from ..layers import Conv2d, Flatten, Layer, Linear, Sequential


def from_torch(model: Sequential, state: Mapping[str, Any]) -> None:
    """Copy a PyTorch state dict, of tensors or arrays, into a built chain of layers; a module stands for its own one.

    The model's parameters and the entries of `state` are matched in order, each layer by its own kind (`weight`,
    `bias`), so the prefixes of the names may differ. Everything is checked before anything is copied. Raises
    ConfigError (missing or extra entries), ShapeError, DtypeError.
    """
    parameters = _parameters(model)
    if callable(module := getattr(state, "state_dict", None)):
        state = module()
    if not isinstance(state, Mapping):
        raise ConfigError(
            f"from_torch: expected a state dict, got {type(state).__name__}. Try "
            "from_torch(model, module.state_dict())."
        )
    names = list(state)
    theirs = [name.rpartition(".")[2] for name in names]
    ours = [p.kind for p, _ in parameters]
    if theirs != ours:
        raise ConfigError(
            f"from_torch: expected entries of the kinds {ours} (for {[p.name for p, _ in parameters]}), got {names}. "
            "Both models need the same layers in the same order."
        )
    arrays = []
    for name, (p, order) in zip(names, parameters, strict=True):
        A = state[name]
        A = (array if hasattr(A, "__array__") else plain)("from_torch", f"state[{name!r}]", A)
        if A.dtype.kind != "f":
            remedy = dtype_remedy(f"state[{name!r}]", A.dtype)
            raise DtypeError(f"from_torch: expected {name!r} as an array of floats, got {A.dtype}. {remedy}")
        expected = order.torch_shape(p.shape)
        if A.shape != expected:
            raise ShapeError(f"from_torch: expected {name!r} of shape {expected} for {p.name!r}, got {A.shape}.")
        arrays.append(order.from_torch(A))
    for (p, _), A in zip(parameters, arrays, strict=True):
        p.value = A


def to_torch(model: Sequential) -> dict[str, np.ndarray]:
    """A built chain's parameters as a PyTorch state dict of new NumPy arrays, under the model's names."""
    return {p.name: np.array(order.to_torch(p.value), order="C") for p, order in _parameters(model)}


class _Same:
    """A parameter that is the same in both."""

    def torch_shape(self, shape):
        return shape

    def from_torch(self, A):
        return A

    def to_torch(self, A):
        return A


class _Kernel(_Same):
    """A convolution kernel: (Co, Ci, kh, kw) there, (Co, kh, kw, Ci) here."""

    def torch_shape(self, shape):
        Co, kh, kw, Ci = shape
        return (Co, Ci, kh, kw)

    def from_torch(self, A):
        return A.transpose(0, 2, 3, 1)  # (Co, Ci, kh, kw) -> (Co, kh, kw, Ci)

    def to_torch(self, A):
        return A.transpose(0, 3, 1, 2)  # (Co, kh, kw, Ci) -> (Co, Ci, kh, kw)


class _AfterFlatten(_Same):
    """A Linear weight on a flattened image (H, W, C): columns in the order (C, H, W) there, (H, W, C) here."""

    def __init__(self, image: tuple[int, int, int]):
        self.image = image

    def from_torch(self, A):
        H, W, C = self.image
        return A.reshape(-1, C, H, W).transpose(0, 2, 3, 1).reshape(A.shape)  # (M, C H W) -> (M, H W C)

    def to_torch(self, A):
        H, W, C = self.image
        return A.reshape(-1, H, W, C).transpose(0, 3, 1, 2).reshape(A.shape)  # (M, H W C) -> (M, C H W)


def _parameters(model: Layer) -> list:
    """The parameters of the chain in order, each with the way it is stored."""
    if not isinstance(model, Sequential) or not model.built:
        raise ConfigError("convert: expected a built Sequential. Composite layers of your own: copy p.value yourself.")
    found: list = []
    image = None  # the image shape that the present columns are a flattening of
    for layer in _chain(model):
        if isinstance(layer, Conv2d):
            found.append((layer.weight, _Kernel()))
        elif isinstance(layer, Linear):
            found.append((layer.weight, _Same() if image is None else _AfterFlatten(image)))
            image = None
        elif layer.own_parameters() or layer.children():
            raise ConfigError(f"convert: {layer.who} has parameters that PyTorch stores in a way not known here.")
        elif isinstance(layer, Flatten) and len(layer.input_shape) == 3:
            image = layer.input_shape
        if isinstance(layer, Conv2d | Linear) and layer.bias is not None:
            found.append((layer.bias, _Same()))
    return found


def _chain(model: Sequential):
    for layer in model:
        if isinstance(layer, Sequential):
            yield from _chain(layer)
        else:
            yield layer
