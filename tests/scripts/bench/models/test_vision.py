"""The networks of the scripts in nnmat; PyTorch's are compared with them under `make judge`."""

import json
import subprocess
import sys

import numpy as np
import pytest

from bench.models import vision
from tests.scripts.running import ROOT, environment

SMALL = {
    "resnet": {"widths": (2, 3, 4), "batch_size": 4},
    "gan": {"channels": (2, 3), "hidden": 5, "batch_size": 4},
}


def test_images():
    X, y = vision.images(3, 2)
    assert (X.shape, X.dtype, y.shape) == ((6, 28, 28, 1), np.float32, (6,))
    assert -1 <= X.min() < -0.9 < 0.9 < X.max() <= 1


@pytest.mark.parametrize("net", SMALL)
def test_a_step_takes_some_time(net):
    assert vision.Nnmat().stepper(net, **SMALL[net])(0.01) > 0


def test_the_sizes_are_those_of_the_scripts():
    ours = vision.Nnmat()
    assert ours.model("resnet").flat_parameters.size == 73_082
    assert [model.output_shape(model.input_shape) for model in ours.model("gan")] == [(28, 28, 1), (1,)]


def test_a_worker_answers():
    requests = [{"what": "variants", "arguments": {"threads": 2}}]
    done = subprocess.run(
        [sys.executable, "-m", "bench.models.vision", "nnmat"],
        input="".join(json.dumps(request) + "\n" for request in requests),
        env=environment(ROOT / "scripts"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert [json.loads(line) for line in done.stdout.splitlines()] == [{"answer": [{"threads": 2}]}]
