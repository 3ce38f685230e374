"""How the values that are not element-wise are computed: by a kernel, or where there is none by NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nnmat_kernels import unchecked as k
from nnmat_kernels.runtime.launch import unrecordable

from ..calculus.compiling.values import Value, base


def product(v: Value, arrays) -> Any:
    """C = A B, where A and B may stand transposed, and be vectors: a row on the left, a column on the right."""
    left, right = v.args
    A, B = arrays[base(left)], arrays[base(right)]
    turned_a, turned_b = left.op == "T", right.op == "T"
    A = A.reshape(1, -1) if A.ndim == 1 else A
    if B.ndim == 1:
        B, turned_b = B.reshape(1, -1), True
    return k.matmul(A, B, turned_a, turned_b)


def transposed_product(v: Value, arrays) -> Any:
    """(A B)ᵀ = Bᵀ Aᵀ."""
    left, right = v.args
    return k.matmul(arrays[base(right)], arrays[base(left)], right.op != "T", left.op != "T")


def sums(v: Value, arrays) -> Any:
    """The sums of the columns (axis 0) or of the rows (axis 1)."""
    A = arrays[v.args[0]]
    return k.column_sums(A) if v.data == 0 else k.row_sums(A)


def total(v: Value, arrays) -> Any:
    """The sum of all entries."""
    return k.row_sums(arrays[v.args[0]].reshape(1, -1))


def dot(v: Value, arrays) -> Any:
    """The sum of the products of all entries."""
    A, B = (arrays[a] for a in v.args)
    return k.row_sums(k.multiply(A, B).reshape(1, -1))


def largest(v: Value, arrays) -> Any:
    """The largest entry of each row of a matrix, or of a vector."""
    A = arrays[v.args[0]]
    return k.row_maxima(A.reshape(1, -1) if A.ndim == 1 else A)


KERNELS: dict[str, Callable[[Value, Any], Any]] = {
    "product": product,
    "sums": sums,
    "sum": total,
    "dot": dot,
    "max": largest,
}


def by_numpy(name: str, function: Callable, *operands: np.ndarray) -> np.ndarray:
    """The value by NumPy, which a program does not see: such a step runs by hand."""
    unrecordable(f"there is no kernel for {name}")
    found = np.asarray(function(*operands), operands[0].dtype)
    return np.ascontiguousarray(found) if found.ndim else found.reshape(1)


NUMPY: dict[str, Callable] = {
    "inv": np.linalg.inv,
    "solve": np.linalg.solve,
    "det": np.linalg.det,
    "logdet": lambda A: np.linalg.slogdet(A)[1],
    "trace": np.trace,
    "diag": np.diagonal,
    "diagm": np.diag,
    "tril": np.tril,
    "norm": np.linalg.norm,
    "T": np.transpose,
    "diagdot": lambda A, B: np.einsum("ij,ji->i", A, B),
}
