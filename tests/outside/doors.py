"""Every public place that takes an array: a call with that array in one argument, and a right one to begin with."""

from typing import NamedTuple

import numpy as np

import nnmat
import nnmat_kernels as k
from nnmat import calculus, datasets, metrics
from nnmat.datasets import read_idx
from nnmat.descent import newton
from nnmat_kernels.resampling.factors import nearest


class Door(NamedTuple):
    """`call(A)` gives numbers; `lists`: whether it takes lists, data frames and the like too."""

    call: object
    A: np.ndarray
    lists: bool = False
    optional: bool = False  # None stands for none
    several: bool = False  # a tuple is one of several arrays
    frames: bool = False  # takes tensors and data frames, though no lists
    says: str = ""  # the remedy for a wrong dtype, where it is not to cast
    in_place: bool = False  # what is not laid out as NumPy's own is refused


F8 = np.float64
X = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
IMAGES = np.tile(X.reshape(2, 2, 3, 1), (1, 2, 2, 2))  # (2, 4, 6, 2)
KERNEL = np.tile(X[:2].reshape(1, 3, 2, 1), (2, 1, 1, 2))  # (2, 3, 2, 2)
Y, WEIGHTS = np.array([1, 0, 1, 1]), np.array([1.0, 0.0, 1.0, 1.0])
LOGITS = X - 0.5
MAPS = np.tile([[1.0, 0, 0.5], [0, 1, 1]], (2, 1, 1))


def built(layer, shape=(3,)):
    return layer.build(shape, rng=0, dtype=F8)


