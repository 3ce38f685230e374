"""Programs: what a tape saw, run again for other inputs, with numbers passed on and steps that are stopped."""

import functools
import os
import time

import numpy as np
import pytest

from nnmat_kernels import programs as modules
from nnmat_kernels.programs.program import CountSlot, FloatSlot, Program
from nnmat_kernels.runtime.config import jit
from nnmat_kernels.runtime.launch import Tape, launch

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")


@jit
def scaled(x, factor, y):
    for i in range(x.size):
        y[i] = factor * x[i]


@jit
def total(y):
    s = 0.0
    for i in range(y.size):
        s += y[i]
    return s


@jit
def add(z, amount, times):
    z[0] += amount * times


@jit
def checked_total(y, limit):
    """(the sum, the first entry above the limit or -1)."""
    for i in range(y.size):
        if y[i] > limit:
            return 0.0, i
    return total(y), -1


@jit
def allowed(y):
    return y[0] >= 0


@jit
def tick(counter):
    counter[0] += 1


def recorded(**options):
    """y = lr x, s = sum of y, z += s · steps."""
    x, y, z = np.arange(1.0, 5.0), np.zeros(4), np.zeros(1)
    with Tape() as tape:
        launch(scaled, x, FloatSlot("lr", 0.5), y)
        s = launch(total, y)
        launch(add, z, s, CountSlot("steps", 0) + 1)
    return Program(tape.launches, {"x": x}, {"s": s}, **options), y, z


def addresses(arrays):
    return [A.ctypes.data for A in arrays]


def floats(results):
    return results.view(np.float64)


def test_inputs_slots_and_numbers_that_are_passed_on():
    program, y, z = recorded()
    assert z[0] == 5.0
    inputs = [np.full(4, 2.0), np.full(4, 3.0)]
    done, results = program.run(2, {"x": addresses(inputs), "lr": [1.0, 2.0], "steps": [2, 3]})
    assert done == 2
    assert floats(results).ravel().tolist() == [8.0, 24.0]
    assert y.tolist() == [6.0] * 4
    assert z[0] == 5.0 + 8.0 * 2 + 24.0 * 3


def test_a_part_of_an_input_moves_with_it():
    X, y = np.arange(8.0).reshape(2, 4), np.zeros(4)
    with Tape() as tape:
        launch(scaled, X[1], 1.0, y)
    program = Program(tape.launches, {"X": X}, {})
    Y = X + 10
    program.run(1, {"X": addresses([Y])})
    assert y.tolist() == [14, 15, 16, 17]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_result_that_is_not_finite_stops_the_step_before_what_follows(bad):
    program, _, z = recorded(finite=["s"])
    good, wrong = np.ones(4), np.array([1.0, bad, 1.0, 1.0])
    xs = addresses([good, good, wrong, good])
    done, results = program.run(4, {"x": xs, "lr": [1.0] * 4, "steps": [1] * 4})
    assert done == 2
    assert floats(results)[:2].ravel().tolist() == [4.0, 4.0]
    assert z[0] == 5.0 + 8.0


def test_refused_rows_and_work_that_cannot_be_done_stop_the_step():
    y, counter = np.ones(3), np.zeros(1, np.int64)
    with Tape() as tape:
        launch(tick, counter)
        value, _ = launch(checked_total, y, 5.0)
        launch(allowed, y)
    program = Program(tape.launches, {"y": y}, {"value": value}, saved=[counter])
    inputs = [np.full(3, 2.0), np.full(3, 9.0), -np.ones(3)]
    done, results = program.run(2, {"y": addresses(inputs[:2])})
    assert (done, floats(results)[0, 0]) == (1, 6.0)
    assert counter[0] == 2  # as before the step that was stopped
    done, _ = program.run(1, {"y": addresses(inputs[2:])})
    assert done == 0
    assert counter[0] == 2


def test_counts_are_integers():
    @jit
    def positive(x):
        n = 0
        for i in range(x.size):
            n += x[i] > 0
        return n

    x = np.ones(5)
    with Tape() as tape:
        launch(positive, x)
    program = Program(tape.launches, {"x": x}, {}, counts=[0])
    x = np.array([1.0, -1, 1, 0, 2])
    _, results = program.run(1, {"x": addresses([x])})
    assert results.tolist() == [[3]]


def test_what_python_computes_is_no_result():
    x = np.ones(3)
    with Tape() as tape:
        s = launch(total, x)
    with pytest.raises(ValueError, match="'mean' comes from no kernel"):
        Program(tape.launches, {"x": x}, {"mean": s / 3})


def test_slots_cannot_be_computed_with():
    slot = FloatSlot("lr", 0.5)
    for compute in (lambda: slot * 2, lambda: 2 / slot, lambda: slot + 1, lambda: -slot, lambda: slot**2):
        with pytest.raises(TypeError, match="'lr'"):
            compute()
    assert slot == 0.5
    later = CountSlot("steps", 3) + 1
    assert (later, later.name) == (4, "steps")


def test_a_tape_sees_its_own_thread_alone():
    import threading

    x = np.ones(3)
    with Tape() as tape:
        other = threading.Thread(target=lambda: launch(total, x))
        other.start()
        other.join()
        launch(total, x)
    launch(total, x)
    assert len(tape.launches) == 1


def test_arrays_of_a_program_stay():
    import gc

    x, y = np.ones(3), np.zeros(3)
    with Tape() as tape:
        between = np.empty(3)
        launch(scaled, x, 2.0, between)
        launch(scaled, between, 2.0, y)
    del between
    program = Program(tape.launches, {"x": x}, {})
    del tape
    gc.collect()
    others = [np.full(3, 7.0) for _ in range(100)]
    x = np.full(3, 3.0)
    program.run(1, {"x": addresses([x])})
    assert y.tolist() == [12.0] * 3
    assert all((other == 7.0).all() for other in others)


def test_a_program_is_shown_as_a_table():
    program, _, _ = recorded()
    head, *lines = str(program).split("\n")
    assert head.split() == ["whose", "operation", "kernels", "arrays", "open", "flops", "bytes"]
    assert [line.split() for line in lines] == [
        ["0", "scaled", "4,", "4", "x,", "lr", "0", "64"],
        ["1", "total", "4", "0", "32"],
        ["2", "add", "1", "a", "result,", "steps", "0", "8"],
        ["rules", "that", "improved", "it:", "none;", "memory", "of", "its", "own:", "0", "B"],
    ]


def test_a_program_measures_its_launches():
    program, _, _ = recorded()
    x = np.arange(1.0, 5.0)
    for _ in range(2):
        program.profile()
        program.run(50, {"x": addresses([x] * 50), "lr": [0.5] * 50, "steps": [1] * 50})
    listing = program.listing()
    assert listing.steps == 50
    assert all(row.seconds > 0 for row in listing.rows)
    assert 0 < sum(row.seconds for row in listing.rows) * 50 < listing.seconds
    assert 0 < listing.share_outside < 1
    assert "us" in str(listing).split("\n")[0].split()


def test_what_the_runner_takes_to_load_is_no_time_of_a_step(monkeypatch):
    program, _, _ = recorded()
    runner, load = modules.program._runner(), functools.cache(lambda: time.sleep(0.5))

    def first_is_slow(*arguments):
        load()
        return runner(*arguments)

    monkeypatch.setattr(modules.program, "_runner", lambda: first_is_slow)
    program.profile()
    program.run(1, {"x": addresses([np.arange(1.0, 5.0)]), "lr": [0.5], "steps": [1]})
    assert program.listing().seconds < 0.5
