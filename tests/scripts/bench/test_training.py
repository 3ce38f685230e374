"""The rows of scripts/bench_training.py: ratios and bars, workers in turn, starts."""

from types import SimpleNamespace

import pytest

from bench import training


def test_rows_know_which_way_is_better():
    faster = training.Row("step", "us", [90.0, 100.0, 130.0], [150.0, 200.0, 210.0], "torch", 1.9)
    assert (faster.ratio, faster.holds) == (2.0, True)
    assert "100 us (90-130)" in str(faster)
    assert str(faster).endswith("2.00  >= 1.9   PASS  torch")
    less = training.Row("memory", "MB", [200.0], [100.0], "torch", 0.9, faster=False)
    assert (less.ratio, less.holds) == (2.0, False)
    alone = training.Row("cold", "s", [12.0], [], "", 30.0, faster=False)
    assert (alone.ratio, alone.holds) == (12.0, True)
    assert "<= 30 s" in str(alone)


def test_the_first_step_program_runs():
    program = training.FIRST_STEP.format(data=training.RANDOM)
    seconds, line = training.start(program)
    assert line == "done\n"
    assert seconds > 0
    with pytest.raises(OSError, match="exit code 1"):
        training.start("raise SystemExit(1)")


def test_a_bar_says_which_way_is_better():
    assert training.bar_in_words(True, 2.20, "") == ">= 2.2"
    assert training.bar_in_words(False, 30.0, " s") == "<= 30 s"


def test_a_spread_has_three_digits():
    assert training.spread([123.456, 0.1234, 5.0], "us") == "5 us (0.123-123)"
    assert training.spread([], "us") == "-"


def test_a_variant_in_words():
    variant = {"threads": 2, "layout": "NCHW", "optimizer": "fused"}
    assert training.label("torch", variant) == "torch, 2 threads, NCHW, fused"
    assert training.label("nnmat", {"threads": 1}) == "nnmat, 1 thread"


class Contender:
    """In place of a worker: a step takes as long as it is told."""

    def __init__(self, seconds):
        self.seconds = seconds

    def ask(self, what, **arguments):
        if what == "variants":
            return [{"threads": threads} for threads in self.seconds]
        assert what == "steps"
        return self.seconds[arguments["variant"]["threads"]]


def test_the_best_variant_of_the_peer_counts():
    contenders = {"nnmat": Contender({2: 1e-4}), "torch": Contender({1: 3e-4, 2: 2.5e-4})}
    bar = SimpleNamespace(update=lambda: None)
    run = training.Run(rounds=3, seconds=0.1, threads=2, bar=bar)
    run.workers.update(contenders)
    row = training.step_row("cnn", 32, run)
    assert (row.case, row.unit, row.variant, row.bar) == ("step cnn 32", "us", "torch, 2 threads", 3.5)
    assert row.ours == pytest.approx([100.0] * 3)
    assert row.peer == pytest.approx([250.0] * 3)
    assert row.others == pytest.approx({"torch, 1 thread": 300.0})
    assert (row.ratio, row.holds) == (pytest.approx(2.5), False)


def workers_of_language(run, contenders):
    run.workers.update({f"{training.LANGUAGE} {name}": contender for name, contender in contenders.items()})


def test_the_language_model_has_workers_of_its_own():
    class Trained(Contender):
        def ask(self, what, **arguments):
            assert arguments.get("net") == "nano"
            return super().ask({"train": "steps"}.get(what, what), **arguments)

    run = training.Run(rounds=3, seconds=0.1, threads=2, bar=SimpleNamespace(update=lambda: None))
    workers_of_language(run, {"nnmat": Trained({2: 1e-2}), "torch": Contender({1: 3e-2, 2: 2e-2})})
    row = training.cases()["language nano 12"](run)
    assert (row.case, row.variant, row.bar) == ("language nano 12", "torch, 2 threads", 1.8)
    assert (row.ratio, row.holds) == (pytest.approx(2.0), True)


def test_text_is_written_with_the_best_number_of_threads():
    class Writer(Contender):
        def ask(self, what, **arguments):
            assert (what, arguments["net"]) == ("write", "nano")
            return self.seconds[arguments["variant"]["threads"]]

    run = training.Run(rounds=3, seconds=0.1, threads=2, bar=SimpleNamespace(update=lambda: None))
    workers_of_language(run, {"nnmat": Writer({1: 1e-4, 2: 2e-4}), "torch": Writer({1: 3.5e-4, 2: 3e-4})})
    row = training.cases()["language nano text"](run)
    assert (row.case, row.unit, row.variant, row.bar) == ("language nano text", "us", "torch, 2 threads", 3.0)
    assert (row.ours, row.ratio) == (pytest.approx([100.0] * 3), pytest.approx(3.0))


