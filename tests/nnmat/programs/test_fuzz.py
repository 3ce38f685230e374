"""Random models, trained by hand, compiled, and compiled with a stop in the middle: the same bits.

`NNMAT_FUZZ` sets how many (24, and 500 in `make evidence`).
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnmat as nm
from nnmat.layers.recurrent.recurrence import Recurrence
from nnmat_kernels.runtime.config import settings
from nnmat_kernels.runtime.parallel import PARALLEL_FLOPS, PARALLEL_SIZE
from tests.nnmat.programs.fuzzing import ENTRY_LOSSES, INPUTS, SCALES, THREADS, Case

ROOT = Path(__file__).resolve().parents[3]
MODELS = int(os.environ.get("NNMAT_FUZZ", "24"))
FOUND = (82, 254)  # cases that had other bits once
CASES = [Case(seed) for seed in range(500)]


@pytest.mark.skipif(bool(settings.DISABLE_JIT), reason="nothing is compiled")
def test_compiled_runs_have_the_bits_of_runs_by_hand():
    """In a process of its own, for it has five threads."""
    environment = os.environ | {
        "NUMBA_NUM_THREADS": str(max(THREADS)),
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "kernels"))),
    }
    command = [sys.executable, "-m", "tests.nnmat.programs.fuzzing", "0", str(MODELS), *map(str, FOUND)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=7200)
    assert done.returncode == 0, done.stderr
    found = re.match(r"fuzzed: (\d+) models equal bit by bit, (\d+) as programs", done.stdout)
    assert int(found[1]) == MODELS + len(FOUND)
    assert found[2] == found[1], done.stdout  # every part of ours consists of kernels
    print(done.stdout)


@pytest.mark.skipif(bool(settings.DISABLE_JIT), reason="nothing is compiled")
def test_fifty_steps_of_adam_with_dropout_under_a_schedule(rng):
    models = [
        nm.Sequential(
            [
                nm.Linear(20, 60),
                nm.GELU(),
                nm.Dropout(0.4),
                nm.Linear(60, 30),
                nm.Tanh(),
                nm.Dropout(0.2),
                nm.Linear(30, 5),
            ],
            input_shape=(20,),
            seed=4,
        )
        for _ in range(2)
    ]
    losses = [nm.SoftmaxCrossEntropy() for _ in models]
    rate = nm.schedules.WarmUp(10, nm.schedules.Cosine(0.01, 40, final=0.001))
    optimizers = [nm.Adam(model, lr=rate, weight_decay={"weight": 1e-3}, clip_norm=0.5) for model in models]
    step = nm.compile_step(models[0], losses[0], optimizers[0])
    for i in range(50):
        X, y = rng.standard_normal((16, 20)).astype(np.float32), rng.integers(0, 5, 16)
        value = losses[1].forward(models[1].forward(X, training=True), y)
        models[1].backward(losses[1].backward(), input_gradient=False)
        optimizers[1].step()
        assert step(X, y) == value, i
        assert models[0].flat_parameters.tobytes() == models[1].flat_parameters.tobytes(), i
    assert step.why_not(X, y) == ""


def test_the_cases_are_of_every_kind():
    assert {case.scale for case in CASES} == set(SCALES)
    assert {case.depth for case in CASES} == set(range(1, 13))
    assert {case.threads for case in CASES} == set(THREADS)
    assert {case.loss for case in CASES} == {"labels", "options", "targets", "squares", "binary", *ENTRY_LOSSES}
    assert {case.dtype for case in CASES} == {"float32", "float64"}
    assert {case.inputs for case in CASES} == {"", *INPUTS}
    for attribute in ("images", "weighted", "entries", "latest", "signals"):
        assert {getattr(case, attribute) for case in CASES} == {True, False}
    assert {case.rows % case.batch == 0 for case in CASES} == {True, False}
    operations = [2 * case.batch * case.width**2 / PARALLEL_FLOPS for case in CASES if case.scale == "operations"]
    elements = [case.batch * case.width / PARALLEL_SIZE for case in CASES if case.scale == "elements"]
    for sizes in (operations, elements):
        assert min(sizes) < 0.8
        assert max(sizes) > 1.2
    long = [max(case.width, case.batch) for case in CASES if case.scale == "inner"]
    assert min(long) < 2048 <= max(long)


def test_the_layers_losses_and_optimizers_are_all_there():
    layers, losses, optimizers, schedules, metrics = set(), set(), set(), set(), set()
    clipped, decays, others, recurrent = set(), set(), set(), set()
    for case in CASES[:200]:
        trainer = case.trainer(True)
        layers |= {type(layer).__name__ for layer in trainer.model.modules()}
        losses.add(type(trainer.loss).__name__)
        optimizers.add(type(trainer.optimizer).__name__)
        schedules.add(type(trainer.optimizer.schedule).__name__)
        metrics |= set(trainer.metrics)
        clipped.add(trainer.optimizer.clip_norm is not None)
        decays.add(type(trainer.optimizer.weight_decay).__name__)
        others.add((trainer.optimizer.maximize, len(trainer.optimizer.groups)))
        others.add(getattr(trainer.optimizer, "amsgrad", False))
        recurrent |= {
            (part.kind, part.last, part.states) for part in trainer.model.modules() if isinstance(part, Recurrence)
        }
    assert layers == {
        *("Add", "AvgPool2d", "Concatenate", "Conv2d", "Dropout", "Flatten", "GELU", "LeakyReLU", "Linear"),
        *("MaxPool2d", "ReLU", "Sequential", "Sigmoid", "Softmax", "Tanh", "Tied", "TransposedLinear"),
        *("BatchNorm1d", "BatchNorm2d", "ELU", "Embedding", "GRU", "GatedFeedForward", "GroupNorm", "LSTM"),
        *("LayerNorm", "MultiHeadAttention", "PositionalEmbedding", "RMSNorm", "RNN", "Residual", "RotaryEmbedding"),
        *("SiLU", "Softplus", "TableHead", "TransformerBlock"),
        *("AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "AvgPool1d", "Conv1d", "ConvTranspose2d", "Dropout2d"),
        *("GlobalAvgPool2d", "Hardswish", "Identity", "LogSoftmax", "MaxPool1d", "Mish", "PReLU", "Pad", "ReLU6"),
        *("Unflatten", "Upsample"),
    }
    assert losses == {
        *("GaussianNegativeLogLikelihood", "Huber", "KLDivergence", "L1", "MeanSquaredError"),
        *("PoissonNegativeLogLikelihood", "SigmoidBinaryCrossEntropy", "SmoothL1", "SoftmaxCrossEntropy"),
    }
    assert optimizers == {"Adagrad", "Adam", "AdamW", "Lion", "Muon", "NAdam", "RMSProp", "SGD"}
    assert others == {True, False, *((maximize, groups) for maximize in (True, False) for groups in range(3))}
    assert {(last, states) for _, last, states in recurrent} == {(a, b) for a in (True, False) for b in (True, False)}
    assert {kind for kind, last, _ in recurrent if last} == {"GRU", "LSTM", "RNN"}
    assert schedules >= {"Constant", "Cosine", "Step", "WarmUp", "function"}
    assert metrics == {"accuracy", "binary_accuracy", "top_2"}
    assert clipped == {True, False}
    assert decays == {"dict", "float"}


def test_a_case_is_the_same_each_time():
    ours, again = Case(3), Case(3)
    assert str(ours) == str(again)
    assert all(np.array_equal(A, B) for A, B in zip(ours.data(), again.data(), strict=True))
    assert np.array_equal(ours.trainer(True).model.flat_parameters, again.trainer(False).model.flat_parameters)
