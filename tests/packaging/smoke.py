"""Runs where nnmat is installed and no checkout is near: `python smoke.py FOLDER`, in which nnmat has to lie."""

import subprocess
import sys
from pathlib import Path

import numpy as np

import nnmat
import nnmat_kernels
from nnmat import Adam, Linear, ReLU, Sequential, SoftmaxCrossEntropy, Trainer


def main(folder: str) -> None:
    for package in (nnmat, nnmat_kernels):
        assert Path(folder).resolve() in Path(package.__file__ or "").resolve().parents, package.__file__
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 6)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
    model = Sequential([Linear(6, 24), ReLU(), Linear(24, 2)], input_shape=(6,), seed=0)
    trainer = Trainer(model, SoftmaxCrossEntropy(), Adam(model, lr=0.01), metrics=["accuracy"])
    trainer.fit((X, y), epochs=20, batch_size=30, seed=1, progress=False)
    accuracy = trainer.evaluate((X, y), progress=False)["accuracy"]
    assert accuracy > 0.9, accuracy
    nnmat.save(model, "model.npz")
    assert np.array_equal(nnmat.load("model.npz").forward(X), model.forward(X))
    page = [sys.executable, "-m", "nnmat", "derive", "norm2(X @ w - t)**2", "--wrt", "w", "--format", "html"]
    subprocess.run([*page, "-o", "gradient.html"], check=True, capture_output=True)
    assert "<math" in Path("gradient.html").read_text(encoding="utf-8")
    said = "NNMAT_DATA"
    try:
        nnmat.datasets.mnist(mirrors=())
    except nnmat.DataError as error:  # none in the cache
        said = str(error)
    assert "NNMAT_DATA" in said
    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}: accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main(sys.argv[1])
