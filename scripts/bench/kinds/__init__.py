"""What a case of `bench_kernels.py` is, and the cases of norms, sequences and more, with NumPy's form of them."""
