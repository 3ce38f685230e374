"""The packages are typed: `mypy --strict` on a user's script passes right lines and sees wrong arguments."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = """
import numpy as np
import nnmat
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
"""


@pytest.mark.once
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed (extra: check)")
def test_a_users_script(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary"]
    path = os.pathsep.join(map(str, (ROOT, ROOT / "kernels")))
    cache = f"--cache-dir={ROOT / '.mypy_cache' / 'users'}"
    result = subprocess.run(
        [*command, cache, "--config-file=", str(script)],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "MYPYPATH": path}, check=False,
    )  # fmt: skip
    found = {
        (int(number), code)
        for number, code in re.findall(r"^script\.py:(\d+): error: .*\[([a-z-]+)\]$", result.stdout, re.MULTILINE)
    }
    expected = {
        (number, line.split("# E: ")[1]) for number, line in enumerate(SCRIPT.splitlines(), 1) if "# E: " in line
    }
    assert found == expected, f"{sorted(found ^ expected)}\n{result.stdout}{result.stderr}"


@pytest.mark.parametrize("package", ["nnmat", "kernels/nnmat_kernels"])
def test_the_packages_say_that_they_are_typed(package):
    assert (ROOT / package / "py.typed").is_file()
