"""One table of wrong calls of the library: each raises a typed error that names the cause and a remedy."""

import numpy as np
import pytest

import nnmat
import nnmat_kernels as k
from nnmat import SGD, Adam, Conv2d, Linear, Sequential, SoftmaxCrossEntropy, datasets, metrics

F = np.float32
X, y = np.zeros((4, 3), F), np.array([0, 1, 2, 0])
IMAGES, KERNEL = np.zeros((2, 5, 5, 2), F), np.zeros((3, 3, 3, 2), F)


def model():
    return Sequential([Linear(3, 3)], input_shape=(3,))


WRONG = {
    "model: rank": (lambda: model().forward(X[0]), nnmat.ShapeError, r"\(B, 3\), got \(3,\).*X\[np.newaxis\]"),
    "model: width": (lambda: model().forward(np.zeros((3, 9), F)), nnmat.ShapeError, r"Did you pass X\.T"),
    "model: dtype": (lambda: model().forward(X.astype(float)), nnmat.DtypeError, r"Try X\.astype\(np\.float32\)"),
    "model: list": (lambda: model().forward(X.tolist()), nnmat.DtypeError, r"Try np\.asarray\(X"),
    "model: backward first": (lambda: model().backward(X), nnmat.StateError, "forward"),
    "model: not built": (lambda: Sequential([Linear(3, 3)]).forward(X), nnmat.BuildError, "build"),
    "conv: channels": (lambda: Conv2d(3, 4, 3).build((8, 8, 1)), nnmat.ShapeError, "3 input channels"),
    "loss: label too large": (lambda: SoftmaxCrossEntropy().forward(X, y + 1), nnmat.LabelError, "3"),
    "loss: label negative": (lambda: SoftmaxCrossEntropy().forward(X, y - 1), nnmat.LabelError, "-1"),
    "loss: rows": (lambda: SoftmaxCrossEntropy().forward(X, y[:2]), nnmat.ShapeError, "SoftmaxCrossEntropy"),
    "loss: dtype": (lambda: SoftmaxCrossEntropy().forward(X.astype(int), y), nnmat.DtypeError, "float"),
    "loss: text": (lambda: SoftmaxCrossEntropy().forward(X, y.astype(str)), nnmat.DtypeError, "SoftmaxCrossEntropy"),
    "loss: smoothing": (lambda: SoftmaxCrossEntropy(label_smoothing=2), nnmat.ConfigError, "label_smoothing"),
    "loss: backward first": (lambda: SoftmaxCrossEntropy().backward(), nnmat.StateError, "forward"),
    "optimizer: lr": (lambda: SGD(model(), lr=-1), nnmat.ConfigError, "lr"),
    "optimizer: lr nan": (lambda: Adam(model(), lr=float("nan")), nnmat.ConfigError, "lr"),
    "optimizer: momentum": (lambda: SGD(model(), momentum=1.5), nnmat.ConfigError, "momentum"),
    "optimizer: clip": (lambda: SGD(model(), clip_norm=-1), nnmat.ConfigError, "clip_norm"),
    "optimizer: kind": (lambda: SGD(model(), weight_decay={"gain": 1.0}), nnmat.ConfigError, "gain"),
    "metric": (lambda: metrics.resolve("acuracy"), nnmat.ConfigError, "accuracy"),
    "data: lengths": (lambda: datasets.Dataset(X, y[:2]), nnmat.DataError, "4 rows in X and 2 in y"),
    "data: empty": (lambda: datasets.ArrayBatches(X[:0], y[:0], 2), nnmat.DataError, "empty"),
    "data: batch size": (lambda: datasets.ArrayBatches(X, y, 0), nnmat.ConfigError, "batch_size"),
    "data: missing file": (lambda: datasets.read_idx("no-such-file.gz"), FileNotFoundError, "no-such-file.gz"),
    "file: missing": (lambda: nnmat.load("no-such-file.npz"), FileNotFoundError, "no-such-file.npz"),
    "khat: size": (lambda: nnmat.khat(KERNEL, (3000, 3000, 2)), nnmat.ConfigError, "operator"),
    "khat: channels": (lambda: nnmat.khat(KERNEL, (5, 5, 3)), nnmat.ShapeError, "khat"),
    "gradcheck: float32": (lambda: nnmat.gradcheck(model(), X), nnmat.DtypeError, "float64"),
    "threads": (lambda: nnmat.set_num_threads(0), ValueError, "from 1 to"),
    "matmul: shapes": (lambda: k.matmul(X, X), nnmat.ShapeError, "matmul"),
    "matmul: dtypes": (lambda: k.matmul(X, X.T.astype(float)), nnmat.DtypeError, "matmul"),
    "matmul: integers": (lambda: k.matmul(X.astype(int), X.T), nnmat.DtypeError, "astype"),
    "matmul: out": (lambda: k.matmul(X, X.T, out=np.empty((4, 5), F)), nnmat.ShapeError, "out"),
    "matmul: alias": (lambda: k.matmul(X[:3], X[:3], out=X[:3]), ValueError, "shares memory"),
    "batched_matmul": (lambda: k.batched_matmul(IMAGES, KERNEL), nnmat.ShapeError, "batched_matmul"),
    "conv2d: rank": (lambda: k.conv2d(X, KERNEL), nnmat.ShapeError, "conv2d"),
    "conv2d: channels": (lambda: k.conv2d(IMAGES[..., :1], KERNEL), nnmat.ShapeError, "conv2d"),
    "conv2d: stride": (lambda: k.conv2d(IMAGES, KERNEL, stride=0), ValueError, "stride"),
    "conv2d: too large": (lambda: k.conv2d(IMAGES[:, :2], KERNEL), nnmat.ShapeError, "conv2d"),
    "im2col": (lambda: k.im2col(X, 3), nnmat.ShapeError, "im2col"),
    "col2im": (lambda: k.col2im(X, (1, 5, 5, 2), 3), nnmat.ShapeError, "col2im"),
    "max_pool2d": (lambda: k.max_pool2d(X, 2), nnmat.ShapeError, "max_pool2d"),
    "softmax": (lambda: k.softmax(X.astype(int)), nnmat.DtypeError, "softmax"),
    "sigmoid_backward": (lambda: k.sigmoid_backward(X, X[:2]), nnmat.ShapeError, "sigmoid_backward"),
    "softmax_cross_entropy": (lambda: k.softmax_cross_entropy(X, y + 9), nnmat.LabelError, "softmax_cross_entropy"),
    "dropout": (lambda: k.dropout(X, 1.5, 1, 1), ValueError, "rate"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_call_is_explained(case):
    call, error, text = WRONG[case]
    with pytest.raises(error, match=text) as raised:
        call()
    assert len(str(raised.value)) > 30


def test_inputs_are_left_alone_by_wrong_calls():
    for call, error, _ in WRONG.values():
        with pytest.raises(error):
            call()
    assert not X.any()
    assert not IMAGES.any()
    assert not KERNEL.any()
