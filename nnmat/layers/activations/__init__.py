"""Functions of single elements: `sigmoid` (and tanh), `rectifiers`, `gelu`; `softmax`, of rows. `elementwise` is what
they share."""
