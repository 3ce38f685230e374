"""The rows of the evidence about images: what they make of the results."""

import re

import pytest

from promises import vision
from promises.row import ROOT


def test_the_residual_network_has_the_bar_of_its_issue(monkeypatch):
    asked = []
    monkeypatch.setattr(vision, "accuracy", lambda script, bar: asked.append((script, bar)))
    vision.resnet()
    assert asked == [("scripts/train_resnet.py", 99.45)]


@pytest.mark.parametrize(
    ("confident", "least", "seconds", "holds"),
    [(0.9, 0.04, 1200.0, True), (0.89, 0.04, 60.0, False), (0.99, 0.03, 60.0, False), (0.99, 0.04, 1201.0, False)],
)
def test_the_samples_of_the_gan(confident, least, seconds, holds, monkeypatch):
    commands = []
    monkeypatch.setattr(vision, "run", commands.append)

    def written(command):
        commands.append(command)
        digits = [least, 0.2 - least, *[0.1] * 8]
        found = {"confident": confident, "digits": digits, "samples": 1000, "epochs": 7, "seconds": seconds}
        return found | {"real": {"confident": 0.99}, "noise": {"confident": 0.01}}

    monkeypatch.setattr(vision, "written", written)
    row = vision.gan()
    assert row.holds == holds
    assert f"{100 * confident:.1f} % of 1000, the rarest digit {100 * least:.1f} %" in row.value
    judge = commands[0].split("--save ")[1]
    assert commands[1].endswith(f"--judge {judge}")


@pytest.mark.parametrize(("theirs", "holds"), [(0.015, True), (0.0149, False)])
def test_steps_are_held_against_the_best_of_pytorch(theirs, holds, monkeypatch):
    class Worker:
        def __init__(self, module, name):
            self.name = name

        def ask(self, what, **arguments):
            if what == "variants":
                variants = [{"threads": 2}, {"threads": 1}]
                return variants if self.name == "nnmat" else [v | {"layout": "NCHW"} for v in variants]
            if self.name == "nnmat":
                return 0.01
            return theirs if arguments["variant"]["threads"] == 1 else 0.04

        def close(self):
            pass

    monkeypatch.setattr(vision, "Worker", Worker)
    row = vision.steps("gan")
    assert row.holds == holds
    assert row.value.endswith("of PyTorch, 1 thread, NCHW")


def test_every_row_says_what_it_is():
    assert list(vision.ROWS) == ["resnet", "resnet-steps", "resnet-resumed", "gan", "gan-steps", "gan-resumed"]
    assert all(row.__doc__ for row in vision.ROWS.values())
    for script, options in vision.QUICK.items():
        assert (ROOT / script).exists()
        source = (ROOT / script).read_text() + (ROOT / "scripts/training_run.py").read_text()
        assert all(f'"{option}"' in source for option in re.findall(r"--[\w-]+", options))
