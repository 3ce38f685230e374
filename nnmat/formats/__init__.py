"""Files: models, checkpoints, and other libraries' weights.

npz            models: in NumPy's format, and what safetensors files have of them
safe_tensors   the format safetensors, read strictly
convert        what users call to take weights from other libraries
torch_state    PyTorch's state dictionaries, as arrays
torch_entries  the arrays of a model as PyTorch has them
torch_options  what none of them holds
keras_weights  weights files of Keras 3
matching       which of another library's entries is which of the model's
archive        NumPy archives, read and verified to the last byte
atomic         a file is replaced as a whole or not at all
paths          paths as users give them
"""
