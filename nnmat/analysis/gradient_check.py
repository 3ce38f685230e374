"""The gradient checker: what `backward` returns, against differences of `forward`, for layers, models and losses."""

import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnmat_kernels.runtime.door import dtype_remedy, plain

from ..errors import ConfigError, DtypeError, StateError
from ..layers.base import Layer
from ..losses.base import Loss

PATIENCE = 1.0  # seconds after which a check shows a bar
SHRINKINGS = 5  # how often the step of a difference is divided by 4 while it straddles a kink


@dataclass
class TensorCheck:
    """The check of one tensor: the input, or a parameter."""

    name: str
    shape: tuple[int, ...]
    directions: float  # norm-wise relative error over the random directions
    elements: float  # norm-wise relative error over the single elements
    probes: int  # how many derivatives were compared
    unsettled: int  # how many of them did not settle for any step: a kink or a jump at that very point
    worst: tuple[tuple[int, ...], float, float] | None  # index, backward's value, the difference quotient
    faults: tuple[str, ...] = ()  # what backward's other arguments should do to a parameter's gradient and do not

    @property
    def error(self) -> float:
        """The larger of the two errors; NaN if a value is NaN."""
        return float(np.max([self.directions, self.elements]))


@dataclass
class GradientReport:
    """What `gradcheck` found. True if it passed; `print` it for a table."""

    subject: str
    tolerance: float
    tensors: list[TensorCheck] = field(default_factory=list)

    @property
    def error(self) -> float:
        """The largest norm-wise relative error of all tensors."""
        return float(np.max([tensor.error for tensor in self.tensors]))

    @property
    def passed(self) -> bool:
        """Whether every error is within the tolerance (a NaN is not), and backward does what its arguments say."""
        return self.error <= self.tolerance and not any(tensor.faults for tensor in self.tensors)

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "FAILED"
        lines = [f"gradcheck {self.subject}: {verdict}, largest error {self.error:.1e} (tolerance {self.tolerance:g})"]
        width = max(len(tensor.name) for tensor in self.tensors)
        for t in self.tensors:
            line = f"  {t.name:<{width}}  {t.shape!s:<16} directions {t.directions:.1e}  elements {t.elements:.1e}"
            if t.worst is not None:
                index, backward, difference = t.worst
                line += f"  worst at {list(index)}: backward {backward:.9g}, difference {difference:.9g}"
            if t.unsettled:
                line += f"  ({t.unsettled} of {t.probes} differences did not settle: is there a kink?)"
            lines += [line, *(f"  {'':<{width}}  {fault}" for fault in t.faults)]
        return "\n".join(lines)


