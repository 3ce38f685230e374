"""What every kernel stands on: decorators and threads, the disk cache, the processor's registers, arrays, scratch.

config    the decorators `jit`, `exact_jit`, `parallel_jit`, and the number of threads
cache     compiled kernels on disk, keyed by their sources
parallel  how work is shared among threads: sizes, and parallel kernels made of serial ones
target    the vector registers of the processor that is compiled for
door      what a user gives, as a plain array or an error that says how to make one
arrays    checks and canonical forms of the arrays of public functions
scratch   memory of a kernel's own
"""
