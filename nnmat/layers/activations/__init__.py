"""Functions of single elements: `sigmoid` (and tanh), `rectifiers`, `smooth` ones, `gelu`; `softmax`, of rows.
`elementwise` is what they share."""
