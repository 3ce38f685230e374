"""Several kernels as one compiled function."""
