"""A loss or gradient that is not finite stops the run and names what is at fault."""

import numpy as np
import pytest

import nnmat
from nnmat import SGD, Linear, MeanSquaredError, ReLU, Sequential, SoftmaxCrossEntropy, Trainer
from tests.nnmat.training.runs import Growing, blobs, fit, make


def test_non_finite_loss_names_the_layer():
    trainer = make()
    trainer.model[2].weight.value = np.full((3, 8), 3e38)
    with pytest.raises(
        nnmat.NonFiniteError, match=r"epoch 1, step 1.*Linear '2': its output is not finite.*smaller lr"
    ):
        fit(trainer, blobs())


def test_non_finite_batches_are_named():
    class Bad(Growing):
        def batches(self, rng, start=0):
            yield np.array([[1, np.nan]], np.float32), np.array([0])

    with pytest.raises(nnmat.NonFiniteError, match=r"epoch 1, step 1\. The batch's X holds nan at index \(0, 1\)"):
        make().fit(Bad(), epochs=1, progress=False)


class Spike(nnmat.Layer):
    """Infinite where the first input is positive: after a Dropout that depends on the mask."""

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, X, call):
        return np.where(X[:, :1] > 0, np.float32(np.inf), X)

    def backward(self, G, call):
        return G


@pytest.mark.parametrize("seed", range(6))
def test_the_batch_is_repeated_with_the_same_dropout_mask(seed):
    layers = [Linear(2, 8), nnmat.Dropout(0.5), Spike(), Linear(8, 3)]
    model = Sequential(layers, input_shape=(2,), seed=seed)
    model[0].bias.value = np.full(8, 9.0)
    trainer = Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.01))
    with pytest.raises(nnmat.NonFiniteError, match="first layer at fault is Spike '2'"):
        trainer.fit((np.zeros((1, 2), np.float32), np.array([0])), epochs=50, batch_size=1, progress=False)


def test_a_gradient_of_the_loss_that_is_not_finite_is_no_layers_fault():
    class Broken(nnmat.Loss):
        def forward(self, H, y, call):
            call.G, call.divisor = np.full_like(H, np.nan), float(len(H))
            return 1.0

    with pytest.raises(nnmat.NonFiniteError, match="epoch 1, step 1. The gradient of the loss itself, Broken"):
        fit(make(loss=Broken()), blobs())


def test_diverging_training_stops_with_the_step():
    model = Sequential([Linear(2, 64), ReLU(), Linear(64, 64), ReLU(), Linear(64, 3)], input_shape=(2,))
    trainer = Trainer(model, MeanSquaredError(), SGD(model, lr=1e3))
    data = blobs()
    with pytest.raises(nnmat.NonFiniteError, match=r"(loss|gradient) became .* in epoch 1, step \d+"):
        trainer.fit((100 * data.X, np.eye(3)[data.y]), epochs=20, batch_size=32, progress=False)


def test_non_finite_gradient_names_the_layer():
    class Broken(nnmat.Layer):
        def output_shape(self, input_shape):
            return input_shape

        def forward(self, X, call):
            return X + 0

        def backward(self, G, call):
            return G / np.zeros(1, G.dtype)

    model = Sequential([Linear(2, 4), Broken(), Linear(4, 3)], input_shape=(2,))
    trainer = Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1))
    before = model.flat_parameters.copy()
    with np.errstate(all="ignore"), pytest.raises(nnmat.NonFiniteError, match="backward pass is Broken '1'"):
        fit(trainer, blobs())
    assert np.array_equal(model.flat_parameters, before)


DATA = blobs(40)
