"""Losses: the value and its gradient in one pass.

softmax_cross_entropy  logits against labels or distributions
label_cross_entropy    the same for integer labels without options
elementwise_losses     squared error, binary cross-entropy
adversarial            scores of a discriminator, of the players of a GAN
entry_losses           what losses that are sums over entries share
weighted_rows          weighted sums over rows, shared by both kinds of losses
labels, targets        checks of labels, targets and weights
count_correct          rows whose largest entry stands at their label
"""
