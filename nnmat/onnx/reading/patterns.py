"""Several nodes that are one layer together, as one: products with biases, gates, what PyTorch makes of GroupNorm."""

from collections.abc import Callable, Sequence

import numpy as np

from ..operators.table import Node, ints

Arrays = dict[str, np.ndarray]
NOTHING = np.empty(0)


class Graph:
    """Nodes by what they give, and the arrays of the file."""

    def __init__(self, nodes: Sequence[Node], arrays: Arrays):
        self.arrays = arrays
        self.maker = {name: node for node in nodes for name in node.outputs if name}
        self.readers: dict[str, int] = {}
        for node in nodes:
            for name in node.inputs:
                self.readers[name] = self.readers.get(name, 0) + 1

    def made_by(self, name: str, kind: str) -> Node | None:
        """The node of this kind that gives an array."""
        node = self.maker.get(name)
        return node if node is not None and node.kind == kind else None

    def split(self, node: Node | None) -> tuple[str, np.ndarray]:
        """Of a node of one computed array and one of the file, both; else nothing."""
        if node is None or len(node.inputs) != 2:
            return "", NOTHING
        a, b = node.inputs
        if (a in self.arrays) == (b in self.arrays):
            return "", NOTHING
        return (b, self.arrays[a]) if a in self.arrays else (a, self.arrays[b])


def fused(nodes: Sequence[Node], arrays: Arrays) -> tuple[list[Node], Arrays]:
    """The nodes with each such pattern as one, at the place of its last; nodes that nobody reads then may stay."""
    graph = Graph(nodes, dict(arrays))
    found = []
    for node in nodes:
        ways = (way(graph, node) for way in PATTERNS)
        found.append(next((new for new in ways if new is not None), node))
    return found, graph.arrays


def _bias(g: Graph, node: Node) -> Node | None:
    """X W + 1 bᵀ."""
    name, b = g.split(node) if node.kind == "Add" else ("", NOTHING)
    product = g.made_by(name, "MatMul")
    if product is None or b.ndim != 1 or g.readers[name] != 1 or product.inputs[0] in g.arrays:
        return None
    if g.arrays.get(product.inputs[1], b).ndim != 2:
        return None
    second = next(n for n in node.inputs if n in g.arrays)
    return node._replace(kind="Gemm", inputs=(*product.inputs, second), attributes={})


def _gate(g: Graph, node: Node) -> Node | None:
    """X ⊙ σ(X), or X ⊙ tanh(log(1 + exp X))."""
    if node.kind != "Mul" or len(set(node.inputs)) != 2:
        return None
    for x, gate in (node.inputs, node.inputs[::-1]):
        sigmoid, tanh = g.made_by(gate, "Sigmoid"), g.made_by(gate, "Tanh")
        softplus = None if tanh is None else g.made_by(tanh.inputs[0], "Softplus")
        for kind, end in (("Swish", sigmoid), ("Mish", softplus)):
            if end is not None and end.inputs[0] == x:
                return node._replace(kind=kind, inputs=(x,), attributes={})
    return None


def _group_norm(g: Graph, node: Node) -> Node | None:
    """An InstanceNormalization of groups in rows, then γ and β of the channels."""
    scaled, shift = g.split(node) if node.kind == "Add" else ("", NOTHING)
    back, gain = g.split(g.made_by(scaled, "Mul"))
    reshaped = g.made_by(back, "Reshape")
    norm = None if reshaped is None else g.made_by(reshaped.inputs[0], "InstanceNormalization")
    rows = None if norm is None else g.made_by(norm.inputs[0], "Reshape")
    if norm is None or rows is None or any(name not in g.arrays for name in (rows.inputs[1], *norm.inputs[1:])):
        return None
    sizes, (one, zero) = ints(g.arrays[rows.inputs[1]]), (g.arrays[name] for name in norm.inputs[1:])
    if len(sizes) != 3 or sizes[0] != 0 or not (one == 1).all() or zero.any() or gain.size != shift.size:
        return None
    names = [f"{node.outputs[0]}:{what}" for what in ("gamma", "beta")]
    g.arrays |= {name: A.reshape(-1) for name, A in zip(names, (gain, shift), strict=True)}
    options = {"num_groups": sizes[1], "epsilon": norm.get("epsilon", 1e-5)}
    return node._replace(kind="GroupNormalization", inputs=(rows.inputs[0], *names), attributes=options, version=21)


def _sizes(g: Graph, node: Node) -> Node | None:
    """A Resize whose sizes are those of the batch and the channels before two numbers: with these alone."""
    if node.kind != "Resize" or len(node.inputs) < 4 or "axes" in node.attributes:
        return None
    joined = g.made_by(node.inputs[3], "Concat")
    if joined is None or len(joined.inputs) != 2 or joined.inputs[1] not in g.arrays:
        return None
    before = g.made_by(joined.inputs[0], "Shape")
    if before is None or (before.get("start", 0), before.get("end")) != (0, 2):
        return None
    attributes = {**node.attributes, "axes": [2, 3]}
    return node._replace(inputs=(*node.inputs[:3], joined.inputs[1]), attributes=attributes)


PATTERNS: tuple[Callable[[Graph, Node], Node | None], ...] = (_bias, _gate, _group_norm, _sizes)
