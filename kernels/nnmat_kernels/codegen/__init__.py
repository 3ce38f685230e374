"""Code that Numba would not make of Python: intrinsics written in LLVM's instructions, each beside its plain twin.

builder                registers, loops and choices: what all generators share
microkernel            a tile of a matrix product in registers
packing                panels of A and B in the order in which the microkernel reads them
dot_microkernel        a tile of dot products in registers
depthwise_microkernel  a tile of a depthwise convolution in registers
max_window             the maximum of a window in registers, and the way back
blocks                 what the norms of rows and of columns share
row_norm               norms of some rows at a time
column_norm            sums over the rows of a norm of columns, and its values
copies                 flat views, and copies of short runs
function_pointer       functions called by address
"""
