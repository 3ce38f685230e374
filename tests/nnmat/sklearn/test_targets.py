"""Targets as arrays for a loss, and back."""

import numpy as np
import pytest

import nnmat
from tests.extras import needs

pytestmark = needs("sklearn")

from nnmat.sklearn.targets import Classes, Numbers  # noqa: E402


def test_classes_become_numbers_or_rows_of_0_and_1():
    y = np.array(["b", "a", "b", "c"])
    found = Classes("Me", y, "auto")
    assert found.encode(y, np.float32).tolist() == [1, 0, 1, 2]
    rows = Classes("Me", y, "squared_error").encode(y, np.float32)
    assert rows.dtype == np.float32
    assert rows.tolist() == np.eye(3)[[1, 0, 1, 2]].tolist()
    H = np.array([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]])
    assert found.predict(H).tolist() == ["b", "a"]
    assert np.array_equal(found.decisions(H), H)


def test_one_class_is_none():
    with pytest.raises(nnmat.DataError, match="expected at least two classes in y, got 1 class"):
        Classes("Me", np.ones(5, int), "auto")


def test_labels_are_each_for_itself():
    Y = np.array([[0, 1], [1, 1], [1, 0]])
    found = Classes("Me", Y, "auto")
    assert (found.kind, found.outputs) == ("labels", 2)
    H = np.array([[-1.0, 2.0]])
    assert found.predict(H).tolist() == [[0, 1]]
    assert found.probabilities(H).sum() != 1
    assert Classes("Me", Y, "squared_error").predict(np.array([[0.4, 0.6]])).tolist() == [[0, 1]]
    with pytest.raises(nnmat.ConfigError, match="loss='sigmoid_binary_cross_entropy'"):
        Classes("Me", Y, "log_loss")


def test_several_classes_have_groups_of_outputs():
    Y = np.array([[0, 5], [1, 6], [2, 5]])
    found = Classes("Me", Y, "auto")
    assert (found.kind, found.outputs) == ("several", 6)
    assert found.encode(Y, np.float32).tolist() == [[0, 0], [1, 1], [2, 0]]
    H = np.array([[[0.0, 1.0, 0.0], [0.0, 1.0, 9.0]]])  # the last output of the second group is of no class
    assert found.predict(H).tolist() == [[1, 6]]
    assert [P.shape for P in found.probabilities(H)] == [(1, 3), (1, 2)]
    with pytest.raises(nnmat.ConfigError, match="the loss is softmax_cross_entropy"):
        Classes("Me", Y, "squared_error")


def test_a_part_of_several_classes_is_no_part_of_labels():
    classes = [np.arange(3), np.arange(2)]
    found = Classes("Me", np.array([[0, 1], [1, 0]]), "auto", classes)
    assert (found.kind, found.outputs) == ("several", 6)


def test_divergences_take_logarithms():
    found = Classes("Me", np.array([0, 1, 2]), "kl_divergence")
    np.testing.assert_allclose(found.probabilities(np.log([[0.2, 0.3, 0.5]])), [[0.2, 0.3, 0.5]])


def test_numbers_are_scaled_where_the_loss_is_one_of_differences():
    y = np.array([10.0, 20.0, 30.0])
    found = Numbers("Me", y, "auto", None, True)
    Y = found.encode(y, np.float64)
    assert Y.shape == (3, 1)
    np.testing.assert_allclose(Y.std(), 1.0)
    np.testing.assert_allclose(found.predict(Y), y)
    assert Numbers("Me", y, "poisson", None, True).scaling is None
    assert Numbers("Me", y, "auto", None, False).encode(y, np.float64).tolist() == [[10], [20], [30]]
    with pytest.raises(nnmat.DataError, match="with 1 columns, as before, got 2"):
        found.encode(np.ones((3, 2)), np.float64)


@pytest.mark.parametrize("loss", [nnmat.GaussianNegativeLogLikelihood(), nnmat.AdversarialLoss().generator])
def test_losses_of_other_shapes(loss):
    with pytest.raises(nnmat.ConfigError, match="a loss of outputs and targets of one shape"):
        Numbers("Me", np.ones(3), loss, None, True)


def test_probabilities_of_large_outputs_are_numbers():
    y, H = np.array([0, 1]), np.array([[-800.0, -900.0], [900.0, 800.0]])
    np.testing.assert_allclose(
        Classes("Me", y, "sigmoid_binary_cross_entropy").probabilities(H), [[1, 0], [0.5, 0.5]], atol=1e-40
    )
    P = Classes("Me", y, "sigmoid_binary_cross_entropy").probabilities(np.array([[0.5, -1.0]], np.float32))
    odds = 1 / (1 + np.exp([-0.5, 1.0]))
    assert P.dtype == np.float32
    np.testing.assert_allclose(P[0], odds / odds.sum(), rtol=1e-6)
    np.testing.assert_allclose(Classes("Me", y, "kl_divergence").probabilities(H).sum(axis=1), 1.0)


def test_a_divergence_is_of_logarithms_of_probabilities():
    assert [type(layer) for layer in Classes("Me", np.array([0, 1]), "kl_divergence").last_layers()] == [
        nnmat.LogSoftmax
    ]
    with pytest.raises(nnmat.ConfigError, match="loss='sigmoid_binary_cross_entropy'"):
        Classes("Me", np.array([[0, 1], [1, 1]]), "kl_divergence")


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        ([0, 1, 2], [[0, 1], [1, 0]], "one class for each sample, as before"),
        ([[0, 1], [1, 1]], [0, 1], "2 columns, as before"),
        ([[0, 1], [1, 1]], [[0, 1, 1], [1, 0, 1]], "2 columns, as before"),
        ([[0, 5], [1, 6], [2, 5]], [0, 1], "2 columns, as before"),
        ([[0, 5], [1, 6], [2, 5]], [[0, 5, 5]], "2 columns, as before"),
    ],
)
def test_targets_of_another_shape_than_before(first, then, message):
    with pytest.raises(nnmat.DataError, match=f"Me: expected y with {message}"):
        Classes("Me", np.array(first), "auto").encode(np.array(then), np.float32)
