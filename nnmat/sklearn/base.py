"""What all estimators share: options, `fit`, `partial_fit`, and outputs for predictions."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import check_is_fitted, validate_data

from ..checks import count, flag, number, shown
from ..errors import BuildError, ConfigError, DataError
from ..layers import Layer, Sequential
from ..training.callbacks.base import Callback
from ..training.callbacks.early_stopping import EarlyStopping
from ..training.evaluation import predict
from ..training.loop import check_callbacks
from ..training.trainer import Trainer
from . import frames, names
from .scaling import Scaling, far_from_one
from .watching import CallbackSupport, Scores, Tasks, context_of, with_callbacks

FLOATS = (np.float64, np.float32)
FEW = 1000  # samples up to which double precision costs nothing: what a step takes is not its arithmetic
SMALL, BATCH = 32, 200  # samples of a batch: the least and the most, where there are so many
PRIOR, DECAY = 10.0, 0.02  # weight decay: what it is worth in samples, and the most
ROWS = 1024  # of a block of predictions


@dataclass(eq=False, repr=False)
class Estimator(CallbackSupport, BaseEstimator):
    """The options of every estimator. They are looked at in `fit`; a wrong one is a ConfigError, which is a ValueError.

    loss: "auto" (cross-entropy of the softmax for classes, of the sigmoid for labels, squared error for numbers), a
        name such as "huber", a `nnmat.Loss`, or an expression in H and Y such as "frobenius(H - Y)**2 / dim(B)".
    optimizer: a name such as "adam", "sgd", "muon", or a function of the model, such as a class; `optimizer_options`
        are its other arguments: {"momentum": 0.9}. A function gets `lr` and `weight_decay` if it has such arguments.
    learning_rate, schedule: "constant", "cosine" (falls to 0 over all steps), "step" (a tenth after each third),
        "warmup" (rises in a twentieth of the steps, then "cosine"), or a function of the step's number, such as one of
        `nnmat.schedules`, which then is the rate.
    weight_decay: "auto" (10 divided by the number of samples, 0.02 at most: a prior worth ten samples), or a number.
    batch_size: "auto" (a fiftieth of the samples, from 32 to 200), or a number.
    max_iter: epochs at most. tol, n_iter_no_change: training stops when the loss has not fallen by `tol` for so many
        epochs (None: never).
    early_stopping: look at `validation_fraction` of the samples instead, by `scoring` (None: the loss; a name or a
        function as in scikit-learn: what it gives rises), and end with the best epoch's parameters.
    standardize: columns of X to mean 0 and variance 1. "auto": if a column is far from the order of one (its root mean
        square below 0.1 or above 10). Numbers to be predicted are standardised unless it is False.
    warm_start: `fit` goes on from what was learned, with a new optimizer; `partial_fit` keeps the optimizer.
    callbacks: of `nnmat.Callback`. Those of scikit-learn (1.9) come by `set_callbacks`.
    verbose: True (a bar, and a line for each epoch), "bar", "lines".
    dtype: "auto" (that of X, but float32 for more than 1000 samples), np.float32 or np.float64.
    frames_out: predictions for a pandas frame as a series or a frame of its index.
    random_state: of initial values, order and dropout: a number gives the same bits again.

    After `fit`: `model_` (a `nnmat.Layer`), `trainer_`, `n_iter_`, `loss_`, `loss_curve_`, `validation_curve_` (with
    early stopping), `history_` of the last run, `n_features_in_`, `feature_names_in_`, `n_outputs_`.
    """

    _: KW_ONLY
    loss: Any = "auto"
    optimizer: Any = "adam"
    learning_rate: float = 0.002
    schedule: Any = "constant"
    weight_decay: Any = "auto"
    optimizer_options: Mapping[str, Any] | None = None
    batch_size: Any = "auto"
    max_iter: int = 200
    tol: float = 1e-4
    n_iter_no_change: int | None = 10
    early_stopping: bool = False
    validation_fraction: float = 0.1
    scoring: Any = None
    standardize: Any = "auto"
    warm_start: bool = False
    callbacks: Sequence[Callback] | None = None
    verbose: Any = False
    dtype: Any = "auto"
    frames_out: bool = False
    random_state: Any = None

    # ---- what a concrete estimator says ---------------------------------------------------------------------------

    def _network(self, features: int, outputs: int) -> list[Layer]:
        """The layers from rows of `features` numbers to rows of `outputs` numbers."""
        raise NotImplementedError

    def _new_targets(self, y: np.ndarray, weight: np.ndarray | None, classes: Any) -> Any:
        """What the targets are."""
        raise NotImplementedError

    def _checked(self, X, y, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        """X and y as arrays."""
        raise NotImplementedError

    def _all_classes(self, y: np.ndarray) -> Any:
        """The classes of y, before samples are left out or held out; None for numbers and labels."""
        return None

    def _class_weights(self, y: np.ndarray, whole: bool) -> np.ndarray | None:
        """The weights of samples by their classes; `whole`: whether y is of all samples there will be."""
        return None

    _whole_scaling = False  # whether all columns have one scale
    _stratifies = False  # whether a validation part keeps the shares of classes

    # ---- fit ------------------------------------------------------------------------------------------------------

    @with_callbacks
    def fit(self, X, y, sample_weight=None) -> Self:
        """Train on X (n, features) and y for at most `max_iter` epochs; returns self.

        `sample_weight` (n,), at least 0. Raises ValueError (ConfigError, DataError and their like) before the first
        step, NonFiniteError if training diverges.
        """
        again = flag(self._who, "warm_start", self.warm_start) and hasattr(self, "model_")
        epochs = count(self._who, "max_iter", self.max_iter)
        flag(self._who, "frames_out", self.frames_out)
        given = () if self.callbacks is None else self.callbacks
        check_callbacks(given)
        if isinstance(self.scoring, Mapping | list | tuple | set):
            raise ConfigError(f"{self._who}: expected scoring as one name or function, got {shown(self.scoring)}.")
        target_names = frames.target_names(y)
        X, y = self._checked(X, y, reset=not again)
        classes = self._all_classes(y)
        X, y, weight = self._weighted(X, y, sample_weight, whole=True)
        context, told = context_of(self, X, y, weight, epochs)
        data, check, scores = (X, y, weight), None, None
        if flag(self._who, "early_stopping", self.early_stopping):
            data, check = self._split(X, y, weight)
        if not again:
            self._begin(*data, classes=classes, target_names=target_names)
        else:
            self._new_trainer(*data)
        callbacks = list(given)
        if check is not None and self.scoring is not None:
            twin = copy.copy(self)  # of the same model; it takes arrays, whatever X came in
            twin.__dict__.pop("feature_names_in_", None)
            scores = Scores(twin, check_scoring(self, self.scoring), *check[:2])
            callbacks.append(scores)
        if self.n_iter_no_change is not None:
            callbacks.append(self._stopping(check is not None))
        if context is not None and hasattr(self, "_skl_callbacks"):
            callbacks.append(Tasks(self, context, told, epochs))
        history = self._run(data, epochs, callbacks, check if scores is None else None)
        self.validation_curve_ = scores.found if scores is not None else history.get("validation_loss", [])
        if context is not None:
            context.call_on_fit_task_end(estimator=self, reconstruction_attributes=dict, **told)
        return self

    def _partial_fit(self, X, y, classes, sample_weight) -> Self:
        """One epoch more, with the state that the optimizer has."""
        first, target_names = not hasattr(self, "model_"), frames.target_names(y)
        X, y = self._checked(X, y, reset=first)
        data = self._weighted(X, y, sample_weight, whole=False)
        if first:
            classes = self._all_classes(y) if classes is None else classes
            self._begin(*data, classes=classes, target_names=target_names)
        elif self.schedule in ("cosine", "warmup") and self.trainer_.optimizer.lr == 0.0:
            raise ConfigError(
                f"{self._who}: expected partial_fit within the max_iter epochs of schedule={self.schedule!r}: the "
                "learning rate has fallen to 0. Take a larger max_iter, or schedule='constant'."
            )
        self._run(data, 1, [], None)
        return self

    def _begin(self, X, y, weight, classes, target_names: list | None) -> None:
        """A new model for such data."""
        self._target_names = target_names
        self._random = check_random_state(self.random_state)
        self._targets = self._new_targets(y, weight, classes)
        self._scaling = self._new_scaling(X, weight)
        layers = [*self._network(X.shape[1], self._targets.outputs), *self._targets.last_layers()]
        model = layers[0] if len(layers) == 1 and layers[0].built else Sequential(layers)
        if not model.built:
            rng = np.random.default_rng(self._seed())
            model.build(X.shape[1:], rng=rng, dtype=self._dtype(X))
        elif model.input_shape != X.shape[1:]:
            raise BuildError(
                f"{self._who}: expected the model to take rows of {X.shape[1]} numbers, got one of input_shape "
                f"{model.input_shape}. Leave input_shape out: the model is built when X is known."
            )
        self.model_ = model
        self.loss_curve_: list[float] = []
        self._new_trainer(X, y, weight)

    def _run(self, data: tuple, epochs: int, callbacks: list[Callback], check: tuple | None) -> dict[str, list]:
        """Train for some epochs, and note what they gave."""
        history = self.trainer_.fit(
            self._arrays(*data),
            epochs,
            batch_size=self._batch(len(data[0])),
            validation=None if check is None else self._arrays(*check),
            callbacks=callbacks,
            seed=self._seed(),
            progress=self.verbose if isinstance(self.verbose, str) else bool(self.verbose),
            checkpoint=None,
        )
        self.history_ = history
        self.loss_curve_ = [*self.loss_curve_, *history["loss"]]
        self.loss_, self.n_iter_ = self.loss_curve_[-1], len(self.loss_curve_)
        return history

    def _new_trainer(self, X, y, weight) -> None:
        """A trainer of the model for such data, with a new optimizer."""
        steps = count(self._who, "max_iter", self.max_iter) * -(-len(X) // self._batch(len(X)))
        rate = names.schedule(self._who, self.schedule, self.learning_rate, steps)
        decay = self.weight_decay
        if isinstance(decay, str) and decay == "auto":
            decay = min(DECAY, PRIOR / (len(X) if weight is None else float(weight.sum())))
        options = self.optimizer_options or {}
        optimizer = names.optimizer(self._who, self.optimizer, self.model_, rate, decay, options)
        self.trainer_ = Trainer(self.model_, self._targets.loss, optimizer)

    # ---- data -----------------------------------------------------------------------------------------------------

    @property
    def _who(self) -> str:
        return type(self).__name__

    def _seed(self) -> int:
        return int(self._random.randint(np.iinfo(np.int32).max))

    def _dtype(self, X: np.ndarray) -> Any:
        if isinstance(self.dtype, str) and self.dtype == "auto":
            return np.float64 if X.dtype == np.float64 and len(X) <= FEW else np.float32
        return self.dtype

    def _batch(self, samples: int) -> int:
        if not (isinstance(self.batch_size, str) and self.batch_size == "auto"):
            return min(count(self._who, "batch_size", self.batch_size, hint='Or "auto".'), samples)
        size = min(max(SMALL, samples // 50), BATCH, samples)
        while samples % size == 1 and size > 1:  # batch statistics need two samples
            size += 1
        return min(size, samples)

    def _weighted(self, X, y, sample_weight, whole: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """X, y and the weights, if there are any, without samples that weigh nothing."""
        weight = None
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, X, dtype=np.float64)
            if (weight < 0).any():
                raise DataError(f"{self._who}: expected sample_weight of at least 0, got {weight.min()}.")
            X, y, weight = self._kept(X, y, weight)
        by_class = self._class_weights(y, whole)
        if by_class is None:
            return X, y, weight
        if not (np.isfinite(by_class) & (by_class >= 0)).all():
            raise ConfigError(f"{self._who}: expected class_weight of finite numbers, at least 0.")
        return self._kept(X, y, by_class if weight is None else weight * by_class)

    def _kept(self, X, y, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What weighs something."""
        if not weight.any():
            raise DataError(f"{self._who}: expected sample_weight above 0 for some samples, got zeros only.")
        kept = weight > 0
        return (X, y, weight) if kept.all() else (X[kept], y[kept], weight[kept])

    def _split(self, X, y, weight) -> tuple[tuple, tuple]:
        """The data to train on, and the part that early stopping looks at."""
        part = number(self._who, "validation_fraction", self.validation_fraction, 0.0, 1.0)
        arrays = [X, y] if weight is None else [X, y, weight]
        if part in (0.0, 1.0):
            raise ConfigError(f"{self._who}: expected validation_fraction between 0 and 1, got {part}.")
        strata = y if self._stratifies and y.ndim == 1 else None
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        found = train_test_split(*arrays, test_size=part, stratify=strata, random_state=seed)
        more = [None] if weight is None else []
        return (*found[::2], *more), (*found[1::2], *more)

    def _arrays(self, X, y, weight) -> tuple:
        """The data as the trainer takes it."""
        dtype = self.model_.dtype
        arrays = (self._scaled(X), self._targets.encode(y, dtype))
        return arrays if weight is None else (*arrays, weight.astype(dtype))

    def _new_scaling(self, X: np.ndarray, weight: np.ndarray | None) -> Scaling | None:
        """What X goes through before the network, if anything."""
        if not self._standardizes() or (isinstance(self.standardize, str) and not far_from_one(X, weight)):
            return None
        return Scaling(X, weight, self._whole_scaling)

    def _standardizes(self) -> bool:
        """Whether columns may be standardised."""
        auto = isinstance(self.standardize, str) and self.standardize == "auto"
        return auto or flag(self._who, "standardize", self.standardize)

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        dtype = self.model_.dtype
        return X.astype(dtype, copy=False) if self._scaling is None else self._scaling.forward(X, dtype)

    def _stopping(self, validates: bool) -> EarlyStopping:
        patience, tol = (
            count(self._who, "n_iter_no_change", self.n_iter_no_change),
            number(self._who, "tol", self.tol, 0.0),
        )
        monitor = "loss" if not validates else "validation_loss" if self.scoring is None else "score"
        mode = "max" if monitor == "score" else "min"
        return EarlyStopping(monitor, patience, tol, mode, restore_best=validates)

    def _outputs(self, X) -> np.ndarray:
        """The outputs of the model for X, in evaluation mode."""
        check_is_fitted(self, "model_")
        X = validate_data(self, X, dtype=FLOATS, reset=False)
        return predict(self._who, self.model_, self._scaled(X), ROWS, False)

    def predict(self, X) -> np.ndarray:
        """The predicted targets of X (n, features), of the shape that y had."""
        H = self._outputs(X)
        return self._framed(X, self._targets.predict(H), self._target_names)

    def _framed(self, X, found: Any, columns: Any) -> Any:
        """What is found for X, as a frame if that is wanted and X is one."""
        if not flag(self._who, "frames_out", self.frames_out) or isinstance(found, list):
            return found
        return frames.framed(X, found, columns)
