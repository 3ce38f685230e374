"""Memory: scratch arrays of kernels that begin at a cache line, and what becomes of memory that arrays give back.

`np.empty` begins anywhere: with registers of 64 bytes nearly every load of a packed panel would touch two lines.
"""

import ctypes
import os

import numpy as np

from .config import inlined_jit

LINE_BYTES = 64
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # numbers of options of glibc's mallopt
KEPT_BYTES, HEAP_BYTES = 256 << 20, 32 << 20  # kept at the end of the heap; the largest array there (glibc's limit)
OWN_CHOICES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")  # environment variables


@inlined_jit
def scratch(count, like):
    """A flat array for `count` numbers of the dtype of `like`, not initialised."""
    room = np.empty(count + LINE_BYTES // like.itemsize, like.dtype)
    first = (LINE_BYTES - room.ctypes.data % LINE_BYTES) // like.itemsize
    return room[first : first + count]


def keep_freed_memory() -> bool:
    """Let glibc keep the memory of freed arrays for the next ones; False where nothing was done.

    Every pass makes its arrays anew. By default glibc gives large ones back to the system when they are freed, which
    then clears each page of the next one; docs/processes.md has what that takes.
    """
    if any(name in os.environ for name in OWN_CHOICES):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return False
    return bool(mallopt(TRIM_THRESHOLD, KEPT_BYTES) and mallopt(MMAP_THRESHOLD, HEAP_BYTES))


keep_freed_memory()
