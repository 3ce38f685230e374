"""Attention: what queries take from the values of the keys that they meet.

attention        the public functions: separate queries, keys and values, or packed ones
checks           what they ask of their arrays
plan             sizes and strides, for the kernels
forward          outputs of one head, a block of queries at a time
backward         gradients of one head; the weights are computed again
scores           masks, exponentials and dropout of a block of scores
rotary           positions as rotations of queries and keys
"""
