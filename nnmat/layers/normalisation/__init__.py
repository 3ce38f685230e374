"""Layers that give their input mean 0 and variance 1, or a mean square of 1: of every row (`layer_norm`), of groups of
channels (`group_norm`), of every channel over the batch (`batch_norm`). `scaled` is what they share."""
