"""The language model in nnmat; PyTorch's is compared with it under `make judge`."""

import numpy as np

import nnmat
from bench.models import language


def test_the_recipe_with_the_sizes_of_a_network():
    args = language.options("nano")
    assert (args.layers, args.heads, args.width, args.context, args.batch_size) == (4, 4, 128, 64, 12)
    assert language.options("tiny").width == 8


def test_a_text_of_many_characters():
    tokens = language.text(5000)
    assert np.array_equal(tokens, language.text(5000))
    assert len(np.unique(tokens)) > 40
    assert 0 <= tokens.min() <= tokens.max() < language.TOKENS


def test_seconds_of_a_step_and_of_a_token():
    ours = language.Nnmat()
    assert ours.variants("tiny", 2) == [{"threads": 2}]
    train = ours.trainer("tiny", 4)
    assert 0 < train(1e-6) < 1
    assert 0 < train(10.0 * language.EPOCHS * language.STEPS * train(1e-6)) < 1
    assert 0 < ours.writer("tiny")() < 1


def test_its_steps_run_as_a_program():
    from train_transformer import optimizer_for

    model = language.Nnmat().model("tiny")
    trainer = nnmat.Trainer(
        model, nnmat.SoftmaxCrossEntropy(), optimizer_for(model, language.options("tiny"))
    )  # fmt: skip
    trainer.fit(nnmat.datasets.RandomWindows(language.text(500), 6, 4, 40), epochs=1, progress=False)
    assert trainer.program is not None
