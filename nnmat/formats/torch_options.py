"""Options of PyTorch's modules that no state dict holds, compared with what the layers here compute."""

from typing import Any

import numpy as np

from ..errors import ConfigError
from ..layers import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Flatten,
    Layer,
    LogSoftmax,
    MaxPool1d,
    MaxPool2d,
    Softmax,
    TransformerBlock,
    Upsample,
)


def check_options(model: Layer, module: Any) -> None:
    """Raise ConfigError where parts of a PyTorch module compute something else than the model for equal weights."""
    parts = list(module.modules())
    for part in parts:
        for name, meant in (("nonlinearity", "tanh"), ("norm_first", True), ("add_zero_attn", False)):
            if (given := getattr(part, name, meant)) != meant:
                raise _other(part, f"{name}={meant!r}", repr(given))
    ours = [layer for layer in model.modules() if isinstance(layer, TransformerBlock)]
    theirs = [part for part in parts if hasattr(part, "norm_first")]
    for block, part in zip(ours, theirs, strict=False):
        _check_activation(block, part)
    _check_eps(model, [part for part in parts if hasattr(part, "eps")])
    _check_windows(model, parts)
    _check_axes(model, parts)


_WINDOWED: tuple[type[Layer], ...] = (Conv1d, Conv2d, ConvTranspose2d, MaxPool1d, MaxPool2d, AvgPool1d, AvgPool2d)
_WINDOWED += (AdaptiveAvgPool2d, AdaptiveMaxPool2d, Upsample)
_SAME_NAMES = (
    "kernel_size stride dilation groups output_padding ceil_mode padding_mode output_size size scale_factor mode"
)
_OPTIONS = {name: name for name in _SAME_NAMES.split()} | {
    "count_padding": "count_include_pad",
    "divisor": "divisor_override",
    "align_corners": "align_corners",
}


def _check_windows(model: Layer, parts: list) -> None:
    """Convolutions, poolings and the like, those of one class in order, if both models have as many of them."""
    for kind in _WINDOWED:
        for layer, part in _pairs(kind, model, parts):
            for name, there in _OPTIONS.items():
                if hasattr(layer, name) and hasattr(part, there):
                    meant, given = getattr(layer, name), getattr(part, there)
                    if _plain(meant) != _plain(given):
                        raise _other(part, f"{there}={meant!r}, that of {layer.who}", repr(given))
            if hasattr(layer, "padding") and hasattr(part, "padding") and _ends(layer) != _ends(part):
                raise _other(part, f"padding={layer.padding!r}, that of {layer.who}", repr(part.padding))


def _pairs(kind: type[Layer], model: Layer, parts: list) -> list[tuple[Any, Any]]:
    """The layers of one class with their modules, in order; none if there are more of one than of the other."""
    ours = [layer for layer in model.modules() if type(layer) is kind]
    theirs = [part for part in parts if type(part).__name__ == kind.__name__]
    return list(zip(ours, theirs, strict=True)) if len(ours) == len(theirs) else []


def _check_axes(model: Layer, parts: list) -> None:
    """The axes of rows and of images, which have their channels first there; of sequences nobody knows."""
    for kind in (Softmax, LogSoftmax):
        for layer, part in _pairs(kind, model, parts):
            axes, dim = len(layer.input_shape), getattr(part, "dim", None)
            if axes in (1, 3) and dim is not None:
                meant = _there(layer.axis, axes)
                if dim % (axes + 1) != meant:
                    raise _other(part, f"dim={meant}, that of {layer.who}", repr(dim))
    for layer, part in _pairs(Flatten, model, parts):
        shape = layer.input_shape
        if len(shape) == 3 and shape[-1] > 1 and layer.output_shape(shape) != shape and hasattr(part, "start_dim"):
            merged = sorted(_there(axis, 3) for axis in range(layer.start % 4, layer.end % 4 + 1))
            if [part.start_dim % 4, part.end_dim % 4] != [merged[0], merged[-1]]:
                ends = f"start_dim={merged[0]} and end_dim={merged[-1]}, those of {layer.who}"
                raise _other(part, ends, f"{part.start_dim} and {part.end_dim}")


def _there(axis: int, axes: int) -> int:
    """An axis of rows or images, counted with the batch, as it is counted there."""
    axis %= axes + 1
    return axis if axes == 1 else axis % 3 + 1


def _plain(value: Any) -> Any:
    """One number for equal ones of the axes; nothing for a flag that is off."""
    if isinstance(value, tuple | list):
        return _plain(value[0]) if all(n == value[0] for n in value) else tuple(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value or None


def _ends(part: Any) -> Any:
    """What is put at both ends of each axis: one number, or a pair, for equal ones."""
    if isinstance(part.padding, str):
        kernel, dilation = _axes(part.kernel_size), _axes(part.dilation)
        spans = [d * (size - 1) * (part.padding == "same") for size, d in zip(kernel, dilation, strict=True)]
        return _plain([(span // 2, span - span // 2) for span in spans])
    axes = [part.padding] if isinstance(part, Conv1d) else _axes(part.padding)
    return _plain([end if isinstance(end, tuple) else (end, end) for end in axes])


def _axes(value: Any) -> tuple:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _check_activation(block: TransformerBlock, part: Any) -> None:
    function = getattr(part, "activation", None)
    name = getattr(function, "__name__", type(function).__name__).lower()
    if function is None or name in ("<lambda>", "partial"):  # nobody knows what it computes
        return
    kind = "gelu_tanh" if getattr(function, "approximate", "none") == "tanh" else "gelu"
    if name != "gelu" or kind != block.config()["feed_forward"]:
        meant = "activation=nn.GELU('tanh')" if block.config()["feed_forward"] == "gelu_tanh" else "activation='gelu'"
        raise _other(part, meant, name if name != "gelu" else kind)


def _check_eps(model: Layer, theirs: list) -> None:
    ours: list[Any] = [layer for layer in model.modules() if hasattr(layer, "eps")]
    if len(ours) != len(theirs):  # some of them are no modules: nothing to go by
        return
    for layer, part in zip(ours, theirs, strict=True):
        eps = np.finfo(layer.dtype).eps if part.eps is None else part.eps  # as nn.RMSNorm has it
        if eps != layer.eps:
            raise _other(part, f"eps={layer.eps!r}, that of {layer.who}", repr(part.eps))


def _other(part: Any, meant: str, given: str) -> ConfigError:
    return ConfigError(
        f"from_torch: expected {type(part).__name__} with {meant}, got {given}. It computes something else with the "
        "same weights: give both models the same options, or pass module.state_dict() to copy the weights all the same."
    )
