"""What a test needs beside the core: `pytestmark = needs("onnx")` at the top of its file.

Without the package the file is skipped, and pytest says so and counts it. With NNMAT_EXTRAS=1 (`make extras`) nothing
is skipped: what is missing is an error.
"""

import importlib
import os

import pytest


def needs(*packages: str) -> pytest.MarkDecorator:
    """The mark of tests that need these packages; skips the file that asks when one of them is not there."""
    for package in packages:
        if os.environ.get("NNMAT_EXTRAS") == "1":
            importlib.import_module(package)
        else:
            pytest.importorskip(package)
    return pytest.mark.extra
