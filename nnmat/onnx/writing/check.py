"""A written model run by another library, on the spot: onnxruntime, or ONNX's own reference where that cannot."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...errors import StateError
from ...extras import extra
from ...layers import Embedding
from ...layers.base import Layer
from ...layers.checks import FLAGS, TOKENS, is_several

SAMPLES = 3
MOST = {"float32": 1e-4, "float64": 1e-6}  # of the largest output; attributes such as ε are float32 in ONNX
WHO = "nnmat.onnx.save"


class Verification(NamedTuple):
    """The largest difference of the outputs, the largest output, and who computed them beside nnmat."""

    difference: float
    largest: float
    by: str

    def __str__(self) -> str:
        return f"largest difference {self.difference:.2g} of {self.largest:.3g}, {self.by}"


def verified(
    model: Layer, written: Callable[[Any], bytes], inputs: list[str], first: list[bool], example: Any
) -> Verification:
    """Run both on an example, or on drawn samples. Raises StateError if they differ by more than rounding, or if there
    is no finite number to compare.

    `written(dtype)`: the file with its numbers in this dtype: of float64 onnxruntime lacks operators, and runs the
    same in float32. `first`: which inputs and, at the end, whether the output have their channels first in the file.
    """
    X = _drawn(model) if example is None else example
    Y = model.forward(X, record=False)
    parts = X if isinstance(X, tuple) else (X,)
    feeds = {n: _turned(A, f) for n, A, f in zip(inputs, parts, first, strict=False)}
    found, by, dtype = _run(written, feeds, model.dtype)
    if first[-1]:
        found = np.moveaxis(found, 1, -1)
    finite = np.isfinite(Y)
    if not finite.any():
        raise StateError(
            f"{WHO}: expected outputs to compare, got {Y.shape} without a finite number. Are there NaN in the weights? "
            "Give an example=X on which the model gives numbers, or verify=False."
        )
    if found.shape != Y.shape or not np.array_equal(found[~finite], Y[~finite], equal_nan=True):
        raise StateError(
            f"{WHO}: expected {by} to give outputs like nnmat's, {Y.shape}, got {found.shape}, or NaN and infinite "
            "numbers at other places. Nothing was written."
        )
    difference = float(np.abs(found[finite] - Y[finite]).max(initial=0.0))
    result = Verification(difference, float(np.abs(Y)[finite].max(initial=0.0)), by)
    if difference > MOST[str(dtype)] * max(result.largest, 1e-30):
        raise StateError(f"{WHO}: expected {by} to give nnmat's outputs, got {result}. Nothing was written.")
    return result


def _turned(A: np.ndarray, first: bool) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(A, -1, 1)) if first else np.ascontiguousarray(A)


def _run(written: Callable[[Any], bytes], feeds: dict, dtype: np.dtype) -> tuple[np.ndarray, str, np.dtype]:
    """The output, who computed it, and in which dtype."""
    try:
        runtime = extra("onnxruntime", WHO, "onnx")
    except ImportError:
        onnx = extra("onnx", WHO, "onnx")
        reference = extra("onnx.reference", WHO, "onnx").ReferenceEvaluator(onnx.load_from_string(written(dtype)))
        return np.asarray(reference.run(None, feeds)[0]), f"the reference of onnx {onnx.__version__}", dtype
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what it cannot do is an exception
    single = np.dtype(np.float32)
    for kind in dict.fromkeys((dtype, single)):
        given = {name: A.astype(kind) if A.dtype.kind == "f" else A for name, A in feeds.items()}
        try:
            session = runtime.InferenceSession(written(kind), options, providers=["CPUExecutionProvider"])
            found = session.run(None, given)[0]
        except Exception as error:  # its classes are known only once it is there
            if kind == single:
                raise StateError(f"{WHO}: expected onnxruntime to run what was written, got {error}.") from error
        else:
            by = f"onnxruntime {runtime.__version__}"
            return found, by if kind == dtype else f"{by}, in float32", kind
    raise AssertionError


def _drawn(model: Layer) -> Any:
    """Samples for the inputs of a model."""
    rng = np.random.default_rng(0)
    tokens = [layer.tokens for layer in model.modules() if isinstance(layer, Embedding)]
    shapes = model.input_shape if is_several(model.input_shape) else (model.input_shape,)
    kinds = model.input_dtype if isinstance(model.input_dtype, tuple) else (model.input_dtype,) * len(shapes)

    def draw(shape: tuple, kind: np.dtype) -> np.ndarray:
        shape = (SAMPLES, *shape)
        if kind == TOKENS:
            return rng.integers(0, min(tokens, default=1), shape)
        if kind == FLAGS:
            return rng.random(shape) < 0.7
        return rng.standard_normal(shape).astype(kind)

    X = tuple(draw(*own) for own in zip(shapes, kinds, strict=True))
    return X if is_several(model.input_shape) else X[0]
