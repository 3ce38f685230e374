"""What the code of parallel kernels calls to have its pieces run: a name that is bound while they are linked."""

from llvmlite import binding

POOL_NAME = "numba_parallel_for"  # what Numba calls that function


class Linking:
    """Between `begin` and `end` code that is linked calls the door. Numba's lock of its compiler is held meanwhile."""

    def __init__(self):
        self.door = 0  # its address; there before any parallel kernel is compiled or loaded
        self._depth, self._pool = 0, 0

    def begin(self) -> None:
        """A kernel of this package is compiled or loaded from now on; within it others may be."""
        self._depth += 1
        if self._depth == 1 and self.door:
            self._pool = binding.address_of_symbol(POOL_NAME)
            binding.add_symbol(POOL_NAME, self.door)

    def end(self) -> None:
        """That is over: what users compile is linked to Numba's pool."""
        self._depth -= 1
        if self._depth == 0 and self._pool:
            binding.add_symbol(POOL_NAME, self._pool)
            self._pool = 0


linking = Linking()
