"""A figure of the epochs that is compared with the best so far."""

import difflib
import math
from collections.abc import Iterable

from ...checks import number
from ...errors import ConfigError
from .states import is_number

# How figures begin elsewhere, and what some are called, and our words for it.
_BEGINNINGS = {"val_": "validation_", "test_": "validation_", "eval_": "validation_", "train_": "", "training_": ""}
_NAMES = {"acc": "accuracy", "lr": "learning_rate"}


class Monitor:
    """Whether a quantity of the epoch's figures is better than ever before. NaN is never better."""

    def __init__(self, who: str, quantity: str, mode: str, min_delta: float = 0.0):
        if mode not in ("auto", "min", "max"):
            raise ConfigError(f"{who}: expected mode 'auto', 'min' or 'max', got {mode!r}.")
        if not isinstance(quantity, str):
            raise ConfigError(f"{who}: expected monitor as the name of a figure, got {quantity!r}. Try 'loss'.")
        rising = mode == "max" or (mode == "auto" and any(w in quantity for w in ("accuracy", "top_")))
        self.who, self.quantity, self.mode = who, quantity, mode
        self.min_delta = number(who, "min_delta", min_delta, 0.0)
        self.sign = 1.0 if rising else -1.0
        self.reset()

    def begin(self, trainer) -> None:
        """Start with a run that will have the quantity, as far as that can be known before its first epoch."""
        if self.quantity.startswith("validation_") and not trainer.validating:
            raise ConfigError(
                f"{self.who}: expected fit(..., validation=...) to monitor {self.quantity!r}, got no validation data. "
                f"Pass some, or try monitor={self.quantity.removeprefix('validation_')!r}."
            )
        if trainer.figures and self.quantity not in trainer.figures:
            raise ConfigError(self._unknown(trainer.figures))
        self.reset()

    def _unknown(self, figures: Iterable[str]) -> str:
        """What is wrong with a quantity that is none of the figures, and what to write."""
        names, meant = list(figures), self.quantity
        for other, ours in _BEGINNINGS.items():
            if self.quantity.startswith(other):
                meant = ours + self.quantity.removeprefix(other)
        beginning, _, last = meant.rpartition("_")
        meant = f"{beginning}_{_NAMES.get(last, last)}" if beginning else _NAMES.get(last, last)
        near = difflib.get_close_matches(meant, names, 1)
        if near:
            hint = f"Write monitor={near[0]!r}."
        elif meant.startswith("validation_"):
            hint = f"Pass fit(..., validation=...) for {meant!r}."
        else:
            hint = f"Figures beside the loss are metrics: Trainer(..., metrics=[{meant!r}])."
        return f"{self.who}: there is no figure {self.quantity!r} to monitor. This run has: {', '.join(names)}. {hint}"

    def reset(self) -> None:
        """Forget what was seen."""
        self.best = -math.inf  # of sign * quantity

    def improved(self, figures: dict[str, float]) -> bool:
        """Compare the epoch's figure with the best so far, and remember the better."""
        if self.quantity not in figures:
            raise ConfigError(self._unknown(figures))
        value = self.sign * figures[self.quantity]
        if value > self.best + (self.min_delta if math.isfinite(self.best) else 0.0):
            self.best = value
            return True
        return False

    def config(self) -> dict:
        """The options beside `min_delta`."""
        return {"monitor": self.quantity, "mode": self.mode}

    def rule(self, state: dict) -> tuple[bool, str]:
        """Whether `best` in a state can be what a monitor has seen."""
        return is_number(state.get("best")) and not math.isnan(state["best"]), "a number"