def gradcheck(
    what,
    X,
    y=None,
    *,
    loss=None,
    sample_weight=None,
    directions: int = 4,
    elementwise: int | bool = 25,
    training: bool = True,
    seed: int = 0,
    h: float = 1e-3,
    tolerance: float = 1e-7,
    progress: bool = True,
) -> GradientReport:
    """Compare the gradients of a layer, a model or a loss with central differences; returns a `GradientReport`.

    * `gradcheck(layer, X)`: the derivative of `⟨C, forward(X)⟩` for a random cotangent C, with respect to X and every
      parameter. A layer that is not built is built for the shape of X. X may be a tuple of several inputs.
    * `gradcheck(model, X, y, loss=loss)`: the loss behind the model.
    * `gradcheck(loss, H, y)`: the derivative of `loss.forward(H, y)` with respect to H (without y for one of scores).

    Each tensor is probed along `directions` random directions and at `elementwise` random elements (True: at every one;
    False: at none). The reference is the five-point difference with steps from `h` down: a step is halved twice until
    two successive differences agree, so that a kink nearby does no harm, and this never looks at `backward`. The
    error of a tensor is `‖backward - difference‖ / max(‖backward‖, ‖difference‖)` over its probes; below the norm
    that rounding lets a difference resolve to the tolerance, that norm is the divisor.

    A second and a third pass show whether `accumulate=True` adds to the parameters' gradients
    and `parameters=False` leaves them alone; a layer that ignores one of them fails, with a line that says so.

    Works on a copy: parameters, running statistics and dropout counters of `what` are left as they are, and every
    forward of the copy starts from the same ones. Raises `DtypeError` unless all is float64, `ConfigError` for the
    options, and `StateError` if two equal forwards differ. With `progress`, a bar is shown if it takes more than a
    second.
    """
    _check_options(directions, elementwise, h, tolerance)
    rng = np.random.default_rng(seed)
    inputs = list(X) if type(X) is tuple else [X]
    inputs = [plain("gradcheck", _input_name(X, i), A, "float64") for i, A in enumerate(inputs)]
    for i, A in enumerate(inputs):
        if A.dtype.newbyteorder("=") != np.float64 and A.dtype.kind not in "iub":
            name = _input_name(X, i)
            remedy = dtype_remedy(name, A.dtype, "float64")
            if A.dtype.kind == "f":
                remedy = (
                    f"Differences of float32 values are too coarse: try {name}.astype(np.float64) and build with "
                    "dtype=np.float64."
                )
            raise DtypeError(f"gradcheck: expected {name} as an array of float64, got {A.dtype}. {remedy}")
    inputs = [np.array(A, A.dtype.newbyteorder("=")) for A in inputs]
    what, loss = copy.deepcopy(what), copy.deepcopy(loss)
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    subject: _Model | _Loss
    if isinstance(what, Layer):
        if (loss is None) != (y is None):
            raise ConfigError("gradcheck: expected both y and loss= for a model with a loss, or neither of them.")
        subject = _Model(what, inputs, type(X) is tuple, training, loss, y, weights)
    elif not isinstance(what, Loss):
        raise ConfigError(f"gradcheck: expected a layer, a model or a loss, got {type(what).__name__}.")
    else:
        if loss is not None or (y is None and what.targets):
            raise ConfigError("gradcheck: expected gradcheck(loss, H, y) for a loss, with targets y and without loss=.")
        subject = _Loss(what, inputs[0], y, weights)
    total = sum((directions if A.size else 0) + _count(A.size, elementwise) for A in subject.tensors.values())
    with _bar(subject.name, total, progress) as bar:
        return _check(subject, rng, directions, elementwise, h, tolerance, bar)


class _Model:
    """The tensors, the outputs and the gradients of a layer or model, with or without a loss behind it."""

    def __init__(self, model: Layer, inputs: list, several: bool, training: bool, loss, y, weights: dict):
        shapes = [A.shape[1:] for A in inputs]
        if not model.built:
            model.build(tuple(shapes) if several else shapes[0], dtype=np.float64)
        if model.dtype != np.float64:
            raise DtypeError(
                f"gradcheck: expected {model.who} in float64, got {model.dtype}. Build it with dtype=np.float64."
            )
        self.name = model.who
        self.model, self.inputs, self.several, self.training = model, inputs, several, training
        self.loss, self.y, self.weights = loss, y, weights
        self.buffers = {name: A.copy() for name, A in model.buffers().items()}
        names = [f"X[{i}]" for i in range(len(inputs))] if several else ["X"]
        self.tensors = {name: A for name, A in zip(names, inputs, strict=True) if A.dtype.kind == "f"}
        self.tensors |= {p.name: p.value for p in model.parameters()}
        self.faults: dict[str, list[str]] = {}

    def _forward(self, record: bool) -> np.ndarray:
        for name, A in self.model.buffers().items():
            A[...] = self.buffers[name]
        X = tuple(self.inputs) if self.several else self.inputs[0]
        return self.model.forward(X, training=self.training, record=record)

    def output(self) -> np.ndarray:
        Y = self._forward(record=False)
        return Y.copy() if self.loss is None else np.array(self.loss.forward(Y, self.y, **self.weights))

    def _backward(self, C: np.ndarray, **options):
        """A backward with a recorded forward of its own, for a layer may use up what it has kept."""
        Y = self._forward(record=True)
        if self.loss is not None:
            self.loss.forward(Y, self.y, **self.weights)
            C = _through(self.loss, C)
        return self.model.backward(C, **options)

    def gradients(self, C: np.ndarray) -> list[np.ndarray]:
        gX = self._backward(C)
        gX = gX if self.several else (gX,)
        gX = [g for g, A in zip(gX, self.inputs, strict=True) if A.dtype.kind == "f"]
        gradients = [p.grad.copy() for p in self.model.parameters()]
        self._look_at_arguments(C, gradients)
        return [*gX, *gradients]

    def _look_at_arguments(self, C: np.ndarray, gradients: list[np.ndarray]) -> None:
        """Find out whether `accumulate` and `parameters` are heeded: `faults`, by the name of the parameter."""
        parameters = self.model.parameters()
        self.faults = {}
        before = [max(1.0, float(np.abs(g).max(initial=0.0))) * np.ones_like(g) for g in gradients]
        nothing = [np.zeros_like(g) for g in gradients]
        for fault, options, added in (
            ("accumulate=True does not add to its gradient", {"accumulate": True}, gradients),
            ("parameters=False does not leave its gradient alone", {"parameters": False}, nothing),
        ):
            for p, A in zip(parameters, before, strict=True):
                p.grad = A
            self._backward(C, **options)
            for p, A, g in zip(parameters, before, added, strict=True):
                if not np.allclose(p.grad, A + g, rtol=0, atol=1e-9 * A.max(initial=0.0), equal_nan=True):
                    self.faults.setdefault(p.name, []).append(f"{fault}: does backward use call.into(parameter)?")


