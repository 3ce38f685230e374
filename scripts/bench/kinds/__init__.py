"""What a case of `bench_kernels.py` is, and the cases of norms and sequences with NumPy's form of them."""
