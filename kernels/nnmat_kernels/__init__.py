"""The kernels of nnmat: NumPy arrays in and out, compiled by Numba. Their contracts are in `kernels/README.md`."""

from .attention.attention import attention, attention_backward, self_attention, self_attention_backward
from .attention.rotary import rotate
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
from .elementwise.dropout import channel_dropout, dropout
from .elementwise.elu import elu, elu_backward
from .elementwise.gelu import gelu, gelu_backward
from .elementwise.gelu_tanh import gelu_tanh, gelu_tanh_backward
from .elementwise.rectifiers.bounded import hardswish, hardswish_backward, relu6, relu6_backward
from .elementwise.rectifiers.mish import mish, mish_backward
from .elementwise.rectifiers.prelu import prelu, prelu_backward
from .elementwise.silu import silu, silu_backward
from .elementwise.softplus import softplus, softplus_backward
from .indexing.embedding import embedding, embedding_backward
from .losses.adversarial import adversarial_loss
from .losses.distances import huber_loss, l1_loss
from .losses.elementwise_losses import mean_squared_error, sigmoid_binary_cross_entropy
from .losses.gaussian import gaussian_negative_log_likelihood
from .losses.likelihoods import kl_divergence, poisson_negative_log_likelihood
from .losses.softmax_cross_entropy import softmax_cross_entropy
from .optimizers.more_updates import adagrad_update, lion_update, nadam_update
from .optimizers.updates import adam_update, rmsprop_update, sgd_update
from .pooling.adaptive_max_pool2d import adaptive_max_pool2d
from .pooling.avg_pool2d import avg_pool2d, avg_pool2d_backward
from .pooling.max_pool2d import max_pool2d, max_pool2d_backward
from .products.batched_matmul import batched_matmul
from .products.matmul import matmul
from .recurrent.gru import gru, gru_backward
from .recurrent.lstm import lstm, lstm_backward
from .recurrent.rnn import rnn, rnn_backward
from .reductions.batch_norm import batch_norm, batch_norm_backward, batch_norm_evaluation
from .reductions.group_norm import group_norm, group_norm_backward
from .reductions.layer_norm import layer_norm, layer_norm_backward, rms_norm, rms_norm_backward
from .reductions.softmax import log_softmax, log_softmax_backward, softmax, softmax_backward
from .reductions.sums import column_sums, row_sums, sum_of_squares
from .resampling.affine_images import affine_images
from .resampling.resample import resample
from .runtime.config import get_num_threads, max_num_threads, set_num_threads

__all__ = [
    "adagrad_update",
    "adam_update",
    "adaptive_max_pool2d",
    "adversarial_loss",
    "affine_images",
    "attention",
    "attention_backward",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_evaluation",
    "batched_matmul",
    "channel_dropout",
    "col2im",
    "column_sums",
    "conv2d",
    "conv2d_input_gradient",
    "conv2d_weight_gradient",
    "dropout",
    "elu",
    "elu_backward",
    "embedding",
    "embedding_backward",
    "gaussian_negative_log_likelihood",
    "gelu",
    "gelu_backward",
    "gelu_tanh",
    "gelu_tanh_backward",
    "get_num_threads",
    "group_norm",
    "group_norm_backward",
    "gru",
    "gru_backward",
    "hardswish",
    "hardswish_backward",
    "huber_loss",
    "im2col",
    "kl_divergence",
    "l1_loss",
    "layer_norm",
    "layer_norm_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "lion_update",
    "log_softmax",
    "log_softmax_backward",
    "lstm",
    "lstm_backward",
    "matmul",
    "max_num_threads",
    "max_pool2d",
    "max_pool2d_backward",
    "mean_squared_error",
    "mish",
    "mish_backward",
    "nadam_update",
    "poisson_negative_log_likelihood",
    "prelu",
    "prelu_backward",
    "relu",
    "relu6",
    "relu6_backward",
    "relu_backward",
    "resample",
    "rms_norm",
    "rms_norm_backward",
    "rmsprop_update",
    "rnn",
    "rnn_backward",
    "rotate",
    "row_sums",
    "self_attention",
    "self_attention_backward",
    "set_num_threads",
    "sgd_update",
    "sigmoid",
    "sigmoid_backward",
    "sigmoid_binary_cross_entropy",
    "silu",
    "silu_backward",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "softplus",
    "softplus_backward",
    "sum_of_squares",
    "tanh",
    "tanh_backward",
]
