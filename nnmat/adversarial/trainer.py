"""The training of a generative adversarial network."""

import itertools
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nnmat_kernels.programs.html import html_table
from nnmat_kernels.programs.listing import Listing
from nnmat_kernels.runtime.arrays import canonical
from nnmat_kernels.runtime.compiling import working_time

from .. import metrics as _metrics
from ..checks import count, flag, positive
from ..datasets import ArrayBatches, BatchSource
from ..errors import ConfigError, NonFiniteError, ShapeError
from ..layers import Layer, Sequential, Sigmoid
from ..layers.checks import batch_shape
from ..losses import AdversarialLoss
from ..optimizers import Optimizer
from ..training.callbacks.base import Callback
from ..training.checkpoint import INTERRUPTED, Held, interrupt_path
from ..training.data import batch_source, batches, cast_batch, check_last_batch, several_inputs
from ..training.evaluation import predict
from ..training.interruption import Interruption
from ..training.loop import Loop, budget, check_callbacks
from ..training.nonfinite import REMEDY, position
from ..training.reporting.display import Display, advance
from ..training.reporting.history import History
from ..training.run import Run
from ..training.steps import WORTH
from .steps import PlayerStep, clip_weights, discriminator_equations, generator_equations

FIGURES = ["discriminator_loss", "generator_loss", "seconds"]


