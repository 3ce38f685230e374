"""Plain float64 twins of the elementwise kernels."""
