"""A graph as layers inside of layers: chains, and branches between where they part and where they meet."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import layers as L
from ...errors import FileFormatError
from ...layers.base import Layer
from ..operators.table import Node
from .describe import Asked, folded, graph, needed, precision
from .patterns import fused
from .proto import Read
from .translate import MAKERS, Arrays, Made, Place, refusal

SAMPLES = 2  # on which the layers are compared with the graph
CLOSE = {"float32": 1e-4, "float64": 1e-6}


def as_layers(read: Read, wanted: Asked) -> Layer:
    """A Sequential of the layers that a graph consists of, images with their channels last; compared with the graph.

    Raises FileFormatError, with the node for which there is no layer.
    """
    nodes, arrays = fused(*folded(read))
    nodes = needed(nodes, wanted.output)
    if len(wanted.inputs) != 1:
        raise FileFormatError(f"expected one input for layers=True, got {len(wanted.inputs)}. Leave it out.")
    source, given = wanted.inputs[0].name, wanted.shape
    tree = _Tree(nodes, arrays)
    first = _has_channels_first(source, len(given), nodes)
    place = Place((*given[1:], given[0]) if first else tuple(given), first)
    start = place.shape
    parts = tree.chain(source, wanted.output, place)
    if place.order is not None or (place.first and len(place.shape) not in (2, 3)):
        raise FileFormatError(
            "its output is an image in one row, whose order would be another one. Leave out layers=True."
        )
    model = L.Sequential(parts or [L.Identity()], start, dtype=precision(read, arrays))
    for layer, made in tree.made:
        for to, A in made.weights(layer):
            to[...] = A
    _compare(model, graph(read, wanted), first, place.first)
    return model


def _has_channels_first(name: str, axes: int, nodes: Sequence[Node]) -> bool:
    """Whether an input is images (B, C, H, W), or sequences (B, C, T) by what reads them."""
    readers = [node for node in nodes if name in node.inputs]
    if axes == 3:  # unless they are turned at once, as in files of nnmat
        return not all(node.kind == "Transpose" and list(node.get("perm", [])) == [0, 3, 1, 2] for node in readers)
    windows = {"Conv", "MaxPool", "AveragePool", "BatchNormalization", "InstanceNormalization", "GroupNormalization"}
    return axes == 2 and any(node.kind in windows for node in readers)


def _compare(model: Layer, other: Layer, first: bool, output_first: bool) -> None:
    rng = np.random.default_rng(0)
    shape = (SAMPLES, *model.input_shape)
    if model.input_dtype == np.int64:
        tokens = min(layer.tokens for layer in model.modules() if isinstance(layer, L.Embedding))
        X = rng.integers(0, tokens, shape)
    else:
        X = rng.standard_normal(shape).astype(model.dtype)
    with np.errstate(all="ignore"):  # weights may be anything
        Y = model.forward(X)
        Z = other.forward(np.ascontiguousarray(np.moveaxis(X, -1, 1)) if first else X)
        Z = np.moveaxis(Z, 1, -1) if output_first else Z
        same = Y.shape == Z.shape and (np.isfinite(Y) == np.isfinite(Z)).all()
        finite = np.isfinite(Y) if same else np.zeros(0, bool)
        same = same and np.abs(Y[finite] - Z[finite]).max(initial=0) <= CLOSE[str(model.dtype)] * np.abs(Z[finite]).max(
            initial=1e-30
        )
    if not same:
        raise FileFormatError("its layers do not compute what its graph does. Leave out layers=True.")


class _Tree:
    """The nodes by what they give, and where branches part."""

    def __init__(self, nodes: Sequence[Node], arrays: Arrays):
        self.arrays = arrays
        self.made: list[tuple[Any, Made]] = []
        self.maker = {name: node for node in nodes for name in node.outputs if name}
        self.above: dict[str, str] = {}  # the last array through which every way to one goes
        self.depth = {"": 0}
        for node in nodes:
            gate = functools.reduce(self._last_common, inputs) if (inputs := self.inputs(node)) else ""
            self.above |= dict.fromkeys(node.outputs, gate)
            self.depth |= dict.fromkeys(node.outputs, self.depth.setdefault(gate, 1) + 1)

    def _last_common(self, a: str, b: str) -> str:
        """The last array through which all ways to two others go, or one of them; "" if there is none."""
        while a != b:
            if self.depth.setdefault(a, 1) < self.depth.setdefault(b, 1):
                a, b = b, a
            a = self.above.get(a, "")
        return a

    def inputs(self, node: Node) -> list[str]:
        """The inputs that are computed, each once."""
        return list(dict.fromkeys(name for name in node.inputs if name and name not in self.arrays))

    def chain(self, source: str, target: str, place: Place) -> list[Layer]:
        """The layers from one array to another; `place` becomes that of the target."""
        stops, name = [], target
        while name != source:
            if name not in self.maker:
                raise FileFormatError(f"array {target!r} does not depend on {source!r} alone. Leave out layers=True.")
            stops.append(name)
            name = self.above[name]
        found: list[Layer] = []
        at = source
        for name in reversed(stops):
            made = self._step(at, self.maker[name], place)
            at = name
            if isinstance(made, Made):
                self.made.append((made.layer, made))
                made = made.layer
            if made is not None:
                place.shape = made.output_shape(place.shape)
                found.append(made)
        return found

    def _step(self, at: str, node: Node, place: Place) -> Any:
        """The layer of one node behind the array `at`, or of branches that meet there."""
        if len(inputs := self.inputs(node)) > 1:
            return self._meeting(at, node, inputs, place)
        if node.kind not in MAKERS:
            raise refusal(node, f"the operator {node.kind}")
        return MAKERS[node.kind](node, self.arrays, place)

    def _meeting(self, at: str, node: Node, inputs: list[str], place: Place) -> Layer:
        if node.kind not in ("Add", "Sum", "Concat"):
            raise refusal(node, f"{node.kind} of several arrays")
        places = [place.copy() for _ in inputs]
        names = [name for name in node.inputs if name in inputs]
        chains = [self.chain(at, name, own) for name, own in zip(names, places, strict=True)]
        if node.kind == "Concat":
            axes = len(place.shape) + 1
            axis = node.get("axis") % axes
            if any(p.order is not None or p.first != places[0].first for p in places):
                raise refusal(node, "rows that were images")
            if axis != (1 if places[0].first else axes - 1):
                raise refusal(node, f"axis {axis}")
        elif not all(p.same(places[0]) for p in places):
            raise refusal(node, "arrays of other orders or shapes")
        place.first, place.order = places[0].first, places[0].order
        branches = [None if not parts else parts[0] if len(parts) == 1 else L.Sequential(parts) for parts in chains]
        return L.Concatenate(branches) if node.kind == "Concat" else L.Add(branches)
