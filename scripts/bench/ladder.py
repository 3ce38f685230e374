"""The ladder of docs/kernels.md as cases: its code blocks are executed, and the functions they define are measured."""

import contextlib
import functools
import io
import re
from pathlib import Path
from typing import Any

import numpy as np

import nnmat_kernels
from bench import numpy_peer
from bench.kinds.case import Case, normal

PAGE = Path(__file__).resolve().parents[2] / "docs" / "kernels.md"
N, SIZE = 512, 32_768
PRODUCTS = {  # section and name: the function on the page
    "ladder 1.1 three loops": "matmul_definition_plain",
    "ladder 1.2 rows inside": "matmul_rows_plain",
    "ladder 1.3 with flags": "matmul_rows_fused",
    "ladder 1.4 blocks": "matmul_blocks_fused",
    "ladder 1.6 register tile": "matmul_tile",
}
CONVOLUTIONS = {
    "ladder 2.1 six loops": "conv_definition_plain",
    "ladder 2.1 with flags": "conv_definition_fused",
    "ladder 2.2 patch matrix": "conv_im2col",
    "ladder 2.3 implicit product": "conv_implicit",
}
FUNCTIONS = {"ladder 3 tanh, C library": "tanh_definition_fused", "ladder 3 tanh polynomial": "tanh_polynomial"}


@functools.cache
def defined() -> dict[str, Any]:
    """What the page's Python blocks define, executed in order."""
    namespace: dict[str, Any] = {}
    threads = nnmat_kernels.get_num_threads()
    for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(block, PAGE.name, "exec"), namespace)
    nnmat_kernels.set_num_threads(threads)  # the page changes it
    return namespace


def _step(function: str, twin: str, shape: tuple[int, ...]):
    """How a case calls the page's function: with the operands and the array for the result."""

    def call(module, *operands, out=None):
        step = defined()[function]
        if module is not nnmat_kernels:
            return getattr(module, twin)(*operands)
        out = np.empty(shape, np.float32) if out is None else out
        step(*operands, out)
        return out

    return call


def cases() -> list[Case]:
    """Every step, slowest first: a product of matrices, a convolution, a function of single numbers."""
    X, K, Y = (64, 12, 12, 8), (16, 5, 5, 8), (64, 8, 8, 16)

    def steps(functions, twin, label, shape, arrays, peer, flops=0, terms=8):
        return [
            Case(name, label, arrays, _step(function, twin, shape), peer, flops, terms, group="ladder")
            for name, function in functions.items()
        ]

    def convolved(X, K, out):
        return numpy_peer.conv2d(X, K, 1, 0, out)

    matrices, numbers = normal((N, N), (N, N)), normal((SIZE,))
    return [
        *steps(PRODUCTS, "matmul", f"{N}x{N}x{N}", (N, N), matrices, np.matmul, 2 * N**3, N),
        *steps(CONVOLUTIONS, "conv2d", "64x12x12x8 16@5x5", Y, normal(X, K), convolved, 2 * 64 * 64 * 16 * 200, 200),
        *steps(FUNCTIONS, "tanh", f"{SIZE}", (SIZE,), numbers, np.tanh),
    ]
