"""scripts/train_resnet.py as a person runs it."""

import json

import nnmat
import train_resnet
from nnmat import BatchNorm2d, Conv2d, Residual
from tests.scripts.running import run

SMALL = ["--widths", "2", "3", "4", "--limit", "300", "--epochs", "2", "--batch-size", "30", "--warm-up", "5"]


def test_it_writes_its_results(tmp_path):
    out = run("train_resnet.py", *SMALL, "--quiet", "--save", "m.npz", "--json", "r.json", cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["epochs"] == 2
    assert 0 < result["test_accuracy"] < 1
    assert result["settings"]["widths"] == [2, 3, 4]
    model = nnmat.load(tmp_path / "m.npz")
    assert model.output_shape((28, 28, 1)) == (10,)
    test = nnmat.datasets.mnist()[1]
    found = (model.forward(test.X).argmax(1) == test.y).mean()  # with the running figures
    assert abs(found - result["test_accuracy"]) < 1e-6


def test_the_network_is_the_one_asked_for():
    args = train_resnet.parser_of().parse_args(["--widths", "4", "6", "8", "--blocks", "2"])
    model = train_resnet.resnet(args)
    blocks = [layer for layer in model.modules() if isinstance(layer, Residual)]
    assert [layer.output_shape(layer.input_shape) for layer in blocks] == [(14, 14, 6)] * 2 + [(7, 7, 8)] * 2
    assert [layer.shortcut is None for layer in blocks] == [False, True] * 2
    kinds = [type(layer) for layer in model.modules()]
    assert kinds.count(Conv2d) == kinds.count(BatchNorm2d) == 1 + 2 * 4 + 2
    assert [p.name for p in model.parameters() if p.kind == "bias"] == ["14.bias"]


def test_its_recipe():
    args = train_resnet.parser_of().parse_args([])
    assert (args.epochs, args.optimizer, args.warm_up, args.label_smoothing) == (10, "sgd", 400, 0.1)
    assert train_resnet.resnet(args).flat_parameters.size == 73_082
