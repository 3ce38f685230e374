"""The form of a callback.

A callback is a class with any of these methods; `trainer.stop = True` ends training after the present step:

    class PrintEachEpoch(Callback):
        def on_epoch_end(self, trainer, epoch, figures):
            print(epoch, figures["loss"])

`state` and `load_state` make a callback part of a checkpoint, so that a resumed run goes on as if never stopped;
`config` names the options that the resumed run must have too.
"""

from collections.abc import Iterable

import numpy as np

from ...errors import ConfigError
from ...habits import check_arguments
from .states import Rules


class Callback:
    """Does nothing; override what is needed."""

    adds_figures = False  # of nnmat's own: whether it puts figures into those of an epoch

    def __init_subclass__(cls, **arguments) -> None:
        super().__init_subclass__(**arguments)
        check_arguments(cls)

    def on_train_begin(self, trainer) -> None:
        """Before the first step, of a resumed run too; there it comes before `load_state`."""

    def on_step_end(self, trainer, step: int, loss: float) -> None:
        """After each optimizer step, or after those that `next_step` names; `step` counts from 1 over the whole run."""

    def next_step(self, step: int) -> int | str:
        """The next step after `step` that `on_step_end` must see: its number, or "last", that of the epoch or the run.

        Steps up to there may be made in one go. Without it every step is seen, if the class has an `on_step_end`.
        Others may be seen too, where something else wants to look.
        """
        own = getattr(self.on_step_end, "__func__", None) is not Callback.on_step_end
        return step + 1 if own else "last"

    def on_epoch_end(self, trainer, epoch: int, figures: dict[str, float]) -> None:
        """After each epoch (counted from 1), with its figures: loss, metrics, validation_..., seconds."""

    def on_train_end(self, trainer, history: dict[str, list]) -> None:
        """After the last epoch, also when stopped early; not after an interruption or an error."""

    def on_train_error(self, trainer, error: BaseException) -> None:
        """After an error or an interruption has ended the run, whose checkpoint, if any, is written by then.

        It may come before the first step, if the run cannot begin; but not before `on_train_begin`.

        What it raises itself becomes a note of that error.
        """

    @property
    def stopped(self) -> bool:
        """Whether the run is over for this callback: then it is for one resumed from its checkpoint, too."""
        return False

    def config(self) -> dict:
        """The options on which a run depends, as JSON-able values: a run with others may not be resumed."""
        return {}

    def state(self) -> dict:
        """What a checkpoint keeps: JSON-able values and arrays."""
        return {}

    def load_state(self, state: dict) -> None:
        """Take back what `state` gave."""

    def state_rules(self, state: dict, model) -> Rules:
        """What a state in a file must be to be that of such a callback, which has begun a run of `model`.

        Asked of nnmat's own classes only, not of those derived from them: these may keep something else.
        """
        return {}


def next_look(callbacks: Iterable[Callback], step: int) -> int | None:
    """The next step after `step` that some callback must see; None if the last of the epoch or the run will do.

    Raises ConfigError for a `next_step` that gives anything else than a later step or "last".
    """
    found = []
    for callback in callbacks:
        wanted = callback.next_step(step)
        if isinstance(wanted, str) and wanted == "last":
            continue
        if isinstance(wanted, bool) or not isinstance(wanted, int | np.integer) or wanted <= step:
            raise ConfigError(
                f"{type(callback).__name__}.next_step: expected a step after {step}, or 'last', got {wanted!r}. "
                "For every step return step + 1."
            )
        found.append(int(wanted))
    return min(found, default=None)


def next_multiple(step: int, every: int | None) -> int | str:
    """The first multiple of `every` after a step, for `next_step`; "last" if there is no such number."""
    return "last" if every is None else step - step % every + every
