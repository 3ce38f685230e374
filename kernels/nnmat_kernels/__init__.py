"""The kernels of nnmat: NumPy arrays in and out, compiled by Numba. Their contracts are in `kernels/README.md`."""

from .convolution.conv2d import conv2d, conv2d_input_gradient, conv2d_weight_gradient
from .convolution.im2col import col2im, im2col
from .elementwise.activations import (
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from .elementwise.dropout import dropout
from .elementwise.gelu import gelu, gelu_backward
from .losses.elementwise_losses import mean_squared_error, sigmoid_binary_cross_entropy
from .losses.softmax_cross_entropy import softmax_cross_entropy
from .optimizers.updates import adam_update, rmsprop_update, sgd_update
from .pooling.avg_pool2d import avg_pool2d, avg_pool2d_backward
from .pooling.max_pool2d import max_pool2d, max_pool2d_backward
from .products.batched_matmul import batched_matmul
from .products.matmul import matmul
from .reductions.softmax import log_softmax, softmax, softmax_backward
from .reductions.sums import column_sums, row_sums, sum_of_squares
from .runtime.config import get_num_threads, max_num_threads, set_num_threads

__all__ = [
    "adam_update",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batched_matmul",
    "col2im",
    "column_sums",
    "conv2d",
    "conv2d_input_gradient",
    "conv2d_weight_gradient",
    "dropout",
    "gelu",
    "gelu_backward",
    "get_num_threads",
    "im2col",
    "leaky_relu",
    "leaky_relu_backward",
    "log_softmax",
    "matmul",
    "max_num_threads",
    "max_pool2d",
    "max_pool2d_backward",
    "mean_squared_error",
    "relu",
    "relu_backward",
    "rmsprop_update",
    "row_sums",
    "set_num_threads",
    "sgd_update",
    "sigmoid",
    "sigmoid_backward",
    "sigmoid_binary_cross_entropy",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "sum_of_squares",
    "tanh",
    "tanh_backward",
]
