"""Data sets: the MNIST digits, plays of Shakespeare, readers for IDX, npz and CSV files, splits and minibatches."""

from .batches import ArrayBatches, BatchSource, SampleSource, batches
from .csv_file import load_csv
from .dataset import Dataset
from .files import load_npz
from .idx import read_idx, write_idx
from .mnist import mnist
from .shakespeare import shakespeare
from .vocabulary import Vocabulary
from .windows import RandomWindows, windows

__all__ = [
    "ArrayBatches",
    "BatchSource",
    "Dataset",
    "RandomWindows",
    "SampleSource",
    "Vocabulary",
    "batches",
    "load_csv",
    "load_npz",
    "mnist",
    "read_idx",
    "shakespeare",
    "windows",
    "write_idx",
]
