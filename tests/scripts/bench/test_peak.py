"""The limits that rates are measured against."""

import threading

import pytest

from bench import peak


def test_the_fastest_call_counts(monkeypatch):
    """On a clock of its own: the first call, which may compile, does not count."""
    now, took = [0.0], iter([9.0, 0.3, 0.1, 0.2, 5.0])

    def call():
        now[0] += next(took)

    monkeypatch.setattr(peak.time, "perf_counter", lambda: now[0])
    assert peak.fastest(call, 0.5) == pytest.approx(0.1)


def test_threads_measure_at_the_same_time():
    meeting = threading.Barrier(3, timeout=60)  # passed only if all three are there

    def measure(i):
        meeting.wait()
        return 10.0**i

    assert peak.together(3, measure) == 111.0


def test_multiply_adds_and_copies_have_a_rate():
    assert peak.flops(1, 0.01) > 0
    assert peak.bandwidth(1, 0.01) > 0


def test_the_tile_is_right():
    rate, limit, error = peak.tile_rates(64, 0.02)
    assert rate > 0
    assert limit > 0
    assert error < 1e-5
