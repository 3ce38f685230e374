"""The laws of convolution at work: both adjoints of Y = X ⋆ K in three ways, shown equal, and pictures of K̂.

⟨H, X ⋆ K⟩ = ⟨F, X⟩ = ⟨G, K⟩ with F(H, K) of the shape of X and G(H, X) of the shape of K (TR-6, TR-7). Each is computed
as a product with the matrix K̂ (or its pattern P), as another convolution, and by the kernels.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import nnmat
import nnmat_kernels as k
from analysis.tables import Table, analysis_parser, parsed, report
from cli import guarded
from nnmat.plots import plot_khat
from nnmat.plots.figures import picture

EPILOG = """\
columns
  F, G     the largest gap between the three ways, over the largest entry
  LAW-9    (X + dX) ⋆ (K + dK) - X ⋆ K - dX ⋆ K - X ⋆ dK - dX ⋆ dK, which is 0, over the largest entry of dX ⋆ dK
  TR-6,7   the gap of ⟨H, X ⋆ K⟩, ⟨F, X⟩ and ⟨G, K⟩, over ‖H‖ ‖X ⋆ K‖
  used     the entries of K̂ that can be other than 0

examples
  python scripts/analyse_convolution.py
  python scripts/analyse_convolution.py --json convolution.json --plot convolution.png
