"""The convolution kernels as functions for arrays of one dtype, by one thread or by all.

They are called by their entry points: a call of a compiled function first finds out the types of its arguments, which
for the records of a plan takes as long as the rest of a small convolution's launch.
"""

import functools
from typing import Any

from numba import int64

from ..codegen.function_pointer import address, entry_point, flat_of
from . import depthwise, implicit_gemm, weight_gradient
from .plan import PHASE, PLAN, WEIGHT_PLAN


def _parallel(kernel, piece, *kinds) -> Any:
    """A parallel kernel for arguments of these Numba types after its first, the place of its piece."""
    return functools.partial(entry_point(kernel, int64, *kinds), piece)


@functools.cache
def product(dtype, by_channels: bool, parallel: bool) -> Any:
    """The kernel of forward and input gradient, with a sum over channels or without: (X, K, bias, Y, *plan, f)."""
    flat, plan = flat_of(dtype), (flat_of(PLAN), flat_of(PHASE), int64[::1])
    images = flat.copy(ndim=4)
    kinds = images, images, flat, images, *plan, int64
    if by_channels:
        serial, threaded, body = depthwise.depthwise, depthwise.depthwise_parallel, depthwise.depthwise_piece
    else:
        serial, threaded, body = implicit_gemm.product, implicit_gemm.product_parallel, implicit_gemm.product_piece
    if not parallel:
        return entry_point(serial, *kinds)
    third = flat if by_channels else int64  # the bias, or whether it is packed with the weights
    return _parallel(threaded, address(body, flat, flat, third, flat, *plan, int64, int64, int64), *kinds)


@functools.cache
def weights(dtype, by_channels: bool, parallel: bool) -> Any:
    """The kernel of the weight gradient: (X, G, gK, gbias, *plan, keep, keep_bias)."""
    flat, plan = flat_of(dtype), (flat_of(WEIGHT_PLAN), int64[::1])
    images = flat.copy(ndim=4)
    kinds = images, images, images, flat, *plan, int64, int64
    if by_channels:
        serial, threaded, body = depthwise.channel_weights, depthwise.channel_weights_parallel, depthwise.channel_piece
    else:
        serial, threaded = weight_gradient.weights, weight_gradient.weights_parallel
        body = weight_gradient.weights_piece
    if not parallel:
        return entry_point(serial, *kinds)
    return _parallel(threaded, address(body, flat, flat, flat, int64, *plan, int64, int64, int64), *kinds)
