"""Scratch arrays of kernels that begin at a cache line.

`np.empty` begins anywhere: with registers of 64 bytes nearly every load of a packed panel would touch two lines.
"""

import numpy as np

from .config import inlined_jit

LINE_BYTES = 64


@inlined_jit
def scratch(count, like):
    """A flat array for `count` numbers of the dtype of `like`, not initialised."""
    room = np.empty(count + LINE_BYTES // like.itemsize, like.dtype)
    first = (LINE_BYTES - room.ctypes.data % LINE_BYTES) // like.itemsize
    return room[first : first + count]
