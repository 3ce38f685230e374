"""Convolutions of images: forward and both gradients.

conv2d           the public functions and the plans that they keep
launch           the kernels as functions of Python, for each dtype, by one thread or by all
implicit_gemm    forward and input gradient as a product whose left factor is never laid out
weight_gradient  the weights' gradient
depthwise        one weight plane for each channel
plan             the sizes of a convolution as records with named fields, from its shapes
axes             one axis of an image: which pixels a window meets
source_block     what a block of the work sees of the images, copied with its padding
im2col           windows laid out as a matrix, and the way back
"""