"""
BOUND, BATCH = 1e-12, 3


class Case(NamedTuple):
    """A convolution: what it shows, its sizes, its options."""

    name: str
    image: tuple[int, int, int]  # H, W, Ci
    kernel: tuple[int, int, int, int]  # Co, kh, kw, Ci / groups
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def options(self) -> tuple:
        return self.stride, self.padding, self.dilation, self.groups


CASES = (
    Case("plain", (6, 6, 1), (1, 3, 3, 1)),
    Case("stride 2", (7, 7, 1), (1, 3, 3, 1), stride=(2, 2)),
    Case("padding 1", (6, 6, 1), (1, 3, 3, 1), padding=(1, 1)),
    Case("dilation 2", (8, 8, 1), (1, 3, 3, 1), dilation=(2, 2)),
    Case("two channels", (4, 4, 2), (2, 2, 2, 2)),
    Case("two groups", (4, 4, 2), (2, 2, 2, 1), groups=2),
    Case("all of it", (7, 6, 4), (6, 3, 2, 2), (2, 1), (1, 0), (1, 2), 2),
    Case("rows left over", (8, 9, 2), (3, 3, 2, 2), (3, 2), (2, 1), (2, 1)),
)


def image_adjoint(H: np.ndarray, K: np.ndarray, case: Case) -> np.ndarray:
    """F as a convolution of H with the kernel rotated by 180°, for each group: s - 1 zeros between neighbours, padded.

    In front stand δ (k - 1) - p zeros, behind r more, r = (H + 2p - δ (k - 1) - 1) mod s: the rows that no window
    reaches. A negative number of zeros cuts rows off.
    """
    parts = []
    for U, Kg in zip(np.split(H, case.groups, axis=-1), np.split(K, case.groups), strict=True):
        for axis in (0, 1):
            n, taps = case.image[axis], case.kernel[1 + axis]
            s, p, d = (option[axis] for option in case.options[:3])
            before = d * (taps - 1) - p
            U = padded(spread(U, 1 + axis, s), 1 + axis, before, before + (n + 2 * p - d * (taps - 1) - 1) % s)
        parts.append(k.conv2d(U, Kg[:, ::-1, ::-1].transpose(3, 1, 2, 0), None, 1, 0, case.dilation))
    return np.concatenate(parts, axis=-1)


def kernel_adjoint(H: np.ndarray, X: np.ndarray, case: Case) -> np.ndarray:
    """G as a convolution: X ⋆ H with stride δ and dilation s, cut to kh x kw; batch and channels change places."""
    _, kh, kw, _ = case.kernel
    parts = []
    for Xg, Hg in zip(np.split(X, case.groups, axis=-1), np.split(H, case.groups, axis=-1), strict=True):
        images, kernels = Xg.transpose(3, 1, 2, 0), Hg.transpose(3, 1, 2, 0)
        gK = k.conv2d(images, kernels, None, case.dilation, case.padding, case.stride)
        parts.append(gK[:, :kh, :kw].transpose(3, 1, 2, 0))
    return np.concatenate(parts)


def spread(A: np.ndarray, axis: int, s: int) -> np.ndarray:
    """With s - 1 zeros between neighbours along an axis."""
    shape = list(A.shape)
    shape[axis] = (shape[axis] - 1) * s + 1
    wide = np.zeros(shape)
    np.moveaxis(wide, axis, 0)[::s] = np.moveaxis(A, axis, 0)
    return wide


def padded(A: np.ndarray, axis: int, before: int, behind: int) -> np.ndarray:
    """With so many zeros in front and behind along an axis; where a number is negative, with rows cut off."""
    wide = np.pad(A, [(max(before, 0), max(behind, 0)) if i == axis else (0, 0) for i in range(A.ndim)])
    rows = slice(max(-before, 0), wide.shape[axis] - max(-behind, 0))
    return wide[(slice(None),) * axis + (rows,)]


def gap(*ways: np.ndarray) -> float:
    """The largest difference from the first, over its largest entry."""
    return max(float(np.abs(way - ways[0]).max()) for way in ways[1:]) / float(np.abs(ways[0]).max())


def measured(case: Case, rng: np.random.Generator) -> dict[str, Any]:
    """What the table shows of a case."""
    X, dX = rng.standard_normal((2, BATCH, *case.image))
    K, dK = rng.standard_normal((2, *case.kernel))
    Y = k.conv2d(X, K, None, *case.options)
    H = rng.standard_normal(Y.shape)
    K_hat: Any = nnmat.khat(K, case.image, *case.options)
    P: Any = nnmat.khat_pattern(case.kernel, case.image, *case.options)
    h, x = H.reshape(BATCH, -1), X.reshape(BATCH, -1)
    F = k.conv2d_input_gradient(H, K, X.shape, *case.options)
    G = k.conv2d_weight_gradient(X, H, K.shape, *case.options)
    inner = np.vdot(H, Y)
    rest = k.conv2d(X + dX, K + dK, None, *case.options) - Y
    for A, B in ((dX, K), (X, dK), (dX, dK)):
        rest -= k.conv2d(A, B, None, *case.options)
    traces = max(abs(inner - np.vdot(F, X)), abs(inner - np.vdot(G, K)))
    return {
        "F": gap((h @ K_hat).reshape(X.shape), image_adjoint(H, K, case), F),
        "G": gap(P.transpose_product((h.T @ x).reshape(-1)).reshape(K.shape), kernel_adjoint(H, X, case), G),
        "LAW-9": float(np.abs(rest).max() / np.abs(k.conv2d(dX, dK, None, *case.options)).max()),
        "TR-6,7": float(traces / (np.linalg.norm(H) * np.linalg.norm(Y))),
        "shape": K_hat.shape,
        "used": int(np.count_nonzero(K_hat)),
    }


def table_of(seed: int) -> Table:
    """All cases."""
    table = Table(
        "The adjoints of X ⋆ K as products with K̂, as convolutions and by the kernels",
        ("case", "K̂", "entries", "used", "F", "G", "LAW-9", "TR-6,7", "bound", "holds"),
    )
    for number, case in enumerate(CASES):
        found = measured(case, np.random.default_rng([seed, number]))
        gaps = [found[name] for name in ("F", "G", "LAW-9", "TR-6,7")]
        rows, columns = found["shape"]
        table.add(
            case.name, f"{rows} x {columns}", rows * columns, found["used"], *gaps, BOUND, max(gaps) <= BOUND
        )  # fmt: skip
    return table


def draw(path: Path) -> None:
    """K̂ of the first cases: each entry of K has its colour, and lines part the blocks."""
    with picture("--plot", path, columns=3, rows=2, size=(8.4, 6.4)) as axes:
        for axis, case in zip(axes, CASES, strict=False):
            stride, padding, dilation, groups = case.options
            plot_khat(np.ones(case.kernel), case.image, stride, padding, dilation, groups, ax=axis)
            axis.set_title(f"{case.name}: {axis.get_title()}")


def main() -> None:
    args = parsed(analysis_parser(__doc__, EPILOG))
    report(args, [table_of(args.seed)], draw)


if __name__ == "__main__":
    guarded(main)
