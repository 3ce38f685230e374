"""The node tests that onnx ships, those whose operators are known here."""

import collections
import functools
import warnings
from typing import Any

import numpy as np

from nnmat.errors import FileFormatError
from nnmat.onnx.operators.table import OPERATORS
from nnmat.onnx.plan import Plan, unsupported
from nnmat.onnx.reading.proto import Read, from_proto


@functools.cache
def all_cases() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the generators' own arithmetic
        from onnx.backend.test.loader import load_model_tests

        return load_model_tests(kind="node")


@functools.cache
def readable() -> tuple[list[tuple[Any, Read]], collections.Counter]:
    """The cases of known operators and plain arrays, and how many others there are, by the reason."""
    found, others = [], collections.Counter()
    for case in all_cases():
        try:
            read = from_proto(case.model)
        except FileFormatError:
            others["inputs that are no arrays"] += 1
            continue
        if odd := unsupported(read.nodes):
            others[odd[0].split(" (")[0].partition(" of a node")[0]] += 1
        elif any(not isinstance(A, np.ndarray | np.generic) for pair in case.data_sets for A in [*pair[0], *pair[1]]):
            others["arrays of types that NumPy has not"] += 1
        else:
            found.append((case, read))
    return found, others


def plan_of(read: Read) -> Plan:
    return Plan(read.nodes, [given.name for given in read.inputs], read.outputs, read.arrays)


def feeds(read: Read, inputs: list) -> dict[str, np.ndarray]:
    return dict(zip([given.name for given in read.inputs], map(np.asarray, inputs), strict=False))


def by_kernels(read: Read) -> bool:
    return any(OPERATORS[node.kind].kernels for node in read.nodes)
