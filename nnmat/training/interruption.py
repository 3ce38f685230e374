"""Signals that end a run: it stops after the present step, keeps its state, and says how to go on."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class TrainingInterrupted(KeyboardInterrupt):
    """Training was stopped by Ctrl-C or by SIGTERM after a finished step.

    `checkpoint`: the file to resume from, or None. `signal`: `signal.SIGINT` or `signal.SIGTERM`.
    """

    def __init__(self, message: str, checkpoint: Path | None, signal: signal.Signals = signal.SIGINT):
        super().__init__(message)
        self.checkpoint, self.signal = checkpoint, signal


class Interruption:
    """While open, the first Ctrl-C or SIGTERM sets `signal` (training stops after the step); a second acts as usual.

    What is ignored (a background job's SIGINT) stays ignored, and a SIGTERM for which the program has a handler of its
    own stays that one's. Signals reach the main thread only: in another one nothing changes.
    """

    def __init__(self):
        self.pressed = False  # whether such a signal came
        self.signal: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._process = os.getpid()

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.getsignal(number)
                own = number == signal.SIGTERM and before is not signal.SIG_DFL
                if before not in (signal.SIG_IGN, None) and not own:  # None: not set by Python, nor to be set again
                    self._before[number] = signal.signal(number, self._press)
        return self

    def _press(self, number, frame):
        signal.signal(number, self._before[signal.Signals(number)])
        if os.getpid() == self._process:
            self.pressed, self.signal = True, signal.Signals(number)
        else:  # a child that was forked within the run, such as a worker of a pool, has no steps to finish
            os.kill(os.getpid(), number)

    def __exit__(self, *exception):
        for number, before in self._before.items():
            signal.signal(number, before)
