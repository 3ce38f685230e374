"""The training of a GAN: its steps against the equations written out, files, what callbacks see, what is refused."""

import os
import re
import signal

import numpy as np
import pytest

import nnmat
from nnmat import Adam, AdversarialLoss, BatchNorm1d, Dropout, LeakyReLU, Linear, ReLU, Sequential, Tanh
from nnmat.adversarial.trainer import Adversarial
from nnmat.formats.npz import read_archive, write_archive

DATA = np.tanh(np.random.default_rng(5).standard_normal((44, 5))).astype(np.float32)


def gan(kind="non_saturating", dtype=np.float32, seed=0, **options) -> Adversarial:
    G = Sequential(
        [Linear(3, 8), BatchNorm1d(), ReLU(), Dropout(0.1), Linear(8, 5), Tanh()],
        input_shape=(3,),
        seed=seed,
        dtype=dtype,
    )
    layers = [Linear(5, 8), BatchNorm1d(), LeakyReLU(0.2), Linear(8, 1)]
    D = Sequential(layers, input_shape=(5,), seed=seed + 1, dtype=dtype)
    return Adversarial(G, D, AdversarialLoss(kind), Adam(G, lr=0.01), Adam(D, lr=0.02), **options)


def bits(own: Adversarial) -> dict[str, bytes]:
    found = {}
    for name, model in own.held().models.items():
        found[name] = model.flat_parameters.tobytes()
        found |= {f"{name} {key}": A.tobytes() for key, A in model.buffers().items()}
    for name, optimizer in own.held().optimizers.items():
        found |= {f"{name} {key}": np.asarray(value).tobytes() for key, value in optimizer.state_vectors().items()}
    return found


def fit(own: Adversarial, epochs=5, **options):
    return own.fit(DATA, epochs, **{"batch_size": 4, "seed": 3, "progress": False, **options})


def by_hand(own: Adversarial, epochs: int, B=4, seed=3) -> list[tuple[float, float]]:
    """Section 3.7 of the equations, line by line: the means of each epoch."""
    G, D, loss = own.generator, own.discriminator, own.loss
    order, noise = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    found = []
    for _ in range(epochs):
        rows, values = order.permutation(len(DATA)), []
        for first in range(0, len(DATA), B):
            real = DATA[rows[first : first + B]]
            fake = G.forward(noise.standard_normal((len(real), 3), np.float32), training=True)
            d = loss.discriminator_real.forward(D.forward(real, training=True))
            D.backward(loss.discriminator_real.backward())
            d += loss.discriminator_fake.forward(D.forward(fake, training=True))
            D.backward(loss.discriminator_fake.backward(), accumulate=True)
            own.discriminator_optimizer.step()
            before = D.flat_parameters.copy()
            fake = G.forward(noise.standard_normal((len(real), 3), np.float32), training=True)
            g = loss.generator.forward(D.forward(fake, training=True))
            G.backward(D.backward(loss.generator.backward(), parameters=False))
            own.generator_optimizer.step()
            assert (D.flat_parameters == before).all()
            values.append((d, g))
        found.append(np.mean(values, 0))
    return found


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("kind", ["non_saturating", "least_squares", "hinge"])
def test_a_run_is_the_equations_written_out(kind, compiled):
    own, other = gan(kind, compiled=compiled), gan(kind)
    history = fit(own)
    means = by_hand(other, 5)
    assert bits(own) == bits(other)
    np.testing.assert_allclose(np.stack([history["discriminator_loss"], history["generator_loss"]], 1), means)
    assert history["epoch"] == [1, 2, 3, 4, 5]
    assert len(history["seconds"]) == 5


def test_both_steps_run_as_programs():
    own = gan(profile=True)
    fit(own)
    if own._discriminate.compiles and "NUMBA_DISABLE_JIT" not in os.environ:
        shown = {name: str(listing) for name, listing in own.program.items()}
        assert "Linear '3'" in shown["discriminator"]
        assert "Adam" in shown["generator"]
        assert "us a step" in shown["generator"]