def layers():
    """The layers with the inputs that they are tried with."""
    return {
        "Linear": (lambda: nnmat.Linear(3, 2), X),
        "ReLU": (nnmat.ReLU, X),
        "LeakyReLU": (nnmat.LeakyReLU, X),
        "Sigmoid": (nnmat.Sigmoid, X),
        "Tanh": (nnmat.Tanh, X),
        "GELU": (nnmat.GELU, X),
        "Softmax": (nnmat.Softmax, X),
        "Softmax of rows": (lambda: nnmat.Softmax(1), IMAGES),
        "LogSoftmax": (nnmat.LogSoftmax, X),
        "Mish": (nnmat.Mish, X),
        "ReLU6": (nnmat.ReLU6, X),
        "Hardswish": (nnmat.Hardswish, X),
        "PReLU": (lambda: nnmat.PReLU(3), X),
        "Identity": (nnmat.Identity, X),
        "Dropout": (lambda: nnmat.Dropout(0.5), X),
        "Dropout2d": (lambda: nnmat.Dropout2d(0.5), IMAGES),
        "Flatten": (nnmat.Flatten, IMAGES),
        "Flatten to sequences": (lambda: nnmat.Flatten(1, 2), IMAGES),
        "Conv2d": (lambda: nnmat.Conv2d(2, 2, (3, 2)), IMAGES),
        "Conv2d khat": (lambda: nnmat.Conv2d(2, 2, (3, 2), method="khat"), IMAGES),
        "Conv2d reflect": (lambda: nnmat.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"), IMAGES),
        "ConvTranspose2d": (lambda: nnmat.ConvTranspose2d(2, 2, 2, stride=2), IMAGES),
        "Conv1d": (lambda: nnmat.Conv1d(6, 2, 2), IMAGES.reshape(2, 8, 6)),
        "MaxPool2d": (lambda: nnmat.MaxPool2d(2), IMAGES),
        "MaxPool1d": (lambda: nnmat.MaxPool1d(2), IMAGES.reshape(2, 8, 6)),
        "AdaptiveMaxPool2d": (lambda: nnmat.AdaptiveMaxPool2d(2), IMAGES),
        "AdaptiveAvgPool2d": (lambda: nnmat.AdaptiveAvgPool2d(2), IMAGES),
        "GlobalAvgPool2d": (nnmat.GlobalAvgPool2d, IMAGES),
        "Upsample": (lambda: nnmat.Upsample(scale_factor=2), IMAGES),
        "Pad": (lambda: nnmat.Pad(1), IMAGES),
        "AvgPool2d": (lambda: nnmat.AvgPool2d(2), IMAGES),
        "Sequential": (lambda: nnmat.Sequential([nnmat.Linear(3, 2), nnmat.Tanh()]), X),
    }


def forward(make, shape):
    def call(A):
        return built(make(), shape).forward(A)

    return call


def backward(make, A):
    def call(G):
        layer = built(make(), A.shape[1:])
        layer.forward(A, training=True)
        return layer.backward(G)

    return call


def loss_of(make, H, y, which):
    def call(A):
        loss = make()
        given = {"H": H, "y": y, "sample_weight": None, which: A}
        value = loss.forward(**given)
        return [value, loss.divisor, *loss.backward().ravel()]

    return call


def model():
    return nnmat.Sequential([nnmat.Linear(3, 2)], input_shape=(3,), dtype=F8)


def trainer():
    net = model()
    return nnmat.Trainer(net, nnmat.SoftmaxCrossEntropy(), nnmat.SGD(net, momentum=0.5), metrics=["accuracy"])


def fitted(place):
    def call(A):
        run = trainer()
        data = [X, Y, WEIGHTS]
        data[place] = A
        run.fit(tuple(data), steps=2, batch_size=2, progress=False, checkpoint=None)
        return run.model.flat_parameters

    return call


def evaluated(place):
    def call(A):
        data = [X, Y]
        data[place] = A
        return list(trainer().evaluate(tuple(data)).values())

    return call


def validated(A):
    history = trainer().fit((X, Y), epochs=1, batch_size=2, validation=(A, Y), progress=False, checkpoint=None)
    return history["validation_loss"]


def written(folder):
    def call(A):
        datasets.write_idx(folder / "a.idx", A)
        return read_idx(folder / "a.idx")

    return call


def descended(A):
    return nnmat.steepest_descent(lambda x: float((x * x).sum()), lambda x: 2 * x, A, max_iterations=2).x


def descended_by(A):
    return nnmat.steepest_descent(lambda x: float((x * x).sum()), lambda x: A, X, max_iterations=1).x


def by_newton(A):
    return newton(lambda x: float((x * x).sum()), lambda x: 2 * x, A, lambda x, v: 2 * v, max_iterations=2).x


def by_product(A):
    return newton(lambda x: float((x * x).sum()), lambda x: 2 * x, X, lambda x, v: A, max_iterations=1).x


def by_hessian(A):
    return newton(lambda x: float((x * x).sum()), lambda x: 2 * x, np.ones(3), hessian=lambda x: A, max_iterations=1).x


def loaded(A):
    optimizer = nnmat.SGD(model(), momentum=0.9)
    optimizer.load_state(optimizer.state() | {"velocity": A})
    return optimizer.state()["velocity"]


def stated(A):
    net = model()
    nnmat.load_state(net, {"0.weight": A}, partial=True)
    return net[0].weight.value


def assigned(name):
    def call(A):
        net = model()
        setattr(net[0].weight, name, A)
        return getattr(net[0].weight, name)

    return call


def initialized(A):
    net = nnmat.Sequential([nnmat.Linear(3, 4, weight_initializer=lambda *options: A)], input_shape=(3,), dtype=F8)
    return net[0].weight.value


def from_torch(A):
    net = model()
    nnmat.convert.from_torch(net, {"weight": A, "bias": np.zeros(2)})
    return net[0].weight.value


def of_calculus(A):
    return calculus.evaluate(calculus.parse("sum(A)", A=("M", "N")), A=A)


def updated(name):
    """The gradient of an update: the other vectors are written to."""

    def call(A):
        theta, m, v = np.ones(4), np.zeros(4), np.zeros(4)
        if name == "sgd":
            k.sgd_update(theta, A, v, lr=0.1, momentum=0.5)
        elif name == "adam":
            k.adam_update(theta, A, m, v, lr=0.1, beta1=0.9, beta2=0.99, eps=1e-8, step=1)
        elif name == "nadam":
            k.nadam_update(theta, A, m, v, product=0.5, lr=0.1, beta1=0.9, beta2=0.99, eps=1e-8, step=1)
        elif name == "adagrad":
            k.adagrad_update(theta, A, v, lr=0.1, eps=1e-8)
        elif name == "lion":
            k.lion_update(theta, A, m, lr=0.1, beta1=0.9, beta2=0.99)
        else:
            k.rmsprop_update(theta, A, v, lr=0.1, alpha=0.9, eps=1e-8)
        return theta

    return call


def kernels():
    """The public kernels, each with every array that it reads."""
    plane = k.conv2d(IMAGES, KERNEL).shape[1:3]
    G = np.tile(X[:2, :2].reshape(2, 1, 1, 2), (1, *plane, 1))
    pooled, indices = k.max_pool2d(IMAGES, 2)
    one = {
        name: getattr(k, name) for name in ("relu", "leaky_relu", "sigmoid", "tanh", "gelu", "softmax", "log_softmax")
    }
    two = {
        f"{name}_backward": getattr(k, f"{name}_backward") for name in ("relu", "sigmoid", "tanh", "gelu", "softmax")
    }
    return (
        {f"k.{name}": Door(function, X) for name, function in one.items()}
        | {f"k.{name} G": Door(lambda A, f=f: f(A, X), X) for name, f in two.items()}
        | {f"k.{name} X": Door(lambda A, f=f: f(X, A), X) for name, f in two.items()}
        | {
            "k.leaky_relu": Door(lambda A: k.leaky_relu(A, 0.1), X),
            "k.leaky_relu_backward G": Door(lambda A: k.leaky_relu_backward(A, X, 0.1), X),
            "k.leaky_relu_backward X": Door(lambda A: k.leaky_relu_backward(X, A, 0.1), X),
            "k.matmul A": Door(lambda A: k.matmul(A, X.T), X),
            "k.matmul B": Door(lambda A: k.matmul(X.T, A), X),
            "k.matmul bias": Door(lambda A: k.matmul(X, X.T, bias=A), WEIGHTS, optional=True),
            "k.batched_matmul A": Door(lambda A: k.batched_matmul(A, IMAGES, transpose_b=True), IMAGES),
            "k.batched_matmul B": Door(lambda A: k.batched_matmul(IMAGES, A, transpose_b=True), IMAGES),
            "k.conv2d X": Door(lambda A: k.conv2d(A, KERNEL), IMAGES),
            "k.conv2d K": Door(lambda A: k.conv2d(IMAGES, A), KERNEL),
            "k.conv2d_input_gradient G": Door(lambda A: k.conv2d_input_gradient(A, KERNEL, IMAGES.shape), G),
            "k.conv2d_weight_gradient X": Door(lambda A: k.conv2d_weight_gradient(A, G, KERNEL.shape), IMAGES),
            "k.conv2d_weight_gradient G": Door(lambda A: k.conv2d_weight_gradient(IMAGES, A, KERNEL.shape), G),
            "k.im2col": Door(lambda A: k.im2col(A, 2), IMAGES),
            "k.col2im": Door(lambda A: k.col2im(A, IMAGES.shape, 2), k.im2col(IMAGES, 2)),
            "k.conv2d_input_gradient bias": Door(
                lambda A: k.conv2d_input_gradient(G, KERNEL, IMAGES.shape, bias=A),
                IMAGES[0, 0, 0].copy(),
                optional=True,
            ),
            "k.affine_images X": Door(lambda A: k.affine_images(A, MAPS), IMAGES),
            "k.affine_images maps": Door(lambda A: k.affine_images(IMAGES, A), MAPS),
            "k.resample": Door(lambda A: k.resample(A, nearest(4, 8), nearest(6, 3)), IMAGES),
            "k.adaptive_max_pool2d": Door(lambda A: k.adaptive_max_pool2d(A, 2)[0], IMAGES),
            "k.max_pool2d": Door(lambda A: k.max_pool2d(A, 2)[0], IMAGES),
            "k.max_pool2d_backward G": Door(lambda A: k.max_pool2d_backward(A, indices, IMAGES.shape), pooled),
            "k.max_pool2d_backward indices": Door(
                lambda A: k.max_pool2d_backward(pooled, A, IMAGES.shape),
                indices,
                says="Pass those that max_pool2d returned",
            ),
            "k.avg_pool2d": Door(lambda A: k.avg_pool2d(A, 2), IMAGES),
            "k.avg_pool2d_backward": Door(lambda A: k.avg_pool2d_backward(A, IMAGES.shape, 2), pooled),
            "k.dropout": Door(lambda A: k.dropout(A, 0.5, 1, 2), X),
            "k.column_sums": Door(k.column_sums, X),
            "k.row_sums": Door(k.row_sums, X),
            "k.sum_of_squares": Door(k.sum_of_squares, X),
            "k.softmax_cross_entropy H": Door(lambda A: k.softmax_cross_entropy(A, Y)[1], LOGITS),
            "k.softmax_cross_entropy labels": Door(lambda A: k.softmax_cross_entropy(LOGITS, A)[1], Y),
            "k.softmax_cross_entropy targets": Door(lambda A: k.softmax_cross_entropy(LOGITS, A)[1], X),
            "k.softmax_cross_entropy weights": Door(
                lambda A: k.softmax_cross_entropy(LOGITS, Y, class_weight=A)[1], WEIGHTS[:3], optional=True
            ),
            "k.adversarial_loss S": Door(lambda A: k.adversarial_loss(A, "hinge", "real")[1], X),
            "k.mean_squared_error y": Door(lambda A: k.mean_squared_error(LOGITS, A)[1], X),
            "k.l1_loss y": Door(lambda A: k.l1_loss(LOGITS, A)[1], X),
            "k.huber_loss H": Door(lambda A: k.huber_loss(A, X)[1], LOGITS),
            "k.kl_divergence y": Door(lambda A: k.kl_divergence(LOGITS, A)[1], X),
            "k.poisson_negative_log_likelihood y": Door(lambda A: k.poisson_negative_log_likelihood(LOGITS, A)[1], X),
            "k.gaussian_negative_log_likelihood y": Door(
                lambda A: k.gaussian_negative_log_likelihood(LOGITS + 9, A, "spherical")[1], X[:, :2]
            ),
            "k.sigmoid_binary_cross_entropy y": Door(lambda A: k.sigmoid_binary_cross_entropy(LOGITS, A)[1], X),
        }
        | {
            f"k.{name}_update g": Door(updated(name), WEIGHTS, in_place=True)
            for name in ("sgd", "adam", "nadam", "adagrad", "lion", "rmsprop")
        }
    )


def losses():
    """Every loss with every argument."""
    kinds = {
        "SoftmaxCrossEntropy": (nnmat.SoftmaxCrossEntropy, Y),
        "SoftmaxCrossEntropy targets": (nnmat.SoftmaxCrossEntropy, X),
        "SoftmaxCrossEntropy weighted": (lambda: nnmat.SoftmaxCrossEntropy(class_weight=[1, 2, 3]), Y),
        "SigmoidBinaryCrossEntropy": (nnmat.SigmoidBinaryCrossEntropy, X),
        "MeanSquaredError": (nnmat.MeanSquaredError, X),
        "L1": (nnmat.L1, X),
        "Huber": (nnmat.Huber, X),
        "KLDivergence": (nnmat.KLDivergence, X),
        "PoissonNegativeLogLikelihood": (nnmat.PoissonNegativeLogLikelihood, X),
        "AdversarialLoss": (lambda: nnmat.AdversarialLoss().generator, None),
    }
    doors = {}
    for name, (make, y) in kinds.items():
        doors[f"{name} H"] = Door(loss_of(make, LOGITS, y, "H"), LOGITS)
        if y is not None:
            doors[f"{name} y"] = Door(loss_of(make, LOGITS, y, "y"), y)
        doors[f"{name} sample_weight"] = Door(loss_of(make, LOGITS, y, "sample_weight"), WEIGHTS, optional=True)
    return doors


def doors(folder) -> dict[str, Door]:
    """All of them, by name; one writes files into `folder`."""
    found = {}
    for name, (make, A) in layers().items():
        found[f"{name}.forward"] = Door(forward(make, A.shape[1:]), A)
        G = np.ones((len(A), *built(make(), A.shape[1:]).output_shape(A.shape[1:])))
        found[f"{name}.backward"] = Door(backward(make, A), G)
    return (
        found
        | losses()
        | kernels()
        | {
            "accuracy H": Door(lambda A: metrics.accuracy(A, Y), LOGITS),
            "accuracy y": Door(lambda A: metrics.accuracy(LOGITS, A), Y),
            "accuracy targets": Door(lambda A: metrics.accuracy(LOGITS, A), X),
            "top_k_accuracy H": Door(lambda A: metrics.top_k_accuracy(A, Y, 2), LOGITS),
            "confusion_matrix y": Door(lambda A: metrics.confusion_matrix(LOGITS, A), Y),
            "binary_accuracy H": Door(lambda A: metrics.binary_accuracy(A, X), LOGITS),
            "binary_accuracy y": Door(lambda A: metrics.binary_accuracy(LOGITS, A), X),
            "Dataset X": Door(lambda A: datasets.Dataset(A, Y).X, X, lists=True),
            "Dataset y": Door(lambda A: datasets.Dataset(X, A).y, Y, lists=True),
            "ArrayBatches weights": Door(
                lambda A: datasets.ArrayBatches(X, Y, 2, sample_weight=A).arrays[2], WEIGHTS, lists=True, optional=True
            ),
            "fit X": Door(fitted(0), X, lists=True),
            "fit y": Door(fitted(1), Y, lists=True),
            "fit sample_weight": Door(fitted(2), WEIGHTS, lists=True, optional=True),
            "fit validation": Door(validated, X, lists=True),
            "evaluate X": Door(evaluated(0), X, lists=True),
            "evaluate y": Door(evaluated(1), Y, lists=True),
            "predict": Door(lambda A: trainer().predict(A), X, lists=True),
            "write_idx": Door(written(folder), X, lists=True),
            "steepest_descent x0": Door(descended, X, several=True),
            "steepest_descent gradient": Door(descended_by, 2 * X, lists=True),
            "newton x0": Door(by_newton, X, several=True),
            "newton product": Door(by_product, 2 * X, lists=True),
            "newton hessian": Door(by_hessian, np.eye(3), lists=True),
            "calculus": Door(of_calculus, X, lists=True),
            "windows": Door(lambda A: datasets.windows(A, 1).X, Y, lists=True),
            "RandomWindows": Door(lambda A: datasets.RandomWindows(A, 1, 1, 1).tokens, Y, lists=True),
            "Vocabulary.decode": Door(lambda A: len(datasets.Vocabulary("abcdefghij").decode(A)), Y, lists=True),
            "khat": Door(lambda A: nnmat.khat(A, (4, 6, 2)), KERNEL),
            "khat operator": Door(
                lambda A: nnmat.khat(KERNEL, (4, 6, 2), form="operator") @ A, np.tile(WEIGHTS, 12), lists=True
            ),
            "khat triplets": Door(
                lambda A: nnmat.khat(KERNEL, (4, 6, 2), form="triplets").product(A), np.tile(WEIGHTS, 12), lists=True
            ),
            "gradcheck": Door(lambda A: nnmat.gradcheck(nnmat.Linear(3, 2), A).error, X, several=True),
            "jacobian": Door(lambda A: nnmat.jacobian(built(nnmat.Linear(3, 2)), A), X),
            "jacobian_norm": Door(lambda A: nnmat.jacobian_norm(built(nnmat.Linear(3, 2)), A), X),
            "jacobian_product": Door(lambda A: nnmat.jacobian_product(built(nnmat.Linear(3, 2)), X, A), X),
            "from_torch": Door(from_torch, X[:2], frames=True),
            "load_state": Door(loaded, np.tile(WEIGHTS, 2), lists=True),
            "load_state of a model": Door(stated, X[:2], lists=True),
            "Parameter.value": Door(assigned("value"), X[:2], lists=True),
            "Parameter.grad": Door(assigned("grad"), X[:2], lists=True),
            "initializer": Door(initialized, X, lists=True),
            "class_weight": Door(
                lambda A: nnmat.SoftmaxCrossEntropy(class_weight=A).class_weight, WEIGHTS, lists=True, optional=True
            ),
        }
    )
