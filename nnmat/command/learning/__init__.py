"""What `train`, `tune`, `predict` and `evaluate` share: data, networks, training, scores, the file of a model."""
