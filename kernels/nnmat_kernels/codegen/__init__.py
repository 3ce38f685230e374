"""Code that Numba would not make of Python: intrinsics written in LLVM's instructions, each beside its plain twin.

microkernel            a block of a matrix product in registers
packing                panels of A and B in the order in which the microkernel reads them
dot_microkernel        a block of dot products in registers
depthwise_microkernel  a block of a depthwise convolution in registers
max_window             the maximum of a window in registers, and the way back
function_pointer       functions called by address
"""