@pytest.mark.parametrize("compiled", [True, False])
def test_a_run_stopped_within_an_epoch_goes_on_with_the_same_bits(tmp_path, compiled):
    class Leave(nnmat.Callback):
        def on_step_end(self, trainer, step, loss):
            if step == 26:
                trainer.request_checkpoint(tmp_path / "left.npz", now=True)

    whole = gan()
    history = fit(whole, callbacks=[Leave()])
    resumed = gan(seed=7, compiled=compiled)
    found = fit(resumed, callbacks=[Leave()], resume=tmp_path / "left.npz")
    assert bits(resumed) == bits(whole)
    for name in ("discriminator_loss", "generator_loss"):
        assert found[name] == history[name]
    made = nnmat.load(tmp_path / "left.npz")  # the generator
    assert made.output_shape((3,)) == (5,)


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_and_resume(tmp_path):
    class Press(nnmat.Callback):
        def on_step_end(self, trainer, step, loss):
            if step == 7 and self.presses:
                signal.raise_signal(signal.SIGINT)

    press, whole = Press(), gan()
    press.presses = False
    fit(whole, callbacks=[press])
    press.presses, own = True, gan()
    with pytest.raises(nnmat.TrainingInterrupted, match=r"after 0 full epochs and 7 batches \(step 7\)") as stopped:
        fit(own, callbacks=[press], checkpoint=tmp_path / "c.npz")
    press.presses, other = False, gan(seed=5)
    fit(other, callbacks=[press], resume=stopped.value.checkpoint)
    assert bits(other) == bits(whole)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_does_not_change_a_bit(threads):
    before = nnmat.get_num_threads()
    try:
        nnmat.set_num_threads(min(threads, before))
        own = gan()
        fit(own, 2)
    finally:
        nnmat.set_num_threads(before)
    other = gan()
    fit(other, 2)
    assert bits(own) == bits(other)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    fit(gan(), 1, callbacks=[nnmat.Checkpoint(tmp_path / "c.npz", keep="last")])
    callbacks = [nnmat.Checkpoint(tmp_path / "d.npz", keep="last")]
    with pytest.raises(nnmat.StateError, match="loss = .*non_saturating.*hinge"):
        fit(gan("hinge"), 1, callbacks=callbacks, resume=tmp_path / "c.npz")
    with pytest.raises(nnmat.StateError, match="clipped weights = None, this run has 0.1"):
        fit(gan(clip_weights=0.1), 1, callbacks=callbacks, resume=tmp_path / "c.npz")
    own = gan()
    before = bits(own)
    with pytest.raises(nnmat.StateError, match="checksum of the training data"):
        own.fit(DATA + 1, 1, batch_size=4, seed=3, callbacks=callbacks, resume=tmp_path / "c.npz", progress=False)
    assert bits(own) == before


def test_weights_are_clipped_after_each_step_of_the_discriminator():
    own = gan("wasserstein", clip_weights=0.05, discriminator_steps=3)
    history = fit(own, 2)
    assert np.abs(own.discriminator.flat_parameters).max() <= np.float32(0.05)
    assert np.abs(own.generator.flat_parameters).max() > 0.05
    assert own.discriminator_optimizer.steps == 22  # 11 batches in an epoch
    assert own.generator_optimizer.steps == 8
    assert len(history["generator_loss"]) == 2


@pytest.mark.parametrize(
    "train",
    [
        nnmat.datasets.Dataset(DATA, np.zeros(44, np.int64)),
        (DATA, None),
        DATA.astype(np.float64),
        nnmat.datasets.ArrayBatches(DATA, np.zeros(44), 4),
    ],
)
def test_forms_of_data(train):
    own, other = gan(), gan()
    fit(own, 1, batch_size=None if isinstance(train, nnmat.datasets.ArrayBatches) else 4)
    own = gan()
    size = {} if isinstance(train, nnmat.datasets.ArrayBatches) else {"batch_size": 4}
    own.fit(train, 1, seed=3, progress=False, **size)
    fit(other, 1)
    assert bits(own) == bits(other)


def test_a_budget_of_steps_and_a_stop():
    class Stop(nnmat.Callback):
        def on_step_end(self, trainer, step, loss):
            trainer.stop = step == 3

    own = gan()
    history = fit(own, None, steps=13)
    assert (own.generator_optimizer.steps, history["epoch"]) == (13, [1, 2])
    own = gan()
    history = fit(own, 4, callbacks=[Stop()])
    assert (own.generator_optimizer.steps, history["epoch"]) == (3, [1])


def test_samples_are_those_of_the_evaluation_and_change_nothing():
    own = gan()
    fit(own, 1)
    before = bits(own)
    made = own.samples(7, seed=2)
    assert made.shape == (7, 5)
    assert made.dtype == np.float32
    noise = np.random.default_rng(2).standard_normal((7, 3), dtype=np.float32)
    np.testing.assert_array_equal(made, own.generator.forward(noise))
    assert bits(own) == before


def test_callbacks_keep_the_generator(tmp_path):
    own = gan()
    best = nnmat.Checkpoint(tmp_path / "best.npz", monitor="generator_loss")
    fit(own, 2, callbacks=[best, nnmat.Log(tmp_path / "log.csv")])
    assert nnmat.load(tmp_path / "best.npz").input_shape == (3,)
    header, *lines = (tmp_path / "log.csv").read_text().splitlines()
    assert header == "epoch,discriminator_loss,generator_loss,seconds"
    assert len(lines) == 2


def test_a_loss_that_is_not_finite_names_the_player():
    own = gan()
    own.generator[0].weight.value[...] = np.nan
    with pytest.raises(nnmat.NonFiniteError, match=r"loss of the discriminator became nan in epoch 1, step 1"):
        fit(own, 1)


def test_parameters_that_are_not_finite_are_found_at_the_end_of_an_epoch():
    class Break(nnmat.Callback):
        def on_step_end(self, trainer, step, loss):
            if step == 11:
                trainer.discriminator[3].bias.value[...] = np.inf

    with pytest.raises(nnmat.NonFiniteError, match=r"parameter '3\.bias' of the discriminator inf"):
        fit(gan(), 1, callbacks=[Break()])


