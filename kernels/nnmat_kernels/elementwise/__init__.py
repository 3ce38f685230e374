"""Functions of single numbers, and kernels that apply them to every element of an array."""
