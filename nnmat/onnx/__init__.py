"""ONNX: models written to it, and read from it."""