def parts(**other):
    own = gan()
    found = {
        "generator": own.generator,
        "discriminator": own.discriminator,
        "loss": own.loss,
        "generator_optimizer": own.generator_optimizer,
        "discriminator_optimizer": own.discriminator_optimizer,
    }
    return found | other


def small(*layers, shape=(5,), **options):
    return Sequential(list(layers), input_shape=shape, **options)


@pytest.mark.parametrize(
    ("other", "error", "text"),
    [
        (
            {"loss": nnmat.SigmoidBinaryCrossEntropy()},
            nnmat.ConfigError,
            "expected loss to be of class Adversarial",
        ),
        ({"generator": None}, nnmat.ConfigError, "expected generator to be of class Layer"),
        ({"generator": small(Linear(5, 4))}, nnmat.ConfigError, "the generator's optimizer updates another model"),
        ({"discriminator_steps": 0}, nnmat.ConfigError, "discriminator_steps as an integer >= 1"),
        ({"clip_weights": -1.0}, nnmat.ConfigError, "clip_weights as a finite number > 0"),
        ({"compiled": 3}, nnmat.ConfigError, "compiled"),
    ],
)
def test_parts_that_do_not_belong_together(other, error, text):
    with pytest.raises(error, match=re.escape(text)):
        Adversarial(**parts(**other))


@pytest.mark.parametrize(
    ("D", "text"),
    [
        (
            small(Linear(4, 1), shape=(4,)),
            r"the generator makes, float32 \(B, 5\), got one for float32 \(B, 4\)",
        ),
        (small(Linear(5, 1), dtype=np.float64), "got one for float64"),
    ],
)
def test_a_discriminator_of_something_else(D, text):
    with pytest.raises(nnmat.ShapeError, match=text):
        Adversarial(**parts(discriminator=D, discriminator_optimizer=Adam(D)))


def test_models_that_cannot_play():
    G = small(Linear(5, 5))
    optimizer = Adam(G)
    with pytest.raises(nnmat.ConfigError, match="are one model"):
        Adversarial(G, G, AdversarialLoss(), optimizer, optimizer)
    D = small(nnmat.Embedding(4, 3), shape=(5,))
    with pytest.raises(nnmat.ShapeError, match="with one input of numbers"):
        Adversarial(**parts(discriminator=D, discriminator_optimizer=Adam(D)))
    D = small(Linear(5, 1))
    with pytest.raises(nnmat.ConfigError, match="whose steps need one gradient"):
        Adversarial(**parts(discriminator=D, discriminator_optimizer=nnmat.LBFGS(D)))
    D = small(Linear(5, 1), nnmat.Sigmoid())
    with pytest.warns(UserWarning, match="ends in Sigmoid '1', and the loss takes logits"):
        Adversarial(**parts(discriminator=D, discriminator_optimizer=Adam(D)))


def test_data_that_cannot_be_trained_on():
    with pytest.raises(nnmat.ShapeError, match=r"takes X of shape \(n, 5\), got \(44, 4\)"):
        gan().fit(DATA[:, :4], 1, progress=False)
    with pytest.raises(nnmat.DataError, match="the last batch of an epoch would hold 1 of the 41 samples"):
        gan().fit(DATA[:41], 1, batch_size=4, progress=False)
    with pytest.raises(nnmat.DataError, match="X holds nan at index"):
        gan().fit(np.where(np.eye(5, dtype=bool), np.float32(np.nan), np.float32(0)), 1, progress=False)
    with pytest.raises(nnmat.ConfigError, match="either epochs or steps"):
        gan().fit(DATA, progress=False)


def spoil_model(header, arrays):
    del header["models"]["discriminator"]


def spoil_array(header, arrays):
    del arrays["model/discriminator/parameter/0.weight"]


def spoil_noise(header, arrays):
    header["training"]["generators"]["noise"]["state"] = 3


def spoil_generators(header, arrays):
    del header["training"]["generators"]


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (spoil_model, "expected the model 'discriminator' as a dict, got None"),
        (spoil_array, "differing entries: parameter/0.weight"),
        (spoil_noise, "expected the states of the generators noise of NumPy's PCG64"),
        (spoil_generators, "expected generators as a dict, got None"),
    ],
)
def test_a_damaged_checkpoint_changes_nothing(spoil, text, tmp_path):
    callbacks = [nnmat.Checkpoint(tmp_path / "c.npz", keep="last")]
    fit(gan(), 1, callbacks=callbacks)
    header, arrays = read_archive(tmp_path / "c.npz")
    spoil(header, arrays)
    write_archive(tmp_path / "d.npz", header, arrays)
    own = gan(seed=9)
    before = bits(own)
    with pytest.raises(nnmat.FileFormatError, match=re.escape(text)):
        fit(own, 2, callbacks=callbacks, resume=tmp_path / "d.npz")
    assert bits(own) == before


def test_a_notebook_shows_both_players():
    own = gan()
    shown = own._repr_html_()
    assert shown.startswith("<table>")
    assert shown.index(own.generator._repr_html_()) < shown.index(own.discriminator._repr_html_())
    assert "AdversarialLoss(" in shown
