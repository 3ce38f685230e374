"""`nnmat export`: a model for other programs, in ONNX, which takes the numbers of the table as they are."""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import StateError
from ..extras import extra
from ..formats.atomic import atomic_write
from ..formats.npz import layer_from_config
from ..layers import Sequential, Softmax
from .learning.model_file import Kept, read_model
from .learning.recipes import TableRecipe
from .learning.scores import outputs, probabilities_of
from .usage.kinds import command, output
from .usage.outputs import check_output, is_onnx

EXAMPLES = """\
examples:
  nnmat export model.npz --onnx model.onnx

Of a table, the input X has a column of numbers for each column of numbers, as they stand in the table, and one of 0 and
1 for each category: their names are in the metadata, `features`. Of images it is (B, height, width, colours), from 0 to
1. The output Y is the probability of each of the `labels`, or the number that is told.
"""
ROWS = 64
MOST = 1e-4  # difference that a float32 file may have from the model, of its largest output; else it is float64


def add(added: Any) -> None:
    """The command with its options."""
    parser = command(added, "export", "write a model for other programs, in ONNX", EXAMPLES, run, "MODEL --onnx FILE")
    parser.add_argument("model", metavar="MODEL", help="a file that nnmat train wrote")
    parser.add_argument("--onnx", type=output(".onnx"), required=True, metavar="FILE", help="what to write")
    parser.add_argument(
        "--layout",
        choices=("NHWC", "NCHW"),
        default="NHWC",
        help="of images: colours last or first (default: %(default)s)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE though nnmat did not write it")


def run(options: argparse.Namespace) -> None:
    """Read, fold, write, compare."""
    from ..onnx import save  # here, for it is the largest room, and every other command would load it

    extra("onnx", "nnmat export", "onnx")
    check_output("--onnx", options.onnx, [Path(options.model)], is_onnx, options.overwrite)
    kept = read_model(Path(options.model))
    model, X = _same(kept)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        found = save(model, file, layout=options.layout, example=X, progress=False)
        content = _with_notes(file, notes(kept))
    with atomic_write(options.onnx, len(content)) as target:
        target.write(content)
    print(f"{options.onnx}: {found}")
    print(f"input X: {_input(kept, options.layout)}; output Y: {_output(kept)}")


def whole_network(kept: Kept, dtype: Any = np.float32) -> Sequential:
    """The network that takes features as they stand in the table, and gives probabilities, or numbers in their unit.

    With x' = (x - μ)/σ the first layer W x' + b is (W/σ) x + (b - (W/σ) μ); the last layer's numbers h are σ h + μ.
    """
    layers = [layer_from_config(layer.spec(), {}) for layer in kept.model.children()]
    if kept.recipe.labels is not None:
        layers.append(Softmax())
    whole = Sequential(layers, input_shape=kept.model.input_shape, dtype=dtype)
    values = {p.name: p.value.astype(np.float64) for p in kept.model.parameters()}
    if isinstance(kept.recipe, TableRecipe):
        means, scales, target = _scaling(kept.recipe)
        linear = sorted({int(name.partition(".")[0]) for name in values})
        first, last = f"{linear[0]}.", f"{linear[-1]}."
        values[first + "weight"] /= scales
        values[first + "bias"] -= values[first + "weight"] @ means
        if kept.recipe.labels is None:
            for kind in ("weight", "bias"):
                values[last + kind] *= target["scale"]
            values[last + "bias"] += target["mean"]
    for p in whole.parameters():
        p.value[...] = values[p.name]
    for name, A in kept.model.buffers().items():
        whole.buffers()[name][...] = A
    return whole


def _scaling(recipe: TableRecipe) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Means and scales of the features, and the target's."""
    config = recipe.table.config()
    means, scales = [], []
    for column in config["columns"]:
        width = len(column["categories"]) if "categories" in column else 1
        means += [column.get("mean", 0.0)] * width
        scales += [column.get("scale", 1.0)] * width
    return np.array(means), np.array(scales), config["target"]


def _same(kept: Kept) -> tuple[Sequential, np.ndarray]:
    """The whole network in float32 or, where that loses digits, in float64, and drawn inputs. StateError if neither."""
    drawn = np.random.default_rng(0).standard_normal((ROWS, *kept.model.input_shape))
    coded, X = (drawn, drawn) if drawn.ndim == 2 else (np.abs(drawn) % 1.0,) * 2
    if isinstance(kept.recipe, TableRecipe):
        means, scales, _ = _scaling(kept.recipe)
        X = coded * scales + means
    H = outputs(kept.model, coded.astype(np.float32), True, "exporting")
    expected = probabilities_of(H) if kept.recipe.labels else kept.recipe.in_units(H)[:, np.newaxis]
    difference = np.inf
    for dtype in (np.float32, np.float64):
        whole, given = whole_network(kept, dtype), X.astype(dtype)
        difference = float(np.abs(outputs(whole, given, True, "exporting") - expected).max())
        if difference <= MOST * float(np.abs(expected).max()):
            return whole, given
    raise StateError(
        f"expected the same outputs for numbers as they stand in the table, got others by {difference:.2g}."
    )


def notes(kept: Kept) -> dict[str, str]:
    """What the file says beside its graph."""
    recipe = kept.recipe
    found: dict[str, Any] = {"task": recipe.task, "target": recipe.target}
    if recipe.labels is not None:
        found["labels"] = list(recipe.labels)
    if isinstance(recipe, TableRecipe):
        found["features"] = recipe.table.features
    else:
        found |= {"size": list(recipe.size), "grey": recipe.grey}
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in found.items()
    }


def _with_notes(file: Path, more: dict[str, str]) -> bytes:
    onnx = extra("onnx", "nnmat export", "onnx")
    proto = onnx.load(file)
    onnx.helper.set_model_props(proto, {p.key: p.value for p in proto.metadata_props} | more)
    return proto.SerializeToString()


def _input(kept: Kept, layout: str) -> str:
    if isinstance(kept.recipe, TableRecipe):
        features = kept.recipe.table.features
        return f"(B, {len(features)}), {', '.join(features[:6])}{', ...' if len(features) > 6 else ''}"
    height, width, channels = kept.model.input_shape
    shape = f"(B, {height}, {width}, {channels})" if layout == "NHWC" else f"(B, {channels}, {height}, {width})"
    return f"{shape}, from 0 to 1"


def _output(kept: Kept) -> str:
    if kept.recipe.labels is None:
        return f"(B, 1), {kept.recipe.target}"
    labels = kept.recipe.labels
    return f"(B, {len(labels)}), the probabilities of {', '.join(labels[:6])}{', ...' if len(labels) > 6 else ''}"
