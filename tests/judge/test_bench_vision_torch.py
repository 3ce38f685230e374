"""The bench of the networks for images compares like with like."""

import numpy as np
import pytest
import torch

from bench.models import vision
from nnmat import convert

RESNET = {"widths": (4, 6, 8), "blocks": 2, "batch_size": 8}
GAN = {"channels": (4, 6), "hidden": 7, "batch_size": 8}


def filled(theirs, ours):
    """Their module with our weights, matched in order."""
    state = convert.to_torch(ours)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), map(torch.from_numpy, state.values()), strict=True)))
    return theirs


def outputs(theirs, ours, X):
    with torch.no_grad():
        there = theirs(torch.from_numpy(X).permute(0, 3, 1, 2)).numpy()
    return ours.forward(X, training=True), there


@pytest.mark.parametrize("name", ["resnet", "discriminator"])
def test_the_same_network(name):
    if name == "resnet":
        ours, theirs = vision.Nnmat().model("resnet", **RESNET), vision.Torch().model("resnet", **RESNET)
    else:
        ours, theirs = vision.Nnmat().model("gan", **GAN)[1], vision.Torch().model("gan", **GAN)[1]
    X, _ = vision.images(8, 1)
    here, there = outputs(filled(theirs, ours), ours, X)
    np.testing.assert_allclose(here, there, rtol=1e-4, atol=1e-5)


def test_the_generator_has_the_same_parameters():
    ours, theirs = vision.Nnmat().model("gan", **GAN)[0], vision.Torch().model("gan", **GAN)[0]
    assert [p.size for p in ours.parameters()] == [p.numel() for p in theirs.parameters()]
    assert theirs(torch.zeros(2, 64)).shape == (2, 1, 28, 28)


@pytest.mark.parametrize(("net", "sizes"), [("resnet", RESNET), ("gan", GAN)])
@pytest.mark.parametrize("layout", ["NCHW", "channels_last"])
@pytest.mark.parametrize("optimizer", ["foreach", "fused"])
def test_every_variant_makes_steps(net, sizes, layout, optimizer):
    own = vision.Torch()
    assert own.stepper(net, layout, optimizer, **sizes)(0.01) > 0
