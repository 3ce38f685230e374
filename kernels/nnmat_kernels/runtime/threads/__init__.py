"""Who runs the pieces of a parallel kernel.

team  threads that claim pieces, and never wait for one that has not begun
pool  Numba's own, where no team can run
"""
