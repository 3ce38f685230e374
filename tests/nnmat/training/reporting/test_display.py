"""What a run shows: the line of an epoch, and a bar that comes late."""

import math

import numpy as np
import pytest

import nnmat
from nnmat.training.reporting import display
from nnmat.training.reporting.display import Display, LateBar, epoch_line


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            (3, 10, 60000, {"loss": 0.25123, "accuracy": 0.9, "learning_rate": 0.1, "seconds": 2.0}),
            "epoch  3/10: loss 0.2512, accuracy 0.9000 (2.0 s, 30,000 samples/s)",
        ),
        ((1, 5, None, {"loss": 1e-7, "seconds": 0.04}), "epoch 1/5: loss 1.000e-07 (0.0 s)"),
        ((12, math.inf, 10, {"loss": math.nan, "seconds": 0.0}), "epoch 12: loss nan (0.0 s)"),
    ],
)
def test_an_epoch_is_one_line(arguments, text):
    assert epoch_line(*arguments) == text


@pytest.mark.parametrize(
    ("progress", "bars", "lines"),
    [
        (True, True, True),
        (np.True_, True, True),
        (False, False, False),
        ("bar", True, False),
        ("lines", False, True),
    ],
)
def test_what_is_asked_for_is_shown(progress, bars, lines, capsys):
    shown = Display("fit", progress)
    assert (shown.bars, shown.lines) == (bars, lines)
    shown.epoch(1, 2, 10, {"loss": 0.5, "seconds": 1.0})
    with shown.bar(10, " samples") as bar:
        bar.set_description("epoch 1")
        bar.set_postfix({"loss": 0.5}, refresh=False)
        bar.set_postfix_str("loss 0.5", refresh=False)
        bar.update(10)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("loss 0.5000" in err) == lines
    assert ("/10.0 [" in err) == bars


@pytest.mark.parametrize("progress", [2, -1, "yes", [], 2.0, 1.0])
def test_anything_else_is_refused(progress):
    with pytest.raises(nnmat.ConfigError, match="fit: expected progress as True .*'bar', 'lines' or False, got"):
        Display("fit", progress)


@pytest.mark.parametrize(
    ("progress", "shown"), [(1, True), (0, False), (None, False), (np.int64(1), True), (np.bool_(0), False)]
)
def test_numbers_for_true_and_false(progress, shown):
    found = Display("fit", progress)
    assert (found.bars, found.lines) == (shown, shown)


def test_a_late_bar_appears_after_a_while_with_what_was_done_before(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(display.time, "perf_counter", lambda: now[0])
    with LateBar("looking", 100, " samples") as bar:
        bar.update(40)
        assert capsys.readouterr().err == ""
        now[0] = 1.5
        bar.update(20)
        assert "looking:  60%" in capsys.readouterr().err
        bar.update(40)
    assert bar.done == 100
    with LateBar("looking", 100, " samples", shown=False) as bar:
        now[0] = 99.0
        bar.update(100)
    assert "looking" not in capsys.readouterr().err


@pytest.mark.parametrize("waited", [0.0, 30.0])
def test_compiling_counts_into_no_rate(waited, capsys, monkeypatch):
    clock, compiled = [0.0], [0.0]
    monkeypatch.setattr(display, "seconds", lambda: compiled[0])
    with Display("fit", True).bar(1000, " samples") as bar:
        monkeypatch.setattr(bar, "_time", lambda: clock[0])
        bar.start_t = bar.last_print_t = 0.0
        for step in range(1, 6):
            clock[0] += 1.0 + (waited if step == 2 else 0.0)
            compiled[0] += waited if step == 2 else 0.0
            display.advance(bar, 100)
        assert bar.format_dict["elapsed"] == 5.0
        assert bar.format_dict["rate"] == pytest.approx(100)
    assert "00:05<00:05, 100 samples/s]" in capsys.readouterr().err
    display.advance(Display("fit", False).bar(10, " samples"), 10)


def test_bars_are_widgets_in_a_notebook_that_can_show_them(monkeypatch):
    import tqdm
    import tqdm.auto

    monkeypatch.delitem(display.sys.modules, "ipykernel", raising=False)
    assert display.bars() is tqdm.tqdm
    monkeypatch.setitem(display.sys.modules, "ipykernel", display)
    for there in (None, "a spec"):
        monkeypatch.setattr(display.importlib.util, "find_spec", lambda name, there=there: there)
        assert display.bars() is (tqdm.auto.tqdm if there else tqdm.tqdm)
