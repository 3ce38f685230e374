"""Naive twins of the kernels: same signatures, float64, obvious and slow. Tests and the bench compare with them."""
