"""From expressions to numbers.

binding    the arrays and sizes that an evaluation is given, checked
evaluator  the value of each operator, by NumPy
windows    the values of a convolution and of its adjoints
matrices   the values of functions of matrices, of spectra, of blocks, and where there are none
linear_algebra  what these compute, from arrays to arrays
"""
