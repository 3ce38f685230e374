"""Data sets: the MNIST digits, readers for IDX, npz and CSV files, splits and minibatches."""

from .batches import ArrayBatches, BatchSource, SampleSource, batches
from .csv_file import load_csv
from .dataset import Dataset
from .files import load_npz
from .idx import read_idx, write_idx
from .mnist import mnist

__all__ = [
    "ArrayBatches",
    "BatchSource",
    "Dataset",
    "SampleSource",
    "batches",
    "load_csv",
    "load_npz",
    "mnist",
    "read_idx",
    "write_idx",
]
