"""From expressions to numbers.

binding    the arrays and sizes that an evaluation is given, checked
evaluator  the value of each operator, by NumPy
windows    the values of a convolution and of its adjoints
"""
