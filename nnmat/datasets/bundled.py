"""Five small data sets that come with scikit-learn; nothing is downloaded."""

from typing import Any

import numpy as np

from ..extras import extra
from .dataset import Dataset


def digits() -> Dataset:
    """1,797 digits of 8 x 8 pixels: X (1797, 8, 8, 1) float32 from 0 to 1, y (1797,) int64 in 0..9."""
    found = _load("digits")
    X = (found.images / 16).astype(np.float32)[..., np.newaxis]
    return Dataset(X, found.target.astype(np.int64), [str(name) for name in found.target_names])


def iris() -> Dataset:
    """Three kinds of irises: X (150, 4) float32, lengths and widths in cm, y (150,) int64, and their names."""
    return _classes("iris")


def wine() -> Dataset:
    """Wines of three growers: X (178, 13) float32, chemical figures in units of their own, y (178,) int64."""
    return _classes("wine")


def breast_cancer() -> Dataset:
    """Malignant (0) and benign (1) tumours: X (569, 30) float32, figures of cells, y (569,) int64."""
    return _classes("breast_cancer")


def diabetes() -> Dataset:
    """How a disease goes on within a year: X (442, 10) float32, y (442, 1) float32 from 25 to 346."""
    found = _load("diabetes")
    return Dataset(found.data.astype(np.float32), found.target.astype(np.float32)[:, np.newaxis])


def _classes(name: str) -> Dataset:
    found = _load(name)
    labels = [str(label) for label in found.target_names]
    return Dataset(found.data.astype(np.float32), found.target.astype(np.int64), labels)


def _load(name: str) -> Any:
    sets = extra("sklearn.datasets", f"nnmat.datasets.{name}", "data")
    return getattr(sets, f"load_{name}")()