class _Loss:
    """The same for a loss alone."""

    def __init__(self, loss, H: np.ndarray, y, weights: dict):
        self.name, self.loss, self.y, self.weights = type(loss).__name__, loss, y, weights
        self.tensors = {"H": H}
        self.faults: dict[str, list[str]] = {}

    def output(self) -> np.ndarray:
        return np.array(self.loss.forward(self.tensors["H"], self.y, **self.weights))

    def gradients(self, C: np.ndarray) -> list[np.ndarray]:
        self.output()
        return [_through(self.loss, C)]


def _through(loss: Loss, C: np.ndarray) -> np.ndarray:
    """The gradient with respect to H for the cotangent C of the loss's value, or of its values."""
    return loss.backward(C) if loss.reduction == "none" else C * loss.backward()


def _bar(name: str, total: int, shown: bool) -> Any:
    """A bar for the probes, which appears after a second."""
    from tqdm.auto import tqdm

    return tqdm(
        desc=f"gradcheck {name}", total=total, unit=" derivatives", delay=PATIENCE, miniters=0, mininterval=0.2,
        leave=False, disable=not shown,
    )  # fmt: skip


def _check(subject, rng, directions: int, elementwise, h: float, tolerance: float, bar) -> GradientReport:
    Y = subject.output()
    bar.update(0)
    if not np.array_equal(Y, subject.output(), equal_nan=True):
        raise StateError(
            f"gradcheck: expected {subject.name} to give the same output for the same input, got two different ones. "
            "Random state must be among the layer's buffers, or fixed."
        )
    C = rng.standard_normal(Y.shape) if Y.ndim else np.array(1.0)
    floor = np.linalg.norm(C * Y) * np.finfo(np.float64).eps / h * 10 / tolerance
    floor = max(floor, np.finfo(np.float64).tiny)  # an output of zeros
    report = GradientReport(subject.name, tolerance)
    if not subject.tensors:
        raise ConfigError(
            f"gradcheck: {subject.name} has no parameters and its input is of integers: nothing to check."
        )
    for (name, A), g in zip(subject.tensors.items(), subject.gradients(C), strict=True):
        original = A.copy()

        def difference(D: np.ndarray, step: float, A=A, original=original) -> tuple[float, bool]:
            def output(t: float) -> np.ndarray:
                A[...] = original + t * D
                Y = subject.output()
                bar.update(0)
                return Y

            found = _difference(output, C, step, floor, tolerance)
            bar.update(1)
            return found

        scale = max(1.0, float(np.sqrt(np.mean(original**2)))) if A.size else 1.0
        probes = []  # backward's value, the difference, whether it settled
        for _ in range(directions if A.size else 0):
            D = rng.standard_normal(A.shape)
            D /= np.linalg.norm(D)
            probes.append((np.vdot(g, D), *difference(D, h * scale)))
        indices = _elements(rng, A.size, elementwise)
        for index in indices:
            E = np.zeros(A.shape)
            E.flat[index] = 1
            probes.append((g.flat[index], *difference(E, h * max(1.0, abs(original.flat[index])))))
        A[...] = original
        table = np.array(probes, dtype=np.float64).reshape(-1, 3)
        report.tensors.append(_found(name, A, table, indices, floor, tuple(subject.faults.get(name, ()))))
    return report


