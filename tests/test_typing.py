"""The packages are typed: `mypy --strict` on a user's script passes right lines and sees wrong arguments."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FACES = ["nnmat", "nnmat.calculus", "nnmat.datasets", "nnmat.descent", "nnmat.layers", "nnmat.losses"]
FACES += ["nnmat.optimizers", "nnmat.formats.convert", "nnmat.onnx", "nnmat.plots", "nnmat_kernels"]
SCRIPT = """
import numpy as np
import nnmat
import nnmat.onnx
import nnmat.plots
from nnmat.sklearn import CNNClassifier, MLPClassifier, MLPRegressor, NetClassifier, NetRegressor
from nnmat import Adam, Add, AvgPool2d, Call, Concatenate, Conv2d, Dropout, Flatten, Layer, Linear, MaxPool2d, ReLU
from nnmat import Sequential, Sigmoid, SoftmaxCrossEntropy, SGD, Tied, Trainer

# ---- right ----
encode = Linear(784, 128, bias=True)
model = Sequential([Flatten(), encode, Sigmoid(), Linear(128, 10)], input_shape=(28, 28, 1), seed=0, dtype=np.float32)
cnn = Sequential([Conv2d(1, 8, (3, 3), stride=2), ReLU(), MaxPool2d(2), AvgPool2d((2, 1)), Flatten(), Linear(None, 10)])
block = Add([None, Sequential([Linear(8, 8), Dropout(0.1)])])
beside = Concatenate([None, Linear(8, 8)]).build((8,), rng=1)
X = np.zeros((4, 28, 28, 1), np.float32)
H: np.ndarray = model.forward(X, training=True)
P: np.ndarray = nnmat.softmax(model(X, record=True))
gX = model.backward(H, accumulate=False, keep=True)
gX = model.backward(H, parameters=False, input_gradient=False)
two = Add().build(((3,), (3,))).forward((H, H), training=False, record=True)
model.summary().splitlines()
for layer in model:
    print(layer.kind)
