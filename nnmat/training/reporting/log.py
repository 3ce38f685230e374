"""A file that tells each epoch's figures, of an interrupted and resumed run as of one that was never stopped."""

import csv
import io
import os
import zlib

from ...errors import ConfigError
from ...formats.paths import as_path
from ..callbacks import Callback
from .history import check_folder, check_writable, json_text, warn_unwritten


class Log(Callback):
    """Append each epoch's figures to a file: one JSON object a line (`.jsonl`), or a table (`.csv`).

    JSON has no NaN and no infinity: they become null. A table that has other columns is not written to. A checkpoint
    holds how much of the file was there: a run resumed from it takes back the lines written since, so that each epoch
    stands there once and in order. If the file is another one by then (moved, edited), nothing is taken back.

    That the file can be written is checked before the first step. If a line cannot be written later (a full disk), a
    RuntimeWarning says so, and it is written after one of the next epochs.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = as_path("Log", path)
        if self.path.suffix not in (".jsonl", ".csv"):
            raise ConfigError(f"Log: expected a file name that ends in .jsonl or .csv, got {str(self.path)!r}.")
        check_folder("Log", self.path)
        self._waiting: list[dict] = []  # rows that could not be written yet
        self._position: dict | None = None  # of the resumed run, until the lines written since are taken back

    def on_train_begin(self, trainer):
        check_writable("Log", self.path, appended=True)
        self._waiting, self._position = [], None
        if trainer.figures and self.path.suffix == ".csv" and self.path.exists():
            self._check_header(self.path.read_bytes(), ["epoch", *trainer.figures])

    def on_epoch_end(self, trainer, epoch, figures):
        self._waiting.append({"epoch": epoch, **figures})
        try:
            self._take_back()
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
            warn_unwritten("Log", f"the line of epoch {epoch} in {self.path}", error)

    def on_train_end(self, trainer, history):
        self._take_back()

    def _text(self, file) -> bytes:
        """The waiting rows as they are to be appended to the file."""
        file.seek(0)
        old = file.read()
        start = "" if old.endswith(b"\n") or not old else "\n"  # a line that a killed process left unfinished
        if self.path.suffix == ".jsonl":
            return (start + "".join(json_text(row) + "\n" for row in self._waiting)).encode()
        table = io.StringIO()
        columns = list(self._waiting[0])
        writer = csv.DictWriter(table, columns)
        if not self._check_header(old, columns):
            writer.writeheader()
        writer.writerows(self._waiting)
        return (start + table.getvalue()).encode()

    def _check_header(self, table: bytes, columns: list[str]) -> bool:
        """Whether the table has a header; it must be of these columns."""
        header = next(csv.reader(io.StringIO(table.decode("utf-8", "replace"))), None)
        if header is not None and header != columns:
            raise ConfigError(
                f"Log: {self.path} has the columns {', '.join(header)}, this run {', '.join(columns)}. "
                "Log to another file."
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


def _start_of(path, size: int) -> int | None:
    """A checksum of the first `size` bytes of a file; None if it has not so many."""
    if not path.exists():
        return None if size else zlib.crc32(b"")
    with open(path, "rb") as file:
        start = file.read(size)
    return zlib.crc32(start) if len(start) == size else None
