"""The ladder of docs/kernels.md as cases: its code blocks are executed, and the functions they define are measured."""

import contextlib
import functools
import io
import re
from pathlib import Path
from typing import Any

import bench_numpy as peers
import numpy as np
from bench_cases import Case, normal

import nnmat_kernels

PAGE = Path(__file__).resolve().parent.parent / "docs" / "kernels.md"
N = 512
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
    """How a case calls the page's function: with both operands and the array for the result."""

    def call(module, A, B, out=None):
        step = defined()[function]
        if module is not nnmat_kernels:
            return getattr(module, twin)(A, B)
        out = np.empty(shape, np.float32) if out is None else out
        step(A, B, out)
        return out

    return call


def cases() -> list[Case]:
    """Every step, slowest first: a product of matrices, and a convolution."""
    X, K, Y = (64, 12, 12, 8), (16, 5, 5, 8), (64, 8, 8, 16)
    return [
        *(
            Case(
                name,
                f"{N}x{N}x{N}",
                normal((N, N), (N, N)),
                _step(function, "matmul", (N, N)),
                lambda A, B, out: np.matmul(A, B, out=out),
                2 * N**3,
                N,
                group="ladder",
            )
            for name, function in PRODUCTS.items()
        ),
        *(
            Case(
                name,
                "64x12x12x8 16@5x5",
                normal(X, K),
                _step(function, "conv2d", Y),
                lambda X, K, out: peers.conv2d(X, K, 1, 0, out),
                2 * 64 * 64 * 16 * 200,
                200,
                group="ladder",
            )
            for name, function in CONVOLUTIONS.items()
        ),
    ]