class Adversarial(Loop):
    """Trains a generator G and a discriminator D against each other, in turn.

        for X_r in batches:
            D:  X_f = G(Z);  gθ_D = D.vjp(X_r; g_r) + D.vjp(X_f; g_f);  θ_D ← optimizer(θ_D, gθ_D)
            G:  X_f = G(Z);  gX_f = D.vjp(X_f; g) with θ_D frozen;  gθ_G = G.vjp(Z; gX_f);  θ_G ← optimizer(θ_G, gθ_G)

    with noise Z (B, ...) of G's input shape, standard normal and drawn anew for each half. The gradients g_r, g_f, g at
    D's scores are those of `loss`. Real and made samples go through D in forwards of their own, so a BatchNorm in D
    sees them apart, and its running figures move with every one of them.

    `discriminator_steps`: steps of D, each on a batch of its own, before each step of G. `clip_weights`: c, for a
    Wasserstein loss: after its step every parameter of D is put back into [-c, c].
    `compiled`: both steps run as programs, with the same bits as by hand; after a run `program` shows them, and with
    `profile` the time of each part.

    Shapes: G maps (B, ...) to the samples' (B, ...), D maps these to scores (B, ...), usually (B, 1), without a Sigmoid
        behind: losses take logits; float32 or float64, both models the same.
    Errors: ConfigError, ShapeError (parts that do not belong together).
    Reference: docs/equations.md, section 4.4; I. Goodfellow et al., "Generative adversarial nets", 2014.
    """

    def __init__(
        self,
        generator: Layer,
        discriminator: Layer,
        loss: AdversarialLoss,
        generator_optimizer: Optimizer,
        discriminator_optimizer: Optimizer,
        *,
        discriminator_steps: int = 1,
        clip_weights: float | None = None,
        compiled: bool = True,
        profile: bool = False,
    ):
        super().__init__()
        _check_parts(generator, discriminator, loss, generator_optimizer, discriminator_optimizer)
        self.generator, self.discriminator, self.loss = generator, discriminator, loss
        self.generator_optimizer, self.discriminator_optimizer = generator_optimizer, discriminator_optimizer
        self.discriminator_steps = count("Adversarial", "discriminator_steps", discriminator_steps)
        self.clip_weights = None if clip_weights is None else positive("Adversarial", "clip_weights", clip_weights)
        self.compiled = flag("Adversarial", "compiled", compiled)
        profile = flag("Adversarial", "profile", profile)
        G, D = generator, discriminator
        self._discriminate = PlayerStep(discriminator_equations(G, D, loss, discriminator_optimizer), profile)
        self._generate = PlayerStep(generator_equations(G, D, loss, generator_optimizer), profile)
        self._noise = np.random.default_rng(0)  # of the run
        self._said = False  # whether a run was told why its steps run by hand

    @property
    def model(self) -> Layer:  # type: ignore[override]
        """The generator: what callbacks that keep a model keep, and what `nnmat.load` reads out of a checkpoint."""
        return self.generator

    def fit(
        self,
        train,
        epochs: int | None = None,
        *,
        steps: int | None = None,
        batch_size: int | None = None,
        callbacks: Sequence[Callback] = (),
        seed: int = 0,
        progress: bool | str | None = True,
        checkpoint: str | os.PathLike | None = INTERRUPTED,
        resume: str | os.PathLike | None = None,
    ) -> History:
        """Train for a number of epochs or of steps; returns the history, one entry per epoch of each figure.

        `train`: samples X (n, ...), or a `Dataset`, arrays (X, y) or a batch source, whose targets are not looked at.
        A step is one of the generator, with those of the discriminator before it; callbacks are told of each, with the
        generator's loss. `seed`: of the order of the samples and of the noise. The other arguments are those of
        `Trainer.fit`. A run resumed from a checkpoint ends with the same bits as one that was never stopped.

        The history has `epoch`, `discriminator_loss` (on real samples and on made ones, the sum), `generator_loss`
        (means over the epoch, before each update) and `seconds`.
        Raises ConfigError, DataError, ShapeError before the first step; NonFiniteError, naming epoch, step and player;
        TrainingInterrupted after Ctrl-C or SIGTERM.
        """
        display = Display("fit", progress)
        source = self._source(train, batch_size, display.bars)
        limits, path = budget(epochs, steps), interrupt_path(checkpoint)
        seed = count("fit", "seed", seed, least=0)
        check_callbacks(callbacks)
        self._noise = np.random.default_rng([seed, 1])  # another stream than that of the order
        run = Run(self, source, None, callbacks, limits, seed)
        return self._train(run, display, FIGURES, checkpoint, path, resume)

    def samples(self, n: int, seed: int = 0, batch_size: int = 256) -> np.ndarray:
        """What the generator makes, in evaluation mode, of n draws of noise: (n, ...)."""
        n = count("samples", "n", n)
        rng = np.random.default_rng(count("samples", "seed", seed, least=0))
        return predict("samples", self.generator, _noise_of(self.generator, n, rng), batch_size, progress=False)

    def _repr_html_(self) -> str:
        players = {
            "generator": (self.generator, self.generator_optimizer),
            "discriminator": (self.discriminator, self.discriminator_optimizer),
        }
        rows = [["loss", repr(self.loss)], *([f"optimizer of the {name}", repr(o)] for name, (_, o) in players.items())]
        parts = [f"<p>{name}</p>\n{model._repr_html_()}" for name, (model, _) in players.items()]
        return "\n".join([html_table(["Adversarial", ""], rows, left=2), *parts])

    @property
    def program(self) -> dict[str, Listing | None]:
        """What the programs of the last run do, operation by operation; None for steps that did not run as one."""
        return {"discriminator": self._discriminate.listing, "generator": self._generate.listing}

    def held(self) -> Held:
        return Held(
            {"generator": self.generator, "discriminator": self.discriminator},
            {"optimizer/generator": self.generator_optimizer, "optimizer/discriminator": self.discriminator_optimizer},
            {"noise": self._noise},
        )

    def inputs(self) -> Iterator[np.ndarray]:
        """Noise for the generator, in batches as large as those of the samples; the run does not change."""
        rng = np.random.default_rng(0)
        for X, *_ in self._drawn_anew(self.discriminator):
            yield _noise_of(self.generator, len(X), rng)

    def settings(self) -> dict:
        return {
            "generator": repr(self.generator),
            "discriminator": repr(self.discriminator),
            "loss": repr(self.loss),
            "optimizer of the generator": self.generator_optimizer.config(),
            "optimizer of the discriminator": self.discriminator_optimizer.config(),
            "steps of the discriminator": self.discriminator_steps,
            "clipped weights": self.clip_weights,
        }

    def _source(self, train, batch_size: int | None, bars: bool) -> BatchSource:
        data = train
        if not isinstance(train, BatchSource):
            X = train[0] if isinstance(train, tuple) and train else getattr(train, "X", train)
            data = (X, np.zeros(np.shape(X)[:1], np.int8))
        source = batch_source("train", self.discriminator, _NoTargets(), data, batch_size, True, bars)
        if isinstance(source, ArrayBatches):
            check_last_batch(self.generator, source)
        return source

    def _epoch(self, run: Run, interruption: Interruption, display: Display) -> None:
        source, state, k = run.source, run.state, self.discriminator_steps
        started = working_time() - state.seconds
        self._discriminate.compiles = self._generate.compiles = self.compiled and run.steps_left() >= WORTH
        found = iter(batches("fit", self.discriminator, source, run.rng, start=state.batches))
        with display.bar(len(source), " batches", state.batches) as bar:
            bar.set_description(f"epoch {state.epoch + 1}")
            while not interruption.pressed and state.step < run.last_step:
                group = [self._real(*batch) for batch in itertools.islice(found, k)]
                if not group:
                    break
                value = self._step(group, state)
                state.batches += len(group)
                state.step += 1
                state.seconds = working_time() - started
                advance(bar, len(group))
                if display.bars:
                    bar.set_postfix(_metrics.means(state.sums), refresh=False)
                for callback in run.callbacks:
                    callback.on_step_end(self, state.step, value)
                if self.stop:
                    break
                self._write_due(run)

    def _step(self, group: list[np.ndarray], state) -> float:
        """The discriminator's steps on these batches, then one of the generator; the generator's loss."""
        for real in group:
            values = self._discriminate(real, _noise_of(self.generator, len(real), self._noise))
            self._add(state, "discriminator", sum(values), len(real))
            if self.clip_weights is not None:
                clip_weights(self.discriminator, self.clip_weights)
        B = len(group[-1])
        (value,) = self._generate(_noise_of(self.generator, B, self._noise))
        self._add(state, "generator", value, B)
        return value

    def _add(self, state, player: str, value: float, rows: int) -> None:
        if not math.isfinite(value):
            raise NonFiniteError(
                f"fit: the loss of the {player} became {value} in {position(state)}, and its parameters are of no use "
                f"any more. {REMEDY}"
            )
        _metrics.add(state.sums, f"{player}_loss", value, rows)

    def _real(self, X, y, *weight) -> np.ndarray:
        return canonical(cast_batch("fit", self.discriminator, X, y)[0])

    def _finish_epoch(self, run: Run, interruption: Interruption, display: Display) -> bool:
        reason = self._discriminate.why_not() or self._generate.why_not()
        if reason and not self._said:
            self._said = True
            display.note(f"fit: steps run by hand, not as programs: {reason}.")
        means = _metrics.means(run.state.sums)
        self._record(run, display, {name: means[name] for name in FIGURES[:-1]} | {"seconds": run.state.seconds})
        return True

    def _end_run(self) -> None:
        self._discriminate.end_run()
        self._generate.end_run()


