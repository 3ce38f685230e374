"""Data sets: digits, plays, readers of tables, images, IDX, npz and CSV files, splits and minibatches."""

from .augmented import AugmentedBatches
from .batches import ArrayBatches, BatchSource, SampleSource, batches
from .bundled import breast_cancer, diabetes, digits, iris, wine
from .dataset import Dataset
from .files import load_npz
from .images.augment import Augment
from .images.idx import read_idx, write_idx
from .images.image_folder import ImageFolder, image_folder, read_images
from .images.mnist import mnist
from .split import split
from .tables.csv_file import load_csv
from .tables.table import Table, table
from .text.shakespeare import shakespeare
from .text.tokenizer import Tokenizer
from .text.vocabulary import Vocabulary
from .text.windows import RandomWindows, windows

__all__ = [
    "ArrayBatches",
    "Augment",
    "AugmentedBatches",
    "BatchSource",
    "Dataset",
    "ImageFolder",
    "RandomWindows",
    "SampleSource",
    "Table",
    "Tokenizer",
    "Vocabulary",
    "batches",
    "breast_cancer",
    "diabetes",
    "digits",
    "image_folder",
    "iris",
    "load_csv",
    "load_npz",
    "mnist",
    "read_idx",
    "read_images",
    "shakespeare",
    "split",
    "table",
    "windows",
    "wine",
    "write_idx",
]