def test_the_processes_of_a_peer_are_variants_of_one(monkeypatch):
    class Scan(Contender):
        def ask(self, what, **arguments):
            return super().ask({"train": "steps"}.get(what, what), **arguments)

    monkeypatch.setattr(training.importlib.util, "find_spec", lambda name: name)
    run = training.Run(rounds=3, seconds=0.1, threads=2, bar=SimpleNamespace(update=lambda: None))
    run.workers.update({"nnmat": Scan({2: 1e-4}), "jax 1": Scan({1: 1.8e-4}), "jax 2": Scan({2: 2e-4})})
    row = training.jax_row("784-128-10", 32, run)
    assert (row.case, row.variant, row.bar, row.missing) == ("jax 784-128-10 32", "jax, 1 thread", 1.7, "")
    assert (row.ratio, row.others) == (pytest.approx(1.8), {"jax, 2 threads": pytest.approx(200.0)})


def test_without_jax_its_rows_say_so_and_do_not_hold(monkeypatch):
    monkeypatch.setattr(training.importlib.util, "find_spec", lambda name: None)
    rounds = []
    run = training.Run(rounds=3, seconds=0.1, threads=2, bar=SimpleNamespace(update=rounds.append))
    row = training.jax_row("16-32-10", 32, run)
    assert (row.holds, row.ratio, run.workers, rounds) == (False, 0.0, {}, [3])
    assert str(row).endswith("not measured: jax is not installed. Try: pip install -e '.[bench]'")


class Neighboured(Contender):
    """Steps of two turns: the second thread makes one of them, in each turn, very late."""

    def ask(self, what, **arguments):
        assert (what, arguments["kind"], arguments["seconds"]) == ("each", "caller", 0.5)
        return [1e-3] * 9 + [1e-3 if arguments["variant"]["threads"] == 1 else 11e-3]


@pytest.mark.parametrize(("how", "ratio"), [("compiled", 1.0), ("compiled, mean", 2.0)])
def test_beside_busy_neighbours_the_mean_counts_too(how, ratio):
    run = training.Run(rounds=3, seconds=0.1, threads=2, bar=SimpleNamespace(update=lambda: None))
    run.workers["nnmat"] = Neighboured({})
    row = training.busy_row("cnn", 128, how, run)
    assert row.ratio == pytest.approx(ratio)
    assert row.holds == (ratio <= row.bar)
    assert row.others == {"ratio of the means": pytest.approx(2.0)}


class Profiled(Contender):
    """A step of 2 ms, of which the kernels take as much as it is told."""

    def ask(self, what, profile, **arguments):
        assert what == "train"
        return self.seconds if profile else 2e-3


@pytest.mark.parametrize(("inside", "holds"), [(1.9e-3, True), (1.7e-3, False)])
def test_the_share_outside_kernels(inside, holds):
    run = training.Run(rounds=3, seconds=0.1, threads=2, bar=SimpleNamespace(update=lambda: None))
    run.workers["nnmat"] = Profiled(inside)
    row = training.outside_row("cnn", 32, run)
    assert row.ratio == pytest.approx(100 * (1 - inside / 2e-3))
    assert row.holds == holds


KINDS = {"step": training.STEPS, "compiled": training.COMPILED, "call": training.CALLED}
KINDS |= {"unlisted": training.UNKNOWN, "jax": training.JAX, "outside": training.OUTSIDE}


def test_every_case_has_a_name_of_its_own():
    names = list(training.cases())
    language = ["language nano 12", "language nano text"]
    names = [name for name in names if name not in language]
    assert set(language) < set(training.cases())
    for kind, bars in KINDS.items():
        assert [name for name in names if name.split()[0] == kind] == [f"{kind} {net} {batch}" for net, batch in bars]
    assert max(map(len, names)) < training.CASE
    assert names[sum(map(len, KINDS.values())) :] == [
        *(f"busy {net} 128 {how}" for net in ("cnn", "784-128-10") for how in training.BUSY),
        "epoch 784-128-10 128",
        "memory cnn 128",
        "start warm",
        "start warm with MNIST",
        "start cold",
    ]
