"""What the operators of ONNX compute, and their gradients: by kernels of nnmat where it has them, else by NumPy."""
