"""Signals while a run goes on: the first is noted, a second acts as usual, what was set before comes back."""

import signal
import threading

import pytest

from nnmat.training.interruption import Interruption, TrainingInterrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted(number):
    before = signal.getsignal(number)
    with Interruption() as interruption:
        assert not interruption.pressed
        signal.raise_signal(number)
        assert (interruption.pressed, interruption.signal) == (True, number)
        assert signal.getsignal(number) is before  # for a second one
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_acts_at_once():
    with Interruption():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_and_then_sigterm_is_no_second_one():
    with Interruption() as interruption:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert interruption.signal == signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_ignored_stays_ignored(number):
    signal.signal(number, signal.SIG_IGN)
    with Interruption() as interruption:
        signal.raise_signal(number)
        assert not interruption.pressed
        assert signal.getsignal(number) is signal.SIG_IGN


def test_another_thread_changes_nothing():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def run():
        with Interruption():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]


def test_the_exception_is_ctrl_cs_if_nothing_else_is_said():
    error = TrainingInterrupted("stopped", None)
    assert isinstance(error, KeyboardInterrupt)
    assert (error.signal, error.checkpoint) == (signal.SIGINT, None)
