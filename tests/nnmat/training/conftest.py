"""Shared by the tests of the training loop."""

import signal

import pytest


@pytest.fixture(autouse=True)
def usual_signals():
    """Python's own handling of SIGINT, which a test runner may have switched off: what is ignored stays ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
