"""Estimators with scikit-learn's conventions: they clone, pickle, and sit in pipelines and grid searches.

Needs scikit-learn: pip install 'nnmat[sklearn]'.
"""

from ..extras import extra

extra("sklearn", "nnmat.sklearn", "sklearn")

from .cnn import CNNClassifier  # noqa: E402
from .mlp import MLPClassifier, MLPRegressor  # noqa: E402
from .net import NetClassifier, NetRegressor  # noqa: E402

__all__ = ["CNNClassifier", "MLPClassifier", "MLPRegressor", "NetClassifier", "NetRegressor"]