loss, optimizer = SoftmaxCrossEntropy(label_smoothing=0.1), SGD(model, lr=0.1, momentum=0.9)
value: float = loss.forward(H, np.zeros(4, np.int64), sample_weight=np.ones(4)) + nnmat.MeanSquaredError().forward(H, H)
G: np.ndarray = loss.backward()
trainer = Trainer(model, loss, optimizer, metrics=["accuracy"])
history: dict[str, list[float]] = trainer.fit((X, H), epochs=1, batch_size=2, validation=(X, H), callbacks=[], seed=1)
figures: dict[str, float] = trainer.evaluate((X, H), batch_size=2, progress=False)
probabilities: np.ndarray = trainer.predict_proba(trainer.predict(X, progress=False))
more = [Adam(model, lr=lambda step: 1 / (step + 1)), nnmat.RMSProp(model, lr=1), nnmat.AdamW(beside)]
scheduled = SGD(model, lr=nnmat.schedules.Cosine(0.1, steps=10))
report = nnmat.gradcheck(beside, np.zeros((2, 8)))
nnmat.load_state(model, {p.name: p.value for p in model.parameters()})
nnmat.save(model, "m.safetensors")
loaded: Layer = nnmat.load(b"m.safetensors", layers=[Add])
nnmat.load_state(model, "theirs.safetensors", partial=True, half=True)
nnmat.convert.from_torch(model, {"0.weight": H, "0.bias": H}, order=["0"], strict=False)
nnmat.convert.from_torch(model, "theirs.safetensors", order="given")
nnmat.convert.from_keras(model, "m.weights.h5", order=["dense", "dense_1"], half=True)
back: dict[str, np.ndarray] = nnmat.convert.to_torch(model, like={"a": H})
numbers: int = sum(p.value.size for p in model.parameters())
sequence = Sequential([nnmat.Embedding(9, 4), nnmat.LSTM(4, 8, last=True), Linear(8, 2)], input_shape=(7,))
gated = Sequential([nnmat.GRU(4, 8), nnmat.LayerNorm(8, eps=1e-3), nnmat.TransformerBlock(8, 2)], input_shape=(7, 4))
images = [nnmat.Conv1d(3, 4, 3), nnmat.BatchNorm1d(), nnmat.MaxPool1d(2), nnmat.GELU("tanh"), nnmat.PReLU()]
images += [nnmat.ConvTranspose2d(3, 4, (3, 3), stride=2), nnmat.GroupNorm(2), nnmat.Residual(ReLU())]
losses: list[nnmat.Loss] = [nnmat.L1(), nnmat.Huber(), nnmat.SmoothL1(), nnmat.SigmoidBinaryCrossEntropy()]
optimizers: list[nnmat.Optimizer] = [nnmat.Lion(model, lr=1e-4), nnmat.Muon(model), nnmat.LBFGS(model)]
table = nnmat.datasets.table({"age": [3, 4], "kind": ["cat", "dog"]}, "kind", fill={"age": "median"}, test=0.5)
rows: np.ndarray = nnmat.datasets.Table.from_config(table.config()).transform("new.csv")
trainer.fit(table, 1, augment=nnmat.datasets.Augment(shift=(1, 2), rotate=10, flip="horizontal", crop=8, fill=0.5))
trainer.fit(table.train, 1, augment=lambda X, rng: X + rng.normal(0, 0.1, X.shape))
photos = nnmat.datasets.image_folder("photos", size=(8, 8), grey=True)
kept, held = nnmat.datasets.split(nnmat.datasets.digits(), test=0.2, stratify=False)
pixels: np.ndarray = nnmat.datasets.read_images(["1.png", b"2.png"], 8)
tokens: np.ndarray = nnmat.datasets.Tokenizer(object(), size=9).encode("text")
windows = nnmat.datasets.RandomWindows(tokens, context=8, batch_size=2, steps=3)
estimator = MLPClassifier(hidden=(8, 4), epochs=3).fit(X, [0, 1, 0, 1], sample_weight=np.ones(4))
guesses: np.ndarray = CNNClassifier(image_shape=(8, 8)).fit(X, tokens).predict(X)
r2: float = MLPRegressor().partial_fit(X, H).score(X, H)
ours: Layer = NetClassifier(lambda inputs, outputs: Sequential([Linear(inputs, outputs)])).fit(X, tokens).model_
checked = nnmat.onnx.save(model, "m.onnx")
again: Layer = nnmat.onnx.load("m.onnx")
nnmat.plots.plot_history(history, ["accuracy"], ax=nnmat.plots.plot_network(model))
derived: Layer = nnmat.layer_from_expression("sigmoid(X @ W)", parameters={"W": ("N", 3)})
stopping: list[nnmat.Callback] = [nnmat.EarlyStopping(patience=3), nnmat.Checkpoint("last.npz")]
stopping += [nnmat.Log("run.jsonl"), nnmat.CSVLog("run.csv"), nnmat.LearningRateOnPlateau(), nnmat.TensorBoard("runs")]
step = nnmat.compile_step(model, loss, optimizer)
train, test = nnmat.datasets.mnist()
images_of: np.ndarray = train.X[:10]
threads: int = nnmat.get_num_threads()
nnmat.set_num_threads(2)
nnmat.warmup(model, loss, optimizer, batch_size=8)
K: np.ndarray = nnmat.khat(np.zeros((1, 3, 3, 1)), (5, 5, 1))
entries: int = nnmat.khat(np.zeros((1, 3, 3, 1)), (5, 5, 1), form="triplets").values.size
pattern: np.ndarray = nnmat.khat_pattern((1, 3, 3, 1), (5, 5, 1), form="dense")
try:
    nnmat.load("m.npz")
except (nnmat.FileFormatError, nnmat.ConfigError, nnmat.MissingExtraError) as error:
    print(str(error))


class Quiet(nnmat.Callback):
    def on_epoch_end(self, trainer: Trainer, epoch: int, figures: dict[str, float]) -> None:
        print(epoch, figures["loss"], trainer.model.kind)


class Scale(Layer):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape

    def forward(self, X: np.ndarray, call: Call) -> np.ndarray:
        return self.factor * X

    def backward(self, G: np.ndarray, call: Call) -> np.ndarray:
        return self.factor * G


Sequential([Scale(2.0), Linear(3, 3)])(X, training=True)

