"""The curves of a history: their numbers."""

import numpy as np
import pytest

import nnmat
from nnmat.plots import plot_history
from tests.nnmat.plots.drawn import history
from tests.nnmat.training import runs


def lines(ax):
    return {
        line.get_label(): (list(line.get_xdata()), list(line.get_ydata()), line.get_linestyle()) for line in ax.lines
    }


def test_the_losses_are_shown_if_nothing_is_asked_for():
    found = lines(plot_history(history()))
    assert list(found) == ["loss", "validation loss"]
    assert found["loss"] == ([1, 2, 3, 4], [2.0, 1.0, 0.5, 0.25], "-")
    epochs, values, style = found["validation loss"]
    np.testing.assert_array_equal(values, [2.0, 1.5, np.nan, 1.0])  # null in JSON
    assert (epochs, style) == ([1, 2, 3, 4], "--")


def test_what_is_asked_for():
    ax = plot_history(history(), "accuracy")
    assert lines(ax) == {"accuracy": ([1, 2, 3, 4], [0.2, 0.5, 0.7, 0.8], "-")}
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_legend()) == ("epoch", "accuracy", None)
    ax = plot_history(history(), ["accuracy", "loss"])
    assert list(lines(ax)) == ["accuracy", "loss", "validation loss"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(lines(ax))
    assert list(lines(plot_history(history(), ["loss", "validation_loss"]))) == ["loss", "validation loss"]
    assert lines(plot_history({"loss": [2.0, 1.0]}))["loss"][0] == [1, 2]
    assert list(lines(plot_history({"generator_loss": [1.0], "discriminator_loss": [2.0]}))) == [
        "generator loss",
        "discriminator loss",
    ]


def test_one_epoch_is_two_points_that_differ():
    ax = plot_history({"epoch": [1], "loss": [0.5], "validation_loss": [0.7]})
    assert [line.get_marker() for line in ax.lines] == ["o", "o"]
    assert [line.get_fillstyle() for line in ax.lines] == ["full", "none"]
    assert list(ax.get_xticks()) == [1]


def test_of_a_run():
    found = runs.fit(runs.make(), runs.blobs(), epochs=3, validation=runs.blobs(50, 1))
    drawn = lines(plot_history(found))
    assert drawn["loss"][1] == found["loss"]
    assert drawn["validation loss"][:2] == ([1, 2, 3], found["validation_loss"])


def test_what_is_refused():
    with pytest.raises(
        nnmat.ConfigError, match=r"no figure 'acuracy'. The history has: loss, accuracy, .*'accuracy'\?"
    ):
        plot_history(history(), "acuracy")
    with pytest.raises(nnmat.ConfigError, match="expected names of figures, of epoch, accuracy, got none"):
        plot_history({"epoch": [1], "accuracy": [0.5]})
    for wrong in (3, [3]):
        with pytest.raises(nnmat.ConfigError, match="there is no figure 3. The history has: loss, accuracy"):
            plot_history(history(), wrong)
    for wrong in ({"loss": 3.0}, {"loss": ["a"]}, {"epoch": [1, 2], "loss": [1.0]}):
        with pytest.raises(nnmat.ConfigError, match="plot_history: expected 'loss' as a list of numbers, one for each"):
            plot_history(wrong)
    with pytest.raises(nnmat.ConfigError, match="expected 'epoch' as a list of numbers, one for each epoch, got 5"):
        plot_history({"epoch": 5, "loss": [1.0]})
    for wrong in ({}, None, [1, 2]):
        with pytest.raises(nnmat.ConfigError, match="plot_history: expected a history as fit returns it, got"):
            plot_history(wrong)
