"""Setting all elements to one number."""

from ..runtime.config import jit
from ..runtime.launch import launch, operation


@jit
def _fill(x, value):
    for i in range(x.size):
        x[i] = value


@operation("out")
def fill_unchecked(out, value: float) -> None:
    """All elements of `out` become `value`."""
    launch(_fill, out.ravel(), out.dtype.type(value))
