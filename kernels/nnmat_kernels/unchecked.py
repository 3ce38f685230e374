"""The kernels without their checks, by their public names: for layers, losses and optimizers, which have checked.

The arguments are those of the public functions, by position; every array is aligned, C-contiguous and of one dtype,
shapes fit, and `out`, if it is given, overlaps nothing that the public function would refuse. Anything else is not
caught. `softmax_cross_entropy` is for logits (B, M) and int64 labels (B,) without options; it checks the labels.
Some stand only here, what a step needs besides: `add`, `add_to_rows`, `multiply`, `copy`, `copy_columns`,
`paste_columns`, `fill`, `negative_products`, `gather`, `next_mask` (of dropout), `count_correct`, `norm`, `clip_scale`,
`times`, `block_at_place`, `walk`, `row_maxima`, `one_hot`, `first_number`, `nadam_product`, `combination`, and of Muon
`muon_direction`, `muon_unit`, `muon_step`.
"""

# ruff: noqa: F401
from .attention.attention import attention_backward_unchecked as attention_backward
from .attention.attention import attention_unchecked as attention
from .attention.attention import self_attention_backward_unchecked as self_attention_backward
from .attention.attention import self_attention_unchecked as self_attention
from .attention.one_place import block_at_place_unchecked as block_at_place
from .attention.rotary import rotate_unchecked as rotate
from .convolution.conv2d import conv2d_input_gradient_unchecked as conv2d_input_gradient
from .convolution.conv2d import conv2d_unchecked as conv2d
from .convolution.conv2d import conv2d_weight_gradient_unchecked as conv2d_weight_gradient
from .convolution.im2col import col2im_unchecked as col2im
from .convolution.im2col import im2col_unchecked as im2col
from .elementwise.activations import leaky_relu_backward_unchecked as leaky_relu_backward
from .elementwise.activations import leaky_relu_unchecked as leaky_relu
from .elementwise.activations import relu_backward_unchecked as relu_backward
from .elementwise.activations import relu_unchecked as relu
from .elementwise.activations import sigmoid_backward_unchecked as sigmoid_backward
from .elementwise.activations import sigmoid_unchecked as sigmoid
from .elementwise.activations import tanh_backward_unchecked as tanh_backward
from .elementwise.activations import tanh_unchecked as tanh
from .elementwise.copy_add import add_to_rows_unchecked as add_to_rows
from .elementwise.copy_add import add_unchecked as add
from .elementwise.copy_add import copy_unchecked as copy
from .elementwise.copy_add import multiply_unchecked as multiply
from .elementwise.dropout import channel_dropout_unchecked as channel_dropout
from .elementwise.dropout import dropout_unchecked as dropout
from .elementwise.dropout import next_mask_unchecked as next_mask
from .elementwise.elu import elu_backward_unchecked as elu_backward
from .elementwise.elu import elu_unchecked as elu
from .elementwise.fill import fill_unchecked as fill
from .elementwise.gelu import gelu_backward_unchecked as gelu_backward
from .elementwise.gelu import gelu_unchecked as gelu
from .elementwise.gelu_tanh import gelu_tanh_backward_unchecked as gelu_tanh_backward
from .elementwise.gelu_tanh import gelu_tanh_unchecked as gelu_tanh
from .elementwise.rectifiers.bounded import hardswish_backward_unchecked as hardswish_backward
from .elementwise.rectifiers.bounded import hardswish_unchecked as hardswish
from .elementwise.rectifiers.bounded import relu6_backward_unchecked as relu6_backward
from .elementwise.rectifiers.bounded import relu6_unchecked as relu6
from .elementwise.rectifiers.mish import mish_backward_unchecked as mish_backward
from .elementwise.rectifiers.mish import mish_unchecked as mish
from .elementwise.rectifiers.prelu import negative_products_unchecked as negative_products
from .elementwise.rectifiers.prelu import prelu_backward_unchecked as prelu_backward
from .elementwise.rectifiers.prelu import prelu_unchecked as prelu
from .elementwise.silu import silu_backward_unchecked as silu_backward
from .elementwise.silu import silu_unchecked as silu
from .elementwise.softplus import softplus_backward_unchecked as softplus_backward
from .elementwise.softplus import softplus_unchecked as softplus
from .expressions.rows import first_number_unchecked as first_number
from .expressions.rows import one_hot_unchecked as one_hot
from .expressions.rows import row_maxima_unchecked as row_maxima
from .expressions.walk import walk_unchecked as walk
from .indexing.columns import copy_columns_unchecked as copy_columns
from .indexing.columns import paste_columns_unchecked as paste_columns
from .indexing.embedding import embedding_backward_unchecked as embedding_backward
from .indexing.embedding import embedding_unchecked as embedding
from .indexing.take_rows import gather_unchecked as gather
from .losses.count_correct import count_correct_unchecked as count_correct
from .losses.gaussian import gaussian_chain_unchecked as gaussian_chain
from .losses.softmax_cross_entropy import softmax_cross_entropy_unchecked as softmax_cross_entropy
from .losses.weighted_rows import scale_rows_unchecked as scale_rows
from .optimizers.more_updates import adagrad_update_unchecked as adagrad_update
from .optimizers.more_updates import lion_update_unchecked as lion_update
from .optimizers.more_updates import nadam_product_unchecked as nadam_product
from .optimizers.more_updates import nadam_update_unchecked as nadam_update
from .optimizers.muon import combination_unchecked as combination
from .optimizers.muon import muon_direction_unchecked as muon_direction
from .optimizers.muon import muon_step_unchecked as muon_step
from .optimizers.muon import muon_unit_unchecked as muon_unit
from .optimizers.updates import adam_update_unchecked as adam_update
from .optimizers.updates import clip_scale_unchecked as clip_scale
from .optimizers.updates import rmsprop_update_unchecked as rmsprop_update
from .optimizers.updates import sgd_update_unchecked as sgd_update
from .optimizers.updates import times_unchecked as times
from .pooling.adaptive_max_pool2d import adaptive_max_pool2d_unchecked as adaptive_max_pool2d
from .pooling.avg_pool2d import avg_pool2d_backward_unchecked as avg_pool2d_backward
from .pooling.avg_pool2d import avg_pool2d_unchecked as avg_pool2d
from .pooling.max_pool2d import max_pool2d_backward_unchecked as max_pool2d_backward
from .pooling.max_pool2d import max_pool2d_unchecked as max_pool2d
from .products.batched_matmul import batched_matmul_unchecked as batched_matmul
from .products.matmul import matmul_unchecked as matmul
from .recurrent.gru import gru_backward_unchecked as gru_backward
from .recurrent.gru import gru_unchecked as gru
from .recurrent.lstm import lstm_backward_unchecked as lstm_backward
from .recurrent.lstm import lstm_unchecked as lstm
from .recurrent.rnn import rnn_backward_unchecked as rnn_backward
from .recurrent.rnn import rnn_unchecked as rnn
from .reductions.batch_norm import batch_norm_backward_unchecked as batch_norm_backward
from .reductions.batch_norm import batch_norm_evaluation_unchecked as batch_norm_evaluation
from .reductions.batch_norm import batch_norm_unchecked as batch_norm
from .reductions.group_norm import group_norm_backward_unchecked as group_norm_backward
from .reductions.group_norm import group_norm_unchecked as group_norm
from .reductions.layer_norm import layer_norm_backward_unchecked as layer_norm_backward
from .reductions.layer_norm import layer_norm_unchecked as layer_norm
from .reductions.layer_norm import rms_norm_backward_unchecked as rms_norm_backward
from .reductions.layer_norm import rms_norm_unchecked as rms_norm
from .reductions.softmax import log_softmax_backward_unchecked as log_softmax_backward
from .reductions.softmax import log_softmax_unchecked as log_softmax
from .reductions.softmax import softmax_backward_unchecked as softmax_backward
from .reductions.softmax import softmax_unchecked as softmax
from .reductions.sums import column_sums_unchecked as column_sums
from .reductions.sums import norm_unchecked as norm
from .reductions.sums import row_sums_unchecked as row_sums
from .reductions.sums import sum_of_squares_unchecked as sum_of_squares
from .resampling.affine_images import affine_images_unchecked as affine_images
from .resampling.resample import resample_unchecked as resample
