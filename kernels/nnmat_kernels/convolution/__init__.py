"""Convolutions of images: forward and both gradients.

conv2d           the public functions and the plans that they keep
axes             one axis of an image: which pixels a window meets
plan             the sizes of a convolution, from its shapes
source_block     an image's block, copied with its padding
implicit_gemm    forward and input gradient as a product whose left factor is never laid out
weight_gradient  the weights' gradient
depthwise        one weight plane for each channel
im2col           windows laid out as a matrix, and the way back
"""