# ---- wrong ----
Linear("784", 128)  # E: arg-type
Linear(784)  # E: call-arg
Linear(784, 128, biass=True)  # E: call-arg
Conv2d(1, 8, "3")  # E: arg-type
Conv2d(1, 8, 3, stride=(1, 2, 3))  # E: arg-type
Conv2d(1, 8, 3, dilations=2)  # E: call-arg
MaxPool2d(2.5)  # E: arg-type
Dropout("half")  # E: arg-type
ReLU(0.1)  # E: call-arg
Sequential(Linear(1, 2))  # E: arg-type
Sequential([Linear(1, 2), 3])  # E: list-item
Sequential([Linear(1, 2)], input_shape="28x28")  # E: arg-type
Sequential([Linear(1, 2)], input_shapes=(1,))  # E: call-arg
Add([Linear(1, 2), "relu"])  # E: list-item
Concatenate(axis=1)  # E: call-arg
Tied(3)  # E: arg-type
model.forward(X, train=True)  # E: call-arg
model.forward(X, training="yes")  # E: arg-type
model.forward([1, 2, 3])  # E: arg-type
model(X, trainig=True)  # E: call-arg
encode.forward("X")  # E: arg-type
model.backward(H, accumulated=True)  # E: call-arg
model.backward(H, keep="yes")  # E: arg-type
model.backward()  # E: call-arg
model.build((3,), seed=1)  # E: call-arg
loss.forward(H)  # E: call-arg
loss.forward(H, "y")  # E: arg-type
loss.forward(H, H, weight=H)  # E: call-arg
trainer.fit((X, H), epoch=1)  # E: call-arg
trainer.fit((X, H), epochs="3")  # E: arg-type
trainer.fit((X, H), epochs=3, callbacks=[3])  # E: list-item
trainer.evaluate((X, H), batch_size="all")  # E: arg-type
trainer.predict(X, batchsize=3)  # E: call-arg
trainer.fit((X, H), epochs=1)["loss"].size  # E: attr-defined
Adam(model, lr="x")  # E: arg-type
Adam(model.parameters())  # E: arg-type
SGD(model, lr=None)  # E: arg-type
SGD(model, momentum="0.9")  # E: arg-type
nnmat.RMSProp(model, lr=[0.1])  # E: arg-type
nnmat.load_state(model, 3)  # E: arg-type
nnmat.softmax([1.0])  # E: arg-type
nnmat.save("m.npz", model)  # E: arg-type
nnmat.load("m.npz", layers=Add)  # E: arg-type
nnmat.load_state(model, "m.safetensors", half="yes")  # E: arg-type
nnmat.convert.from_torch(model, {}, order=3)  # E: arg-type
nnmat.convert.from_torch("model", {})  # E: arg-type
nnmat.convert.from_keras(model)  # E: call-arg
nnmat.convert.to_torch(model, as_=1)  # E: call-arg
nnmat.datasets.table("pets.csv")  # E: call-arg
nnmat.datasets.table("pets.csv", target=None)  # E: arg-type
nnmat.datasets.table("pets.csv", "kind", fills="mean")  # E: call-arg
nnmat.datasets.image_folder("photos", "8x8")  # E: arg-type
nnmat.datasets.Augment(rotate="10")  # E: arg-type
nnmat.datasets.split(table.train, test="0.2")  # E: arg-type
nnmat.LSTM(4, "8")  # E: arg-type
nnmat.Embedding(9)  # E: call-arg
nnmat.EarlyStopping(patient=3)  # E: call-arg
nnmat.warmup(model, batches=8)  # E: call-arg
nnmat.set_num_threads("two")  # E: arg-type
"""


def checked(folder: Path, name: str, source: str) -> tuple[set[tuple[int, str]], str]:
    """The lines of a user's script where `mypy --strict` finds errors, with their codes, and all that it says."""
    script = folder / name
    script.write_text(source)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary"]
    path = os.pathsep.join(map(str, (ROOT, ROOT / "kernels")))
    cache = f"--cache-dir={ROOT / '.mypy_cache' / 'users'}"
    result = subprocess.run(
        [*command, cache, "--config-file=", str(script)],
        capture_output=True, text=True, cwd=folder, env={**os.environ, "MYPYPATH": path}, check=False,
    )  # fmt: skip
    found = {
        (int(number), code)
        for number, code in re.findall(r"^\w+\.py:(\d+): error: .*\[([a-z-]+)\]$", result.stdout, re.MULTILINE)
    }
    return found, result.stdout + result.stderr


@pytest.mark.once
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed (extra: check)")
def test_a_users_script(tmp_path):
    found, said = checked(tmp_path, "script.py", SCRIPT)
    expected = {
        (number, line.split("# E: ")[1]) for number, line in enumerate(SCRIPT.splitlines(), 1) if "# E: " in line
    }
    assert found == expected, f"{sorted(found ^ expected)}\n{said}"


@pytest.mark.once
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed (extra: check)")
def test_every_public_name_is_there_for_users(tmp_path):
    """Under --strict a name counts if its package hands it out by `__all__`."""
    lines = []
    for face in FACES:
        for name in importlib.import_module(face).__all__:
            lines += [f"from {face} import {name} as n{len(lines)}"]
    lines.append("from nnmat.convert import from_torch")  # E: it is a module's attribute, no package
    found, said = checked(tmp_path, "names.py", "\n".join(lines))
    assert len(lines) > 200
    assert {number for number, _ in found} == {len(lines)}, said


@pytest.mark.parametrize("package", ["nnmat", "kernels/nnmat_kernels"])
def test_the_packages_say_that_they_are_typed(package):
    assert (ROOT / package / "py.typed").is_file()
