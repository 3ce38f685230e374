"""What a run shows on stderr: a bar for the batches of an epoch, one for long evaluations, a line for each epoch."""

import importlib.util
import sys
import time
from typing import Any

import numpy as np

from nnmat_kernels.runtime.compiling import seconds

from ...errors import ConfigError

PATIENCE = 1.0  # seconds after which work that is usually short shows a bar
WAYS = (True, False, "bar", "lines")


class Display:
    """What `progress=...` asks for: True (bars and lines), "bar", "lines", or False (0, None)."""

    def __init__(self, who: str, progress: bool | str | None):
        if progress is None or (isinstance(progress, int | np.integer | np.bool_) and progress in (0, 1)):
            progress = bool(progress)
        if not isinstance(progress, bool | str) or progress not in WAYS:
            raise ConfigError(
                f"{who}: expected progress as True (bars and a line for each epoch), 'bar', 'lines' or False, "
                f"got {progress!r}."
            )
        self.bars, self.lines = progress in (True, "bar"), progress in (True, "lines")

    def bar(self, total: int, unit: str, done: int = 0) -> Any:
        """A bar for the batches of an epoch, which goes when it is done."""
        if not self.bars:
            return NoBar()
        return progress_bar(total=total, initial=done, unit=unit, unit_scale=True, mininterval=0.2, leave=False)

    def note(self, text: str) -> None:
        """A line, if anything is shown."""
        if self.bars or self.lines:
            line(text)

    def epoch(self, epoch: int, last_epoch: float, samples: int | None, figures: dict[str, float]) -> None:
        """One line with the epoch's figures."""
        if self.lines:
            line(epoch_line(epoch, last_epoch, samples, figures))


def bars() -> Any:
    """The class of tqdm's bars: widgets in a notebook that can show them, else text.

    `tqdm.auto` finds that out too, but takes 20 ms to import, for asyncio, and warns where there are no widgets.
    """
    notebook = "ipykernel" in sys.modules and importlib.util.find_spec("ipywidgets") is not None
    return importlib.import_module("tqdm.auto" if notebook else "tqdm").tqdm


class NoBar:
    """In the place of a bar that is not shown: a small model's epoch takes less time than a bar to be made."""

    disable = True

    def set_description(self, text: str) -> None:
        """Shows nothing."""

    def set_postfix(self, figures: dict[str, float], refresh: bool = True) -> None:
        """Shows nothing."""

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """Shows nothing."""

    def update(self, n: int) -> None:
        """Shows nothing."""

    def __enter__(self) -> "NoBar":
        return self

    def __exit__(self, *exception) -> None:
        pass


def progress_bar(**options) -> Any:
    """A bar of tqdm, which knows notebooks; imported when the first one is needed."""
    bar = bars()(**options)
    bar.compiled = seconds()
    return bar


def advance(bar: Any, n: int) -> None:
    """So much more is done. The bar's clock stands still while kernels are compiled: they count into no rate."""
    if bar.disable:
        return
    if (now := seconds()) > bar.compiled:
        bar.start_t += now - bar.compiled
        bar.last_print_t += now - bar.compiled
        bar.compiled = now
    bar.update(n)


def line(text: str) -> None:
    """A line on stderr that does not tear bars which a program shows there."""
    bars().write(text, file=sys.stderr)


def epoch_line(epoch: int, last_epoch: float, samples: int | None, figures: dict[str, float]) -> str:
    """Such as `epoch  3/10: loss 0.2512, accuracy 0.9234, validation_loss 0.2310 (2.1 s, 28,411 samples/s)`."""
    of = f"/{last_epoch:.0f}" if last_epoch < np.inf else ""
    time_taken = figures["seconds"]
    shown = [f"{name} {value:#.4g}" for name, value in figures.items() if name not in ("learning_rate", "seconds")]
    rate = f", {samples / time_taken:,.0f} samples/s" if samples and time_taken > 0 else ""
    return f"epoch {epoch:{len(of) - 1 if of else 1}}{of}: {', '.join(shown)} ({time_taken:.1f} s{rate})"


class LateBar:
    """A bar for work that is usually done at once: it appears after a second. Use it in a `with`."""

    def __init__(self, what: str, total: int, unit: str, shown: bool = True):
        self.what, self.total, self.unit = what, total, unit
        self.done = 0
        self._due = time.perf_counter() + PATIENCE if shown else np.inf
        self._bar: Any = None

    def update(self, n: int) -> None:
        """So much more is done."""
        self.done += n
        if self._bar is not None:
            advance(self._bar, n)
        elif time.perf_counter() > self._due:
            self._bar = progress_bar(
                desc=self.what, total=self.total, initial=self.done, unit=self.unit, unit_scale=True, leave=False
            )

    def __enter__(self) -> "LateBar":
        return self

    def __exit__(self, *exception) -> None:
        if self._bar is not None:
            self._bar.close()