class _NoTargets:
    """In the place of a loss where data is looked at: a discriminator has no targets."""

    def check_targets(self, y, output_shape) -> None:
        """Nothing is wrong with what is not read."""


def _noise_of(generator: Layer, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((n, *generator.input_shape), dtype=generator.dtype.type)


def _check_parts(G: Any, D: Any, loss: Any, of_G: Any, of_D: Any) -> None:
    """Raise for parts that do not belong together."""
    who = "Adversarial"
    for name, value, kind in (
        ("generator", G, Layer),
        ("discriminator", D, Layer),
        ("loss", loss, AdversarialLoss),
        ("generator_optimizer", of_G, Optimizer),
        ("discriminator_optimizer", of_D, Optimizer),
    ):
        if not isinstance(value, kind):
            raise ConfigError(
                f"{who}: expected {name} to be of class {kind.__name__}, got {value!r}. The order is Adversarial("
                "generator, discriminator, loss, generator_optimizer, discriminator_optimizer)."
            )
    for name, model, optimizer in (("generator", G, of_G), ("discriminator", D, of_D)):
        if not model.built:
            raise ConfigError(f"{who}: the {name} is not built yet. Give Sequential(..., input_shape=...).")
        if optimizer.model is not model:
            raise ConfigError(f"{who}: the {name}'s optimizer updates another model. Make it from the {name}.")
        if optimizer.instead_of_step:
            raise ConfigError(
                f"{who}: expected an optimizer whose steps need one gradient, got {type(optimizer).__name__}. "
                f"{optimizer.instead_of_step}"
            )
        if several_inputs(model) or model.input_dtype is not model.dtype:
            raise ShapeError(f"{who}: expected a {name} with one input of numbers, got one for {model.input_shape}.")
    if G is D:
        raise ConfigError(f"{who}: the generator and the discriminator are one model. Build two.")
    made = G.output_shape(G.input_shape)
    if made != D.input_shape or G.dtype != D.dtype:
        raise ShapeError(
            f"{who}: expected a discriminator for what the generator makes, {G.dtype} {batch_shape(made)}, got one for "
            f"{D.dtype} {batch_shape(D.input_shape)}. Change the generator's last layer or the discriminator's shape."
        )
    last = D
    while isinstance(last, Sequential):
        last = last[-1]
    if isinstance(last, Sigmoid) and loss.kind in ("minimax", "non_saturating"):
        warnings.warn(
            f"{who}: the discriminator ends in {last.who}, and the loss takes logits: it applies its own sigmoid, so "
            "training goes through two. Leave the last layer out.",
            UserWarning,
            stacklevel=3,
        )
