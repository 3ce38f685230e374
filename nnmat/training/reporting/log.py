"""A file that tells each epoch's figures, of an interrupted and resumed run as of one that was never stopped."""

import csv
import io
import os
import zlib

from ...checks import count
from ...errors import ConfigError
from ...formats.paths import as_path
from ..callbacks.base import Callback, next_multiple
from ..callbacks.states import is_count, is_number
from .history import check_folder, check_writable, json_text, warn_unwritten


class Log(Callback):
    """Append each epoch's figures to a file: one JSON object a line (`.jsonl`), or a table (`.csv`).

    JSON has no NaN and no infinity: they become null. A table that has other columns is not written to. A checkpoint
    holds how much of the file was there: a run resumed from it takes back the lines written since, so that each epoch
    stands there once and in order. If the file is another one by then (moved, edited), nothing is taken back.

    That the file can be written is checked before the first step. If a line cannot be written later (a full disk), a
    RuntimeWarning says so, and it is written after one of the next epochs.
    """

    _endings: tuple[str, ...] = (".jsonl", ".csv")

    def __init__(self, path: str | os.PathLike):
        self.path = as_path(who := type(self).__name__, path)
        if self.path.suffix not in self._endings:
            raise ConfigError(
                f"{who}: expected a file name that ends in {' or '.join(self._endings)}, got {str(self.path)!r}."
            )
        check_folder(who, self.path)
        self._waiting: list[dict] = []  # rows that could not be written yet
        self._position: dict | None = None  # of the resumed run, until the lines written since are taken back

    def on_train_begin(self, trainer):
        check_writable(type(self).__name__, self.path, appended=True)
        self._waiting, self._position = [], None
        columns = self._columns(trainer)
        if columns and self.path.suffix == ".csv" and self.path.exists():
            with open(self.path, "rb") as file:
                self._check_header(file.readline(), columns)

    def _columns(self, trainer) -> list[str]:
        """The names of what stands in a row, if they are known before the first one."""
        return ["epoch", *trainer.figures] if trainer.figures else []

    def on_epoch_end(self, trainer, epoch, figures):
        self._waiting.append({"epoch": epoch, **figures})
        self._write(f"the line of epoch {epoch}")

    def _write(self, what: str) -> None:
        """Append the waiting rows to the file; if that fails they wait on."""
        try:
            self._take_back()
            if not self._waiting:
                return
            with open(self.path, "ab+") as file:
                size = file.seek(0, os.SEEK_END)
                text = self._text(file)
                try:
                    file.write(text)
                    file.flush()
                except OSError:
                    os.truncate(self.path, size)  # no half line
                    raise
            self._waiting = []
        except OSError as error:
            warn_unwritten(type(self).__name__, f"{what} in {self.path}", error)

    def on_train_end(self, trainer, history):
        self._take_back()

    def _text(self, file) -> bytes:
        """The waiting rows as they are to be appended to the file."""
        file.seek(0)
        header = file.readline()
        file.seek(max(file.seek(0, os.SEEK_END) - 1, 0))
        start = "" if file.read() in (b"\n", b"") else "\n"  # a line that a killed process left unfinished
        if self.path.suffix == ".jsonl":
            return (start + "".join(json_text(row) + "\n" for row in self._waiting)).encode()
        table = io.StringIO()
        columns = list(self._waiting[0])
        writer = csv.DictWriter(table, columns)
        if not self._check_header(header, columns):
            writer.writeheader()
        writer.writerows(self._waiting)
        return (start + table.getvalue()).encode()

    def _check_header(self, line: bytes, columns: list[str]) -> bool:
        """Whether a table that begins with this line has a header; it must be of these columns."""
        header = next(csv.reader(io.StringIO(line.decode("utf-8", "replace"))), None)
        if header is not None and header != columns:
            raise ConfigError(
                f"{type(self).__name__}: {self.path} has the columns {', '.join(header)}, this run "
                f"{', '.join(columns)}. Log to another file."
            )
        return header is not None

    def _take_back(self) -> None:
        """Remove what was written after the checkpoint that the run was resumed from."""
        position, self._position = self._position, None
        if position and _start_of(self.path, position["size"]) == position["checksum"]:
            os.truncate(self.path, position["size"])

    def state(self):
        if self._position is not None:
            return self._position
        size = self.path.stat().st_size if self.path.exists() else 0
        return {"size": size, "checksum": _start_of(self.path, size)}

    def load_state(self, state):
        self._waiting, self._position = [], dict(state) if {"size", "checksum"} <= state.keys() else None

    def state_rules(self, state, model):
        position = is_count(state.get("size")) and is_number(state.get("checksum"))
        return {"size and checksum": (position or not state, "two numbers")}  # earlier versions kept nothing


class CSVLog(Log):
    """A table (`.csv`) of each epoch's figures, or, with `every_steps=k`, a row after every k-th step.

    Of a step it has `step`, `epoch`, the loss of its batch before the update, and `learning_rate` (in a run of several
    models one of each optimizer); steps between run in one go. What holds of `Log` when a run is resumed, and when the
    file cannot be written, holds here; rows of steps are written a thousand at a time, and at the end of an epoch.
    """

    _endings = (".csv",)

    def __init__(self, path: str | os.PathLike, every_steps: int | None = None):
        super().__init__(path)
        self.every_steps = None if every_steps is None else count("CSVLog", "every_steps", every_steps)
        self._epochs = 0  # finished

    def on_train_begin(self, trainer):
        self._epochs = 0
        super().on_train_begin(trainer)

    def _columns(self, trainer):
        return super()._columns(trainer) if self.every_steps is None else list(self._row(trainer, 0, 0.0))

    def _row(self, trainer, step: int, loss: float) -> dict:
        optimizers = trainer.held().optimizers
        names = [""] if len(optimizers) == 1 else [f"_{name.rpartition('/')[2]}" for name in optimizers]
        rates = [optimizer.rate_at(max(optimizer.steps - 1, 0)) for optimizer in optimizers.values()]
        return {"step": step, "epoch": self._epochs + 1, "loss": loss} | {
            f"learning_rate{name}": rate for name, rate in zip(names, rates, strict=True)
        }

    def next_step(self, step):
        return next_multiple(step, self.every_steps)

    def on_step_end(self, trainer, step, loss):
        if self.every_steps is not None and step % self.every_steps == 0:
            self._waiting.append(self._row(trainer, step, loss))
            if len(self._waiting) % 1000 == 0:
                self._write(f"the rows up to step {step}")

    def on_epoch_end(self, trainer, epoch, figures):
        self._epochs = epoch
        if self.every_steps is None:
            super().on_epoch_end(trainer, epoch, figures)
        else:
            self._write(f"the rows of epoch {epoch}")

    def on_train_error(self, trainer, error):
        self._write("the last rows")

    def config(self):
        return {"every_steps": self.every_steps}

    def state(self):
        if self._waiting:  # the file is to hold what the checkpoint has seen
            self._write("the last rows")
        return {**super().state(), "epochs": self._epochs}

    def load_state(self, state):
        super().load_state({name: value for name, value in state.items() if name != "epochs"})
        self._epochs = state["epochs"]

    def state_rules(self, state, model):
        return super().state_rules(state, model) | {"epochs": (is_count(state.get("epochs")), "an integer >= 0")}


def _start_of(path, size: int) -> int | None:
    """A checksum of the first `size` bytes of a file; None if it has not so many."""
    if not path.exists():
        return None if size else zlib.crc32(b"")
    with open(path, "rb") as file:
        start = file.read(size)
    return zlib.crc32(start) if len(start) == size else None
