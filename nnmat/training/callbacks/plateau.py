"""A learning rate that falls when nothing gets better any more."""

from collections.abc import Callable

from ...checks import count, fraction, number, positive
from ...errors import ConfigError
from ...schedules import Constant, Scaled, Schedule, schedule_config, schedule_from_config
from .base import Callback
from .monitor import Monitor
from .states import is_count


class LearningRateOnPlateau(Callback):
    """Multiply the learning rate by `factor` when a quantity has not improved for `patience` epochs in a row.

    `monitor`, `mode`, `min_delta`: those of `EarlyStopping`. For `cooldown` epochs after that no epoch counts as one
    without improvement. `min_lr`: the rate does not fall below it. A schedule stays what it is, multiplied by all the
    factors so far. The rate that a run ends with is the optimizer's from then on.

    Raises ConfigError before the first step for a rate that is a function of one's own: no file could hold it.
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        factor: float = 0.1,
        patience: int = 3,
        min_delta: float = 0.0,
        mode: str = "auto",
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        who = "LearningRateOnPlateau"
        self.monitor = Monitor(who, monitor, mode, min_delta)
        self.factor = fraction(who, "factor", positive(who, "factor", factor), hint="Try 0.1.")
        self.patience = count(who, "patience", patience)
        self.cooldown = count(who, "cooldown", cooldown, least=0)
        self.min_lr = number(who, "min_lr", min_lr, 0.0)
        self.waited = self.resting = 0

    def on_train_begin(self, trainer):
        self.monitor.begin(trainer)
        self.waited = self.resting = 0
        for optimizer in trainer.held().optimizers.values():
            config = schedule_config(optimizer.schedule)
            if schedule_from_config(config) is None:
                raise ConfigError(
                    "LearningRateOnPlateau: expected a learning rate that is a number or a schedule of "
                    f"nnmat.schedules, got the function {config.get('name', config)!r}: a checkpoint could not hold "
                    "its multiples. Multiply within the function, or take a schedule."
                )

    def on_epoch_end(self, trainer, epoch, figures):
        resting = self.resting > 0
        self.resting -= resting
        if self.monitor.improved(figures) or resting:
            self.waited = 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            self.waited, self.resting = 0, self.cooldown
            for optimizer in trainer.held().optimizers.values():
                optimizer.lr = self._reduced(optimizer.schedule)

    def _reduced(self, schedule: Callable[[int], float]) -> Schedule:
        if isinstance(schedule, Constant):
            return Constant(min(schedule.lr, max(self.min_lr, self.factor * schedule.lr)))
        if isinstance(schedule, Scaled) and schedule.least == self.min_lr:
            return Scaled(schedule.then, self.factor * schedule.factor, self.min_lr)
        return Scaled(schedule, self.factor, self.min_lr)

    def config(self):
        more = {"factor": self.factor, "patience": self.patience, "min_delta": self.monitor.min_delta}
        return self.monitor.config() | more | {"cooldown": self.cooldown, "min_lr": self.min_lr}

    def state(self):
        return {"waited": self.waited, "resting": self.resting, "best": self.monitor.best}

    def load_state(self, state):
        self.waited, self.resting, self.monitor.best = state["waited"], state["resting"], state["best"]

    def state_rules(self, state, model):
        counts = {name: (is_count(state.get(name)), "an integer >= 0") for name in ("waited", "resting")}
        return {"best": self.monitor.rule(state), **counts}
