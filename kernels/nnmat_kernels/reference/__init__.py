"""Naive twins of the kernels: the same signatures, in float64, obvious and slow; what tests and the bench compare with."""
