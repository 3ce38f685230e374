"""What users of other libraries write out of habit: the right value, or an error that says what to write instead."""

import ast
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

import nnmat
import nnmat_kernels
from nnmat import (
    SGD,
    Adam,
    AdamW,
    Conv2d,
    Dropout,
    Linear,
    MaxPool2d,
    MeanSquaredError,
    RMSProp,
    Sequential,
    SigmoidBinaryCrossEntropy,
    SoftmaxCrossEntropy,
    Trainer,
    convert,
    metrics,
    schedules,
)
from nnmat.errors import BuildError, ConfigError, DataError, DtypeError, LabelError, ShapeError
from tests.outside.odd_arrays import Frame

F = np.float32
ERRORS = (BuildError, ConfigError, DataError, DtypeError, LabelError, ShapeError)
X = np.arange(12, dtype=F).reshape(4, 3) / 12
H = np.array([[1, 2, 0], [0, 1, 2], [2, 0, 1], [1, 0, 2]], F) - 0.5
Y = np.array([1, 2, 0, 2])
ONE_HOT = np.eye(3)[Y]
LOGIT = H[:, :1]


def model(outputs=3):
    return Sequential([Linear(3, outputs)], input_shape=(3,), seed=0)


def fit(y, loss=None, outputs=3, **options):
    net = model(outputs)
    names = options.pop("metrics", ())
    run = Trainer(net, loss or SoftmaxCrossEntropy(), SGD(net), metrics=names)
    return run.fit((X, y), steps=1, batch_size=2, progress=False, checkpoint=None, **options)["loss"]


class Mine(nnmat.Callback):
    """A callback of one's own."""

    def __init__(self, factor):
        self.factor = factor


class Module:
    """As much of a module of PyTorch as is asked for."""

    def __init__(self, state):
        self.state = state

    def state_dict(self):
        return self.state

    def __call__(self, X):
        return X


STATE = OrderedDict([("0.weight", np.ones((3, 3), F)), ("0.bias", np.arange(3, dtype=F))])


def stated(source):
    net = model()
    nnmat.load_state(net, source, partial=True)
    return net[0].bias.value.tolist()


def weights_from(state):
    net = model()
    convert.from_torch(net, state)
    return net[0].bias.value.tolist()


