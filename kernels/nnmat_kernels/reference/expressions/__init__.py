"""Twins of the kernels of expressions."""
