"""The door in front of Numba's own pool of threads, for systems on which no `team` can run."""

import ctypes
import warnings

import numba
from llvmlite import binding

_POOL_CODE = """
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


class Pool:
    """The machine code of the door, and its switch."""

    def __init__(self):
        pool = binding.address_of_symbol("numba_parallel_for")
        machine = binding.Target.from_default_triple().create_target_machine()
        self._engine = binding.create_mcjit_compiler(
            binding.parse_assembly(_POOL_CODE.replace("{pool}", str(pool))), machine
        )
        self._engine.finalize_object()
        self._warned = False
        self.address = self._engine.get_function_address("door")

    def begin(self) -> bool:
        """Whether launches need no turns; known, and a slow layer warned of, after the first launch."""
        try:
            layer = numba.threading_layer()
        except ValueError:  # there was none yet
            return False
        if layer == "workqueue" and not self._warned:
            self._warned = True
            warnings.warn(
                "nnmat: Numba runs on its 'workqueue' threading layer, where starting a parallel kernel costs "
                "about 100 us instead of 2. Install the PyPI package 'tbb' for a faster one.",
                RuntimeWarning,
                stacklevel=3,
            )
        return layer != "workqueue"

    def close(self) -> None:
        """From now on every caller runs its pieces itself."""
        ctypes.c_int32.from_address(self._engine.get_global_value_address("alone")).value = 1
