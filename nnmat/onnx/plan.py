"""A graph as a list of nodes, run forward and backward by the table of operators."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import FileFormatError, StateError

# Each puts its operators into the table.
from .operators import (  # noqa: F401
    arithmetic,
    elementwise,
    indexing,
    movement,
    normalisation,
    products,
    reductions,
    resizing,
    sequences,
    windows,
)
from .operators.table import GRADIENTS, OPERATORS, Node, is_plain, room

OPSETS = range(7, 29)  # versions of the operators whose meaning is known here


class Plan:
    """The nodes of a graph in order, with its inputs, its outputs, and its constant arrays by name."""

    def __init__(
        self,
        nodes: Sequence[Node],
        inputs: Sequence[str],
        outputs: Sequence[str],
        constants: Mapping[str, np.ndarray],
    ):
        self.nodes, self.inputs, self.outputs = tuple(nodes), tuple(inputs), tuple(outputs)
        self.constants = dict(constants)
        self._last = self._uses()

    def _uses(self) -> dict[int, list[str]]:
        """The arrays that nobody reads behind a node."""
        last: dict[str, int] = {}
        for i, node in enumerate(self.nodes):
            last |= dict.fromkeys([*node.inputs, *node.outputs], i)
        found: dict[int, list[str]] = {}
        for name, i in last.items():
            if name and name not in self.outputs and name not in self.constants:
                found.setdefault(i, []).append(name)
        return found

    def run(self, arrays: dict[str, Any], keep: bool = False) -> dict[str, Any]:
        """Compute all nodes; `arrays` holds the inputs. Gives the arrays by name: with `keep` all, else the outputs.

        Raises FileFormatError for a node that cannot be run on what it gets.
        """
        known: dict[str, Any] = {"": None, **self.constants, **arrays}
        for i, node in enumerate(self.nodes):
            found = run_node(node, [known[name] for name in node.inputs])
            known |= {name: A for name, A in zip(node.outputs, found, strict=False) if name}
            if not keep:
                for name in self._last.get(i, ()):
                    known.pop(name, None)
        return known

    def backward(self, known: Mapping[str, Any], G: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The gradients of all arrays that have one, from those of the outputs; `known` is what `run` has kept.

        Raises StateError for a node on the way that has no gradient.
        """
        found: dict[str, Any] = dict(G)
        for node in reversed(self.nodes):
            given = [found.get(name) for name in node.outputs]
            if all(g is None for g in given):
                continue
            inputs = [known[name] for name in node.inputs]
            if all(A is None or A.dtype.kind != "f" for A in inputs):
                continue
            if node.kind not in GRADIENTS:
                raise StateError(
                    f"backward: expected nodes with a gradient, got {node.who}. Those with one: "
                    f"{', '.join(sorted(GRADIENTS))}."
                )
            outputs = [known.get(name) for name in node.outputs]
            for name, A, g in zip(
                node.inputs, inputs, GRADIENTS[node.kind](node, inputs, outputs, given), strict=False
            ):
                if name and g is not None and A.dtype.kind == "f":
                    g = np.asarray(g, A.dtype)
                    found[name] = g if found.get(name) is None else found[name] + g
        return found


def run_node(node: Node, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """What one node gives, as a tuple of arrays."""
    for A in inputs:
        if A is not None and not is_plain(A.dtype):
            raise node.refusal(f"the type {A.dtype}", "floats, integers and booleans that NumPy has")
    own = OPERATORS[node.kind]
    try:
        if own.broadcasts:
            room(node, np.broadcast_shapes(*(A.shape for A in inputs if A is not None)))
        made = own.compute(node, *inputs)
    except (FileFormatError, MemoryError):
        raise
    except Exception as error:  # whatever NumPy makes of shapes that do not fit: it is the file's fault
        shapes = ", ".join("none" if A is None else f"{A.dtype} {A.shape}" for A in inputs)
        raise FileFormatError(f"{node.who}: it cannot be run on {shapes} ({type(error).__name__}: {error}).") from error
    found = made if isinstance(made, tuple) else (np.asarray(made),)
    for A in found:
        if A is not None:
            room(node, A.shape)  # several such nodes would make ever more of it
    return found


def unsupported(nodes: Iterable[Node]) -> list[str]:
    """What of nodes nothing is known of: operators, their versions and attributes, each said once."""
    found: dict[str, None] = {}
    for node in nodes:
        if node.kind not in OPERATORS:
            found.setdefault(f"operator {node.kind} ({node.who})")
        elif node.version not in OPSETS:
            found.setdefault(f"version {node.version} of the operators ({OPSETS[0]} to {OPSETS[-1]} are)")
        else:
            odd = sorted(set(node.attributes) - OPERATORS[node.kind].attributes)
            if odd:
                found.setdefault(f"attribute {', '.join(odd)} of {node.who}")
    return list(found)


def supported() -> dict[str, str]:
    """The operators of ONNX that a graph may have: who computes each, nnmat's kernels or NumPy, and if it has a
    gradient.
    """
    found = {}
    for kind in sorted(OPERATORS):
        who = "kernels" if OPERATORS[kind].kernels else "NumPy"
        found[kind] = f"{who}, with its gradient" if kind in GRADIENTS else who
    return found
