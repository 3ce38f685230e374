"""Data sets: digits, plays, readers of tables, images, IDX, npz and CSV files, splits and minibatches.

What not every program needs is imported when it is asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from .augmented import AugmentedBatches
from .batches import ArrayBatches, BatchSource, SampleSource, batches
from .dataset import Dataset
from .files import load_npz
from .images.idx import read_idx, write_idx
from .images.mnist import mnist
from .tables.csv_file import load_csv
from .text.shakespeare import shakespeare
from .text.vocabulary import Vocabulary
from .text.windows import RandomWindows, windows

if TYPE_CHECKING:
    from .bundled import breast_cancer, diabetes, digits, iris, wine
    from .images.augment import Augment
    from .images.image_folder import ImageFolder, image_folder, read_images
    from .splitting import split
    from .tables.table import Table, table
    from .text.tokenizer import Tokenizer

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

_LATER = {
    **dict.fromkeys(("breast_cancer", "diabetes", "digits", "iris", "wine"), "bundled"),
    "Augment": "images.augment",
    **dict.fromkeys(("ImageFolder", "image_folder", "read_images"), "images.image_folder"),
    "split": "splitting",
    **dict.fromkeys(("Table", "table"), "tables.table"),
    "Tokenizer": "text.tokenizer",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f".{_LATER[name]}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*globals(), *_LATER]
