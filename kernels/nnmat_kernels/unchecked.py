"""The kernels without their checks, by their public names: for layers, losses and optimizers, which have checked.

The arguments are those of the public functions, by position; every array is aligned, C-contiguous and of one dtype,
shapes fit, and `out` is given and overlaps nothing that the public function would refuse. Anything else is not caught.
`softmax_cross_entropy` is for logits (B, M) and int64 labels (B,) without options; it checks the labels.
`linear_forward` and `linear_backward` stand only here: they make functions for arrays that stay the same.
"""

# ruff: noqa: F401
from .activations import leaky_relu_backward_unchecked as leaky_relu_backward
from .activations import leaky_relu_unchecked as leaky_relu
from .activations import relu_backward_unchecked as relu_backward
from .activations import relu_unchecked as relu
from .activations import sigmoid_backward_unchecked as sigmoid_backward
from .activations import sigmoid_unchecked as sigmoid
from .activations import tanh_backward_unchecked as tanh_backward
from .activations import tanh_unchecked as tanh
from .average_pooling import avg_pool2d_backward_unchecked as avg_pool2d_backward
from .average_pooling import avg_pool2d_unchecked as avg_pool2d
from .batched_matmul import batched_matmul_unchecked as batched_matmul
from .convolution import conv2d_input_gradient_unchecked as conv2d_input_gradient
from .convolution import conv2d_unchecked as conv2d
from .convolution import conv2d_weight_gradient_unchecked as conv2d_weight_gradient
from .cross_entropy import softmax_cross_entropy_unchecked as softmax_cross_entropy
from .dropout import dropout_unchecked as dropout
from .gelu import gelu_backward_unchecked as gelu_backward
from .gelu import gelu_unchecked as gelu
from .linear import linear_backward_unchecked as linear_backward
from .linear import linear_forward_unchecked as linear_forward
from .matmul import matmul_unchecked as matmul
from .pooling import max_pool2d_backward_unchecked as max_pool2d_backward
from .pooling import max_pool2d_unchecked as max_pool2d
from .reductions import column_sums_unchecked as column_sums
from .reductions import sum_of_squares_unchecked as sum_of_squares
from .softmax import log_softmax_unchecked as log_softmax
from .softmax import softmax_backward_unchecked as softmax_backward
from .softmax import softmax_unchecked as softmax
from .updates import adam_update_unchecked as adam_update
from .updates import rmsprop_update_unchecked as rmsprop_update
from .updates import sgd_update_unchecked as sgd_update
