"""How the pieces of a parallel kernel are handed to threads: by Numba's pool, or one after the other by the caller.

A pool of threads does not live on in a forked child: what waits for it there hangs, or ends the process (libgomp). So
compiled kernels do not call the pool themselves but a door in front of it, a few instructions of machine code:

    alone, or one thread      the caller runs all pieces, in order; the pool is not asked
    else                      the pool of Numba's threading layer runs them

`alone` is set in a forked child, for good. The pieces are the same either way, and so are the bits of the results.

A fork also waits until no other thread compiles or starts a kernel: a lock that is held at that moment by a thread that
the child does not have would never be given back there.
"""

import ctypes
import os
import threading
import warnings
from typing import Any

import numba
from llvmlite import binding
from llvmlite.binding import ffi
from numba.core.compiler_lock import global_compiler_lock

settings: Any = numba.config

_CODE = """
@alone = global i32 0

define void @door(ptr %piece, ptr %arrays, ptr %sizes, ptr %steps, ptr %data, i64 %inner, i64 %count, i32 %threads) {
  %set = load i32, ptr @alone
  %forked = icmp ne i32 %set, 0
  %one = icmp sle i32 %threads, 1
  %here = or i1 %forked, %one
  br i1 %here, label %caller, label %pool
caller:
  call void %piece(ptr %arrays, ptr %sizes, ptr %steps, ptr %data)
  ret void
pool:
  %start = inttoptr i64 {pool} to ptr
  call void %start(ptr %piece, ptr %arrays, ptr %sizes, ptr %steps, ptr %data, i64 %inner, i64 %count, i32 %threads)
  ret void
}
"""


class _Door:
    """The function that parallel kernels call in place of the pool's, and its switch."""

    def __init__(self):
        numba.get_num_threads()  # Numba loads its threading layer and names the pool's function
        pool = binding.address_of_symbol("numba_parallel_for")
        machine = binding.Target.from_default_triple().create_target_machine()
        self._engine = binding.create_mcjit_compiler(
            binding.parse_assembly(_CODE.replace("{pool}", str(pool))), machine
        )
        self._engine.finalize_object()
        self._alone = ctypes.c_int32.from_address(self._engine.get_global_value_address("alone"))
        binding.add_symbol("numba_parallel_for", self._engine.get_function_address("door"))

    def close(self) -> None:
        """From now on the caller runs every piece itself."""
        self._alone.value = 1


class ParallelKernel:
    """Calls a parallel kernel, one at a time where Numba's threading layer is not safe for concurrent launches."""

    _lock_needed: bool | None = None  # shared by all kernels; known after the first launch
    _door: _Door | None = None  # likewise; there before any kernel's code is linked, which looks for it by name
    _forked = False  # whether this process is a forked child

    def __init__(self, dispatcher):
        self.dispatcher = dispatcher

    @staticmethod
    def open_door() -> None:
        """Make the door, before the code of any parallel kernel is compiled or loaded."""
        with _launch_lock:
            if ParallelKernel._door is None:
                ParallelKernel._door = _Door()
                if ParallelKernel._forked:
                    ParallelKernel._door.close()

    @staticmethod
    def ready() -> bool:
        """Whether the door is there."""
        return ParallelKernel._door is not None

    @staticmethod
    def forked() -> bool:
        """Whether this process is a forked child of one that had imported this module."""
        return ParallelKernel._forked

    def __call__(self, *arguments):
        if ParallelKernel._lock_needed is False:
            return self.dispatcher(*arguments)
        with _launch_lock:
            self.open_door()
            result = self.dispatcher(*arguments)
            if ParallelKernel._lock_needed is None:
                ParallelKernel._lock_needed = numba.threading_layer() == "workqueue"
                if ParallelKernel._lock_needed and settings.NUMBA_NUM_THREADS > 1:
                    warnings.warn(
                        "nnmat: Numba runs on its 'workqueue' threading layer, where starting a parallel kernel costs "
                        "about 100 us instead of 2. Install libgomp (Debian: apt-get install libgomp1) or the PyPI "
                        "package 'tbb' for a faster one.",
                        RuntimeWarning,
                        stacklevel=2,
                    )
            return result


_launch_lock = threading.RLock()


_llvm_lock = ffi.lib._lock  # an AttributeError here, at import, is better than locks that are never given back


def _before_fork() -> None:
    _launch_lock.acquire()
    global_compiler_lock.acquire()
    _llvm_lock.__enter__()


def _after_fork() -> None:
    _llvm_lock.__exit__(None, None, None)
    global_compiler_lock.release()
    _launch_lock.release()


def _in_child() -> None:
    ParallelKernel._forked = True
    if ParallelKernel._door is not None:
        ParallelKernel._door.close()
    _after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing is forked
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
