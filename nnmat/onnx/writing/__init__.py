"""From a model to a file: a `writer` of nodes, what each family of layers is in ONNX, the `file`, and its `check`."""
