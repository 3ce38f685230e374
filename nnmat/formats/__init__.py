"""Files: models, checkpoints, and other libraries' weights.

npz            models: in NumPy's format, and what safetensors files have of them
safe_tensors   the format safetensors, read strictly
torch_state    PyTorch's state dictionaries, as arrays
torch_options  what none of them holds
archive        NumPy archives, read and verified to the last byte
atomic         a file is replaced as a whole or not at all
paths          paths as users give them
"""