SOFTMAX, BINARY, SQUARED = SoftmaxCrossEntropy(), SigmoidBinaryCrossEntropy(), MeanSquaredError()
LABELLED = SoftmaxCrossEntropy().forward(H, Y)
# What is called, then the value, or the words of the error.
CASES = {
    "one-hot rows": [
        (lambda: SOFTMAX.forward(H, ONE_HOT), LABELLED),
        (lambda: SOFTMAX.forward(H, ONE_HOT.astype(F)), LABELLED),
        (
            lambda: SOFTMAX.forward(H, ONE_HOT.astype(bool)),
            r"got bool\. .*y\.astype\(np\.float32\) for targets, one-hot",
        ),
        (lambda: SOFTMAX.forward(H, ONE_HOT.astype(np.uint8)), r"One-hot targets are floats: y\.astype\(np\.float32\)"),
        (lambda: SOFTMAX.forward(H, Frame(ONE_HOT)), r"got Frame\. Try y\.to_numpy\(\)"),
        (lambda: fit(Frame(ONE_HOT)), fit(Y)),
        (lambda: fit(ONE_HOT.astype(bool)), r"got bool\. .*one-hot"),
        (lambda: fit(ONE_HOT.astype(np.int64)), r"labels are y\.argmax\(axis=-1\)"),
        (lambda: fit(ONE_HOT[:, :2]), r"expected targets y of the shape of H, \(4, 3\), got \(4, 2\)"),
        (lambda: metrics.accuracy(H, ONE_HOT), 1.0),
        (lambda: metrics.accuracy(H, ONE_HOT.astype(bool)), r"One-hot targets are floats"),
        (lambda: metrics.top_k_accuracy(H, ONE_HOT.astype(int), 2), r"labels are y\.argmax\(axis=-1\)"),
        (lambda: metrics.confusion_matrix(H, ONE_HOT.astype(bool)), r"One-hot targets are floats"),
    ],
    "booleans as targets": [
        (lambda: BINARY.forward(LOGIT, Y[:, None] > 0), SigmoidBinaryCrossEntropy().forward(LOGIT, (Y > 0).astype(F))),
        (lambda: SQUARED.forward(LOGIT, Y > 0), MeanSquaredError().forward(LOGIT, (Y > 0).astype(F))),
        (lambda: fit(Y > 0, BINARY, 1), fit((Y > 0).astype(F), BINARY, 1)),
        (lambda: metrics.binary_accuracy(LOGIT, Y > 0), 0.5),
    ],
    "a column of labels": [
        (lambda: SOFTMAX.forward(H, Y[:, None]), r"got \(4, 1\)\. Take the labels .*: np\.ravel\(y\)\.$"),
        (lambda: SOFTMAX.forward(H, Y[:, None].astype(F)), r"np\.ravel\(y\)\.astype\(np\.int64\)\.$"),
        (lambda: SOFTMAX.forward(H[None], Y[None, :, None]), r"axis of length 1: y\[\.\.\., 0\]\.$"),
        (lambda: SOFTMAX.forward(H, Y.astype(F)), r"Class labels are integers: y\.astype\(np\.int64\)"),
        (lambda: fit(Y[:, None]), r"np\.ravel\(y\)"),
        (lambda: fit(Frame(Y[:, None])), r"np\.ravel\(y\)"),
        (lambda: metrics.accuracy(H, Y[:, None]), r"np\.ravel\(y\)"),
        (lambda: metrics.accuracy(H, Y.astype(float)), r"Try y\.astype\(np\.int64\)"),
        (lambda: metrics.binary_accuracy(H[:, 0], Y[:, None] > 0), r"Try np\.ravel\(y\)"),
        (lambda: SQUARED.forward(H, Y[:, None].astype(F)), r"For one number per row, H has one column"),
        (lambda: BINARY.forward(H, Y), r"for labels of 3 classes use softmax cross-entropy"),
        (lambda: SQUARED.forward(LOGIT, Y.astype(F)), MeanSquaredError().forward(LOGIT, Y.astype(F)[:, None])),
    ],
    "labels that are none": [
        (lambda: SOFTMAX.forward(H, Y + 1), r"from 0 to 2, got 3 in row 1\. Labels count from 0: try y - 1;"),
        (lambda: SOFTMAX.forward(H, Y - 1), r"got -1 in row 2\. Labels count from 0; .*ignore_index"),
        (
            lambda: SOFTMAX.forward(H, np.array(["a", "b", "a", "c"])),
            r"names, y = np\.unique\(y, return_inverse=True\)",
        ),
        (lambda: fit(["a", "b", "a", "c"]), r"names, y = np\.unique\(y, return_inverse=True\)"),
        (lambda: fit(np.array(["a", "b", "a", "c"], object)), r"with 'a' at index \(0,\)\. .*np\.unique\(y"),
        (lambda: BINARY.forward(LOGIT, 2 * (Y > 0) - 1.0), r"For targets -1 and 1: \(y \+ 1\) / 2"),
        (lambda: BINARY.forward(LOGIT, Y), r"Labels of more than two classes need a column of H for each"),
        (lambda: BINARY.forward(LOGIT, np.array([0, 1, np.nan, 1])), r"got nan in row 2, column 0"),
    ],
    "one logit": [
        (
            lambda: metrics.accuracy(LOGIT, (Y > 0) * 1),
            r"column for each class, .*For one logit per row use binary_accuracy",
        ),
        (lambda: metrics.accuracy(LOGIT, (Y[:, None] > 0) * 1.0), r"use binary_accuracy"),
        (lambda: metrics.accuracy(LOGIT, 0 * Y), r"use binary_accuracy"),
        (lambda: fit(Y > 0, BINARY, 1, metrics=["accuracy"]), r"metrics=\['binary_accuracy'\]"),
        (lambda: SOFTMAX.forward(LOGIT, 0 * Y), r"the loss is always 0\. .*use SigmoidBinaryCrossEntropy"),
        (lambda: SOFTMAX.forward(LOGIT, np.ones((4, 1), F)), r"use SigmoidBinaryCrossEntropy"),
        (lambda: fit(0 * Y, outputs=1), r"take SigmoidBinaryCrossEntropy"),
        (lambda: fit(Y[:, None] > 0.0, BINARY, 1), fit((Y > 0).astype(F), BINARY, 1)),
    ],
    "class weights": [
        (lambda: SoftmaxCrossEntropy(class_weight=[np.inf, 1, 1]), r"without a sample: .*np\.maximum\(np\.bincount"),
        (lambda: SoftmaxCrossEntropy(class_weight=np.array([1.0, np.nan, 1])), r"one finite number >= 0 per class"),
        (
            lambda: SoftmaxCrossEntropy(class_weight=[-1, 1, 1]),
            r"one finite number >= 0 per class.*for balanced classes",
        ),
        (lambda: SoftmaxCrossEntropy(class_weight=[0, 0, 0]), r"there is nothing to learn"),
        (lambda: SoftmaxCrossEntropy(class_weight={0: 1.0, 1: 2.0}), r"got a dict\. Give a list"),
        (lambda: SoftmaxCrossEntropy(class_weight="balanced"), r"np\.bincount\(y\)\) for balanced classes"),
        (lambda: SoftmaxCrossEntropy(class_weight=[1, None, 1]), r"class_weight .*with None at index \(1,\)"),
        (lambda: SoftmaxCrossEntropy(class_weight=[1, 2]).forward(H, Y), r"class_weight of shape \(3,\), got \(2,\)"),
        (lambda: SOFTMAX.forward(H, Y, [1, 1, 1, 1]), r"sample_weight .*got list\. Try np\.asarray\(sample_weight"),
        (lambda: SOFTMAX.forward(H, Y, np.array([1, -1, 1, 1])), r"not negative, got -1 at position 1"),
        (lambda: SigmoidBinaryCrossEntropy(positive_weight=np.inf), r"positive_weight .*Try negatives / positives"),
        (lambda: SoftmaxCrossEntropy(class_weight=[1, 1, 1]).forward(H, Y), LABELLED),
    ],
    "weights from PyTorch": [
        (lambda: weights_from(STATE), [0, 1, 2]),
        (lambda: weights_from(Module(STATE)), [0, 1, 2]),
        (lambda: weights_from({name: Frame(A) for name, A in STATE.items()}), [0, 1, 2]),
        (lambda: weights_from(list(STATE.values())), r"got list\. Try from_torch\(model, module\.state_dict\(\)\)"),
        (lambda: weights_from("model.pt"), r"got str\. Try from_torch\(model, module\.state_dict\(\)\)"),
        (lambda: weights_from(STATE | {"0.bias": [0, 1, 2]}), r"got list\. Try np\.asarray\(state\['0\.bias'\]\)"),
        (lambda: weights_from(STATE | {"0.bias": np.arange(3)}), r"'0\.bias' as an array of floats, got int64\. Try"),
        (lambda: weights_from({"0.bias": np.zeros(3)}), r"Both models need the same layers in the same order"),
    ],
    "a model's state": [
        (lambda: stated({"0.bias": [0, 1, 2]}), [0, 1, 2]),
        (lambda: stated(model()), r"^load_state: .*got Sequential\. Try load_state\(model, \{p\.name: p\.value for"),
        (lambda: stated([X]), r"^load_state: expected source as a path, or as a dict of arrays .*got list"),
        (lambda: stated(None), r"^load_state: expected source as a path"),
        (lambda: stated({"0.bias": model()[0].bias}), r"got a Parameter\. Try source\['0\.bias'\]\.value\.$"),
        (lambda: stated({"0.bias": ["a", "b", "c"]}), r"'0\.bias' of dtype float32, got <U1\. "),
    ],
    "arguments of optimizers": [
        (
            lambda: SGD(model(), learning_rate=0.1),
            r"^SGD: .*got learning_rate\. Write lr\. It is called as SGD\(model, lr",
        ),
        (lambda: Adam(model(), epsilon=1e-8), r"Write eps\."),
        (lambda: Adam(model(), beta_1=0.9), r"Write betas\."),
        (lambda: Adam(model(), betas=0.9), r"two numbers, got 0\.9\. The usual ones are \(0\.9, 0\.999\)"),
        (lambda: SGD(model(), amsgrad=True), r"Adam and AdamW have it: leave it out"),
        (lambda: AdamW(model(), wieght_decay=0.1), r"Write weight_decay\."),
        (lambda: RMSProp(model(), rho=0.9), r"Write alpha\."),
        (lambda: SGD(model(), clipnorm=1), r"Write clip_norm\."),
        (lambda: SGD(lr=0.1), r"^SGD: expected other arguments \(missing a required argument: 'model'\)"),
        (lambda: SGD(model().parameters()), r"Pass the model itself, not its parameters"),
        (lambda: SGD(Sequential([Linear(3, 3)])), r"Call build\(input_shape\) first"),
        (lambda: SGD(model(), lr="0.1"), r"lr as a number or a schedule, got '0\.1'"),
        (lambda: SGD(model(), lr=schedules.Cosine), r"got the class Cosine\. Give its arguments: Cosine\(\.\.\.\)"),
        (lambda: SGD(model(), lr=lambda step: None).step(), r"the schedule to return a number, got None for step 0"),
        (lambda: schedules.Cosine(0.1, T_max=10), r"Write steps\."),
        (lambda: schedules.Step(0.1, step_size=10, gamma=0.5), r"Write every\."),
        (lambda: schedules.Step(0.1, 10, gamma=0.5), r"Write factor\."),
        (lambda: schedules.WarmUp(10), r"missing a required argument: 'then'"),
    ],
    "arguments of layers": [
        (lambda: Linear(units=3), r"Write out_features\."),
        (lambda: Linear(3), r"missing a required argument: 'out_features'"),
        (lambda: Linear(3, 3, activation="relu"), r"An activation is a layer of its own: .*ReLU\(\)"),
        (lambda: Linear(3, 3, use_bias=False), r"Write bias\."),
        (lambda: Linear(3, 3, device="cpu"), r"leave it out"),
        (lambda: Linear(3, 3, dtype=F), r"Sequential\(\.\.\., dtype=np\.float32\)"),
        (lambda: Linear(3, 3, weight_initializer="he"), r"unknown initializer 'he'\. Known: .*he_normal"),
        (lambda: Conv2d(1, 2, 3, strides=2), r"Write stride\."),
        (lambda: MaxPool2d(3, 1, padding="same"), r"dilation \* \(kernel_size - 1\) // 2"),
        (lambda: Conv2d(1, 2, 3, padding="full"), r"Known: same, valid, or numbers"),
        (lambda: MaxPool2d(2, return_indices=True), r"Backward has them: leave it out"),
        (lambda: nnmat.AvgPool2d(2, divisor_override=3), r"Write divisor\."),
        (lambda: Conv2d(filters=2, kernel_size=3), r"Write out_channels\."),
        (lambda: Conv2d(1, 2, 3, data_format="channels_last"), r"Images are always channels-last"),
        (lambda: MaxPool2d(pool_size=2), r"Write kernel_size\."),
        (lambda: Dropout(p=0.5), r"Write rate\."),
        (lambda: nnmat.ReLU(inplace=True), r"^ReLU: .*No layer writes into its input: leave it out"),
        (lambda: nnmat.Softmax(dim=1), r"^Softmax: .*got dim\. Write axis: channels are the last axis, -1\."),
        (lambda: nnmat.LogSoftmax(dim=1), r"^LogSoftmax: .*Write axis: .*It is called as LogSoftmax\(axis=-1\)"),
        (
            lambda: nnmat.Flatten(start_dim=2),
            r"Write start: channels are the last axis, 3 of images\. .*Flatten\(start=1, end",
        ),
        (lambda: nnmat.Flatten(end_dim=2), r"Write end\."),
        (lambda: nnmat.PReLU(num_parameters=4), r"Write channels\."),
        (lambda: nnmat.PReLU(init=0.1), r"Write initial\."),
        (lambda: nnmat.Dropout2d(p=0.1), r"Write rate\."),
        (lambda: nnmat.RMSNorm(dim=3), r"It is always the last axis: leave it out"),
        (lambda: nnmat.Concatenate(axis=1), r"^Concatenate: .*It is always the last axis: leave it out"),
        (lambda: nnmat.Add(Linear(4, 4)), r"^Add: .*got a layer\. Write Add\(\[layer, \.\.\.\]\)"),
        (lambda: nnmat.Add(Linear(4, 4), nnmat.ReLU()), r"Write Add\(\[layer, \.\.\.\]\)\. It is called as Add\("),
        (lambda: nnmat.Add(Sequential([Linear(4, 4)])), r"^Add: .*got a layer\."),
        (lambda: nnmat.Add(3), r"^Add: expected a list of layers, got 3\. Write Add\("),
        (lambda: nnmat.Concatenate(nnmat.ReLU()), r"Write Concatenate\(\[layer, \.\.\.\]\)"),
        (lambda: nnmat.Concatenate(["relu"]), r"expected layers, or None for the input itself, got 'relu' at place 0"),
        (lambda: nnmat.LeakyReLU(alpha=0.1), r"Write negative_slope\."),
        (lambda: Sequential(Linear(3, 3)), r"Write Sequential\(\[layer, \.\.\.\]\)"),
        (lambda: Sequential(Linear(3, 3), nnmat.ReLU()), r"Write Sequential\(\[layer, \.\.\.\]\)"),
        (lambda: Sequential(3), r"^Sequential: expected a list of layers, got 3\."),
        (lambda: Sequential([Linear]), r"Did you forget the parentheses: Linear\(\)\?"),
        (lambda: Sequential([Linear(3, 3)], input_shape=(3,), random_state=0), r"Write seed\."),
    ],
    "arguments of losses": [
        (lambda: SoftmaxCrossEntropy(weight=[1, 1, 1]), r"Write class_weight\."),
        (
            lambda: SoftmaxCrossEntropy(reduction="avg"),
            r"expected reduction as one of 'mean', 'sum', 'none', got 'avg'",
        ),
        (lambda: SoftmaxCrossEntropy(reduction="batchmean"), r"The mean is over rows: write reduction='mean'"),
        (
            lambda: nnmat.AdversarialLoss(reduction="mean"),
            r"^AdversarialLoss: .*leave it out. AdversarialLoss weighs scores by",
        ),
        (lambda: SigmoidBinaryCrossEntropy(weight=np.ones(3)), r"give them to forward\(H, y, sample_weight\)"),
        (lambda: SoftmaxCrossEntropy(from_logits=True), r"Losses always take logits: leave it out"),
        (lambda: SigmoidBinaryCrossEntropy(pos_weight=2.0), r"Write positive_weight\."),
        (lambda: SoftmaxCrossEntropy()(H, Y), LABELLED),
        (lambda: SoftmaxCrossEntropy().forward(H[0], Y[:1]), r"A single row is H\[None, :\]"),
        (lambda: SoftmaxCrossEntropy().forward(Y, H), r"expected H of dtype float32 or float64, got int64"),
    ],
    "arguments of data": [
        (lambda: nnmat.datasets.Dataset(X), r"^Dataset: .*missing a required argument: 'y'"),
        (lambda: nnmat.datasets.Dataset(X, target=Y), r"^Dataset: .*got target\. It is called as Dataset\(X, y"),
        (
            lambda: nnmat.datasets.Dataset((X, X), Y),
            r"^Dataset: expected X as one array, got a tuple of 2\..*\(\(X1, X2\), y\)",
        ),
        (lambda: nnmat.datasets.ArrayBatches(X, Y), r"missing a required argument: 'batch_size'"),
        (lambda: nnmat.datasets.ArrayBatches(X, Y, 2, weights=Y), r"^ArrayBatches: .*got weights\."),
    ],
    "arguments of callbacks": [
        (lambda: nnmat.TensorBoard(log_dir="runs"), r"^TensorBoard: .*Write folder\."),
        (lambda: nnmat.LearningRateOnPlateau(threshold=0.1), r"^LearningRateOnPlateau: .*Write min_delta\."),
        (lambda: nnmat.EarlyStopping(restore_best_weights=True), r"^EarlyStopping: .*Write restore_best\."),
        (lambda: nnmat.EarlyStopping("loss", 3, 0.0, "min", True, 7), r"too many positional arguments"),
        (lambda: nnmat.Checkpoint(filepath="a.npz"), r"^Checkpoint: .*got filepath\. Write path\."),
        (lambda: nnmat.Checkpoint("a.npz", save_best_only=True), r"Write keep='best'"),
        (lambda: nnmat.Checkpoint(), r"missing a required argument: 'path'"),
        (lambda: nnmat.Log(filename="a.csv"), r"^Log: .*Write path\."),
        (lambda: Mine(facto=3), r"^Mine: .*Write factor\."),
    ],
    "descent": [
        (lambda: nnmat.steepest_descent(3, abs, H), r"expected f as a function of x, got 3"),
        (lambda: nnmat.steepest_descent(abs, None, H), r"expected gradient as a function of x, got None"),
        (
            lambda: nnmat.steepest_descent(abs, abs, H),
            r"expected x0 as an array of float64 .*got float32\. Try x0\.astype",
        ),
        (
            lambda: nnmat.steepest_descent(abs, abs, X.astype(float)),
            r"one number, got shape \(4, 3\)\. Did you forget a sum",
        ),
        (
            lambda: nnmat.steepest_descent(lambda x: 1.0, lambda x: None, X.astype(float)),
            r"gradient\(x\) .*got NoneType",
        ),
        (lambda: nnmat.steepest_descent(lambda x: 1.0, lambda x: x[0], X.astype(float)), r"of the shape of x0"),
        (lambda: nnmat.steepest_descent(abs, abs, X, nnmat.Armijo), r"Did you forget the parentheses: Armijo\(\)\?"),
        (lambda: nnmat.steepest_descent(abs, abs, X, "armijo"), r"expected line_search as an Armijo\(\)"),
        (lambda: nnmat.Armijo(c=0.1), r"^Armijo: .*got c\. Write c1\."),
        (lambda: nnmat.StrongWolfe(rho=0.1), r"^StrongWolfe: .*got rho\."),
        (lambda: nnmat.Armijo(c1="0.1"), r"expected c1 as a finite number"),
        (lambda: nnmat.StrongWolfe(c1=0.5, c2=0.1), r"0 < c1 < c2 < 1, got c1=0\.5, c2=0\.1\. The usual values"),
        (lambda: nnmat.Armijo(max_shrinks=1.5), r"expected max_shrinks as an integer"),
    ],
}
TABLE = [(topic, i, call, said) for topic, cases in CASES.items() for i, (call, said) in enumerate(cases)]


