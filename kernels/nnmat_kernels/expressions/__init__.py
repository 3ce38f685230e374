"""Element-wise expressions, whatever they are, by one kernel.

walk    a short list of operations, walked through for each block of entries
labels  labels as rows of zeros and a one
"""
