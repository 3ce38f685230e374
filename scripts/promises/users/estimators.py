"""The rows of the evidence about `nnmat.sklearn`: all checks of estimators, accuracy and time beside scikit-learn's."""

import itertools
import re
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..row import Row, run

EVIDENCE = "python scripts/evidence.py --only"
CHECKS = "tests/nnmat/sklearn/test_conformance.py"
SETS = ("iris", "wine", "breast_cancer", "digits", "diabetes")  # that come with scikit-learn; the last one is numbers
SEEDS = 3
FASTER = 2.5  # than scikit-learn at its best
ROUNDS = 15
BATCH = 200  # scikit-learn's own


def checks() -> Row:
    """Every check that scikit-learn has for estimators, none expected to fail, none left out."""
    command = f"python -m pytest -q -s {CHECKS}"
    said = run(command, NNMAT_EXTRAS="1").stdout
    found = re.search(r"(\d+) passed", said)
    numbers = [int(number) for number in re.findall(r"(\d+) checks", said)]
    value = f"{found[1] if found else 0} of 5 estimators pass all checks, {sum(numbers)} in all"
    holds = found is not None and found[1] == "5" and len(numbers) == 5
    return Row("estimators: check_estimator", "all pass, expected failures: none", value, holds, command)


def scores(name: str, seeds: int) -> dict[str, tuple[float, float]]:
    """Mean scores of 5 folds on a set, nnmat's and scikit-learn's, of defaults: bare, and behind a StandardScaler."""
    from sklearn import datasets, neural_network
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    from nnmat.sklearn import MLPClassifier, MLPRegressor

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    kinds = (MLPClassifier, neural_network.MLPClassifier)
    if name == "diabetes":
        kinds = (MLPRegressor, neural_network.MLPRegressor)

    def mean(kind, *before: type) -> float:
        pipelines = [make_pipeline(*(step() for step in before), kind(random_state=seed)) for seed in range(seeds)]
        with threadpool_limits(1), warnings.catch_warnings():  # its matrices are too small for more threads
            warnings.simplefilter("ignore")  # scikit-learn says that 200 epochs were too few for its own
            return statistics.mean(float(cross_val_score(p, X, y, cv=5).mean()) for p in pipelines)

    return {
        "bare": (mean(kinds[0]), mean(kinds[1])),
        "scaled": (mean(kinds[0], StandardScaler), mean(kinds[1], StandardScaler)),
    }


def accuracy(sets: tuple[str, ...] = SETS, seeds: int = SEEDS) -> Row:
    """Accuracy, or R², on the sets that come with scikit-learn: 5 folds, defaults, mean of three seeds."""
    found = {f"{name} {way}": pair for name in sets for way, pair in scores(name, seeds).items()}
    ours, theirs = (statistics.mean(pair[i] for pair in found.values()) for i in (0, 1))
    holds = all(pair[0] >= pair[1] for pair in found.values()) and ours > theirs
    value = "; ".join(f"{name} {a:.4f} ({b:.4f})" for name, (a, b) in found.items())
    return Row(
        "estimators: 5-fold scores on iris, wine, breast_cancer, digits (accuracy), diabetes (R²)",
        "of defaults, with and without a StandardScaler: not below scikit-learn's MLP on any, mean above",
        f"{value}; mean {ours:.4f} ({theirs:.4f})",
        holds,
        f"{EVIDENCE} estimators-accuracy",
    )


def fit_times(X, y, epochs: int, rounds: int) -> dict[str, float]:
    """The least seconds of `fit`, in turn: of nnmat and of scikit-learn, each with one thread and with all.

    Of X float64 as it is nnmat computes in float32 for more than 1000 samples, scikit-learn in float64; of X float32
    both compute in float32.
    """
    from sklearn import neural_network
    from threadpoolctl import threadpool_limits

    from nnmat import get_num_threads, set_num_threads
    from nnmat.sklearn import MLPClassifier

    options: dict[str, Any] = {"max_iter": epochs, "batch_size": BATCH, "random_state": 0}
    estimators = {
        "nnmat": MLPClassifier(n_iter_no_change=None, **options),
        "scikit-learn": neural_network.MLPClassifier(n_iter_no_change=epochs + 1, **options),
    }
    found: dict[str, float] = {}
    every = get_num_threads()
    try:
        for _ in range(rounds + 1):  # the first one reads kernels from the cache
            for (name, estimator), threads, dtype in itertools.product(
                estimators.items(), dict.fromkeys((1, every)), ("float64", "float32")
            ):
                data = X.astype(dtype)
                set_num_threads(threads)
                with threadpool_limits(threads), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    started = time.perf_counter()
                    estimator.fit(data, y)
                    taken = time.perf_counter() - started
                what = f"{name}, X {dtype}, {threads} thread{'s' * (threads > 1)}"
                found[what] = min(taken, found.get(what, taken))
    finally:
        set_num_threads(every)
    return found


def least(found: dict[str, float], what: str) -> float:
    """The least of the times whose names begin so."""
    return min(seconds for name, seconds in found.items() if name.startswith(what))


def sets_of_times() -> dict[str, tuple]:
    """What is fitted: digits, and 20,000 rows of 50 numbers; the epochs."""
    from sklearn.datasets import load_digits

    digits = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 50))
    return {"digits": (*digits, 30), "20,000 x 50": (X, X[:, :5].argmax(axis=1), 5)}


def fit() -> list[Row]:
    """The time of `fit` at equal epochs and batches, in turn with scikit-learn's MLP, best threads of each."""
    rows = []
    for name, (X, y, epochs) in sets_of_times().items():
        found = fit_times(X, y, epochs, ROUNDS)
        ratio, alike = (
            least(found, f"scikit-learn, X {dtype}") / least(found, f"nnmat, X {dtype}")
            for dtype in ("float64", "float32")
        )
        rows.append(
            Row(
                f"estimators: time of fit, {name}",
                f"{FASTER} times faster than scikit-learn's MLP on the same set, equal epochs and batch, best threads",
                f"{ratio:.1f} times; {alike:.1f} times where X is float32, so that both compute in it "
                f"({'; '.join(f'{what} {s:.3f} s' for what, s in found.items())})",
                ratio >= FASTER,
                f"{EVIDENCE} estimators-fit",
            )
        )
    return rows


ROWS: dict[str, Callable[[], Row | list[Row]]] = {
    "estimators-checks": checks,
    "estimators-accuracy": accuracy,
    "estimators-fit": fit,
}