@pytest.mark.parametrize(("call", "said"), [case[2:] for case in TABLE], ids=[f"{t} {i}" for t, i, *_ in TABLE])
def test_the_right_value_or_what_to_write(call, said):
    if isinstance(said, str):
        with pytest.raises(ERRORS, match=said) as raised:
            call()
        text = str(raised.value)
        who, colon, rest = text.partition(": ")
        assert colon, text
        assert len(who) < 40, text
        assert rest.endswith((".", "?")), text
    else:
        np.testing.assert_allclose(call(), said, rtol=1e-6)


def test_every_entry_has_three_variants():
    assert min(len(cases) for cases in CASES.values()) >= 3


@pytest.mark.parametrize(
    ("thing", "name", "said"),
    [
        (model(), "fit", r"Write Trainer\(model, loss, optimizer\)\.fit\("),
        (model(), "predict", r"Write model\.forward\(X\)"),
        (model(), "compile", r"Write Trainer\("),
        (model(), "train", r"training=True"),
        (model(), "eval", r"forward is one for evaluation"),
        (model(), "state_dict", r"nnmat\.save\(model, path\)"),
        (model(), "to", r"by the processor"),
        (model(), "add", r"Sequential\(\[\.\.\.\]\)"),
        (SGD(model()), "zero_grad", r"leave it out"),
        (SGD(model()), "param_groups", r"optimizer\.lr = "),
        (SGD(model()), "minimize", r"optimizer\.step\(\)"),
    ],
)
def test_methods_of_other_libraries(thing, name, said):
    with pytest.raises(
        AttributeError, match=rf"^{type(thing).__name__}: expected an attribute it has, got {name}\. .*{said}"
    ):
        getattr(thing, name)


