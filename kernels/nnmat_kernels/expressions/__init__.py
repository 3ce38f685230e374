"""Element-wise expressions, whatever they are, by one kernel.

walk    a short list of operations, walked through for each block of entries
special functions of single numbers: log Γ and its derivative
rows    the largest entry of each row, labels as rows of zeros and a one
"""
