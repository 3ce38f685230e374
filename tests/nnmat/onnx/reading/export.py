"""Make the files in `exported/`: small models, written by both exporters of PyTorch, and what they give.

python tests/nnmat/onnx/reading/export.py        # needs torch and onnxscript; the tests read the files alone
"""

import contextlib
import io
import logging
import pathlib
import warnings

import numpy as np
import onnx
import torch
from torch import nn

FOLDER = pathlib.Path(__file__).parent / "exported"


class First(nn.Module):
    """The first of what a recurrent module gives."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x)[0]


class Block(nn.Module):
    """A residual block that changes the shape."""

    def __init__(self):
        super().__init__()
        self.one, self.norm = nn.Conv2d(2, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4)
        self.two, self.short = nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(2, 4, 1, 2)

    def forward(self, x):
        y = self.two(torch.relu(self.norm(self.one(x))))
        return torch.relu(torch.cat([y + self.short(x), y], dim=1))


def chain(text: str) -> nn.Sequential:
    """Modules of torch.nn, written one after the other."""
    return nn.Sequential(*eval(f"[{text}]", vars(nn).copy()))


def models():
    image, sequence = torch.randn(3, 1, 12, 12), torch.randn(3, 5, 4)
    up = "ConvTranspose2d(2, 3, 3, stride=2), LeakyReLU(), Upsample(scale_factor=2)"
    up += ", Conv2d(3, 3, 3, padding=1, padding_mode='reflect'), Upsample(scale_factor=2, mode='bilinear')"
    up += ", ELU(), Hardswish(), Mish(), Softplus(), PReLU(3), ReLU6()"
    lenet = "Conv2d(1, 4, 3, padding=1), BatchNorm2d(4), ReLU(), MaxPool2d(2), Conv2d(4, 6, 3), Tanh(), Flatten()"
    cnn = "Conv2d(1, 4, 3, stride=2), GELU(), GroupNorm(2, 4), SiLU(), AvgPool2d(2), AdaptiveAvgPool2d(1), Flatten()"
    encoder = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=True, activation="gelu")
    tokens = torch.randint(0, 11, (3, 5))
    mlp = "Linear(8, 16), ReLU(), BatchNorm1d(16), Dropout(), Linear(16, 4), Softmax(-1)"
    return {
        "mlp": (chain(mlp), torch.randn(3, 8)),
        "lenet": (chain(f"{lenet}, Linear(96, 5), Sigmoid()"), image),
        "cnn": (chain(f"{cnn}, Linear(4, 3), LogSoftmax(-1)"), image),
        "upsampling": (chain(up), torch.randn(2, 2, 4, 4)),
        "residual": (Block(), torch.randn(2, 2, 6, 6)),
        "transformer": (encoder, torch.randn(3, 5, 8)),
        "tokens": (chain("Embedding(11, 8), Linear(8, 8), LayerNorm(8), Linear(8, 11)"), tokens),
        "lstm": (First(nn.LSTM(4, 6, batch_first=True)), sequence),
        "lstm_both": (First(nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True)), sequence),
        "gru": (First(nn.GRU(4, 6, batch_first=True)), sequence),
        "rnn": (First(nn.RNN(4, 6, batch_first=True)), sequence),
    }


def plain(path):
    """The file without what says where and how it was made."""
    model = onnx.load(path)
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.ClearField("value_info")
    onnx.save(model, path)


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    torch.manual_seed(0)
    FOLDER.mkdir(exist_ok=True)
    arrays = {}
    for name, (model, x) in models().items():
        for norm in model.modules():
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                for A in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                    nn.init.uniform_(A, 0.5, 1.5)
        model.eval()
        arrays[f"{name}/X"], arrays[f"{name}/Y"] = x.numpy(), model(x).detach().numpy()
        for kind in ("dynamo", "script"):
            path = FOLDER / f"{name}_{kind}.onnx"
            with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(TypeError):  # of its own: no attention
                if kind == "dynamo":
                    batch = {0: torch.export.Dim("batch")}
                    torch.onnx.export(model, (x,), path, dynamo=True, dynamic_shapes=(batch,), external_data=False)
                else:
                    axes = {"x": {0: "batch"}, "y": {0: "batch"}}
                    names = {"input_names": ["x"], "output_names": ["y"]}
                    torch.onnx.export(model, (x,), path, dynamo=False, dynamic_axes=axes, **names)
                plain(path)
    np.savez(FOLDER / "outputs.npz", **arrays)


if __name__ == "__main__":
    main()