@pytest.mark.parametrize(
    ("logits", "warned"),
    [
        (nnmat.Softmax().build((3,)).forward(H), True),
        (np.full((2, 4), 0.25), True),
        (np.array([[0.3, 0.7]]), True),
        (H, False),
        (np.zeros((2, 3)), False),
        (np.eye(3), False),
        (np.array([[0.3, 0.7], [0.5, 0.6]]), False),
        (np.array([[-0.5, 1.5]]), False),
    ],
)
def test_probabilities_are_no_logits(logits, warned):
    y, loss = np.zeros(len(logits), np.int64), SoftmaxCrossEntropy()
    if warned:
        with pytest.warns(UserWarning, match=r"expected logits H, got rows that add up to 1.*leave out the Softmax"):
            first = loss.forward(logits, y)
    else:
        first = loss.forward(logits, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert loss.forward(logits, y) == first  # it is said once


def test_no_remedy_names_a_dtype_twice():
    """Remedies put "np." before the dtype that they are given."""
    places = [path for package in (nnmat, nnmat_kernels) for path in Path(package.__file__).parent.rglob("*.py")]
    assert len(places) > 100
    for path in places:
        text = path.read_text(encoding="utf-8")
        assert "np.np" not in text, path
        for call in ast.walk(ast.parse(text)):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(("dtype_remedy", "plain", "no_array")):
                words = [word.value for word in call.args if isinstance(word, ast.Constant)]
                assert not any(str(word).startswith("np.") for word in words), (path, call.lineno)