def _found(name: str, A: np.ndarray, table: np.ndarray, indices, floor: float, faults: tuple) -> TensorCheck:
    """What the probes of one tensor say: first those along directions, then those of the elements."""
    several, single = np.split(table, [len(table) - len(indices)])
    worst = None
    if len(indices):
        gap = np.abs(single[:, 0] - single[:, 1])
        at = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
        place = tuple(int(i) for i in np.unravel_index(indices[at], A.shape))
        worst = (place, float(single[at, 0]), float(single[at, 1]))
    errors = _norm_wise(several, floor), _norm_wise(single, floor)
    return TensorCheck(name, A.shape, *errors, len(table), int(np.sum(table[:, 2] == 0)), worst, faults)


def _difference(output, C: np.ndarray, h: float, floor: float, tolerance: float) -> tuple[float, bool]:
    """The derivative of ⟨C, output(t)⟩ at 0 by five points, and whether two successive steps agreed."""
    previous, best, best_gap = None, np.nan, np.inf
    for _ in range(SHRINKINGS + 1):
        near, far = output(h) - output(-h), output(2 * h) - output(-2 * h)
        now = float(np.vdot(C, (8 * near - far) / (12 * h)))
        if previous is not None:
            gap = abs(now - previous)
            if gap < best_gap:
                best, best_gap = now, gap
            if gap <= 0.1 * tolerance * max(abs(now), floor):
                return now, True
        previous, h = now, h / 4
    return best, False


def _norm_wise(probes: np.ndarray, floor: float) -> float:
    backward, difference = probes[:, 0], probes[:, 1]
    divisor = np.max([np.linalg.norm(backward), np.linalg.norm(difference), floor])
    return float(np.linalg.norm(backward - difference) / divisor)


def _count(size: int, elementwise: int | bool) -> int:
    """How many of so many elements are probed."""
    return size if elementwise is True else min(int(elementwise), size)


def _elements(rng: np.random.Generator, size: int, elementwise: int | bool) -> np.ndarray:
    count = _count(size, elementwise)
    return np.sort(rng.choice(size, count, replace=False)) if count else np.empty(0, np.int64)


def _input_name(X, i: int) -> str:
    return f"X[{i}]" if type(X) is tuple else "X"


def _check_options(directions: int, elementwise: int | bool, h: float, tolerance: float) -> None:
    if isinstance(directions, bool) or not isinstance(directions, int) or directions < 0:
        raise ConfigError(f"gradcheck: expected directions to be a whole number >= 0, got {directions!r}.")
    if not isinstance(elementwise, int) or elementwise < 0:
        raise ConfigError(f"gradcheck: expected elementwise to be True, False or a count >= 0, got {elementwise!r}.")
    if directions == 0 and not elementwise:
        raise ConfigError("gradcheck: directions=0 and elementwise=0 leave nothing to compare. Raise one of them.")
    for name, value in (("h", h), ("tolerance", tolerance)):
        if not 0 < value < 1:
            raise ConfigError(f"gradcheck: expected {name} between 0 and 1, got {value!r}.")
