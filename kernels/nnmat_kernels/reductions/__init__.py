"""Sums over rows, columns and arrays, and the softmax, whose rows are summed on the way."""
