"""Derived expressions at the speed of the kernels: what a layer or a loss that is given as an expression runs.

walks  element-wise parts, as lists of operations for one kernel
steps  every other value: by a kernel, or where there is none by NumPy
names  what dimensions are called; it loads nothing of the calculus
plan   in which order, and what forward leaves for backward
"""
