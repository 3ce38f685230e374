"""Initial values of weights. Each draws in float64 with variance chosen so that signals keep their size across layers.

`fan_in` and `fan_out` are the numbers of inputs that one output sums over, and of outputs that one input reaches:
N and M for a matrix W (M, N); kh kw Ci/groups and kh kw Co/groups for a convolution kernel.

| name | entries | source |
|---|---|---|
| `glorot_uniform`, `glorot_normal` | variance 2 / (fan_in + fan_out) | Glorot and Bengio 2010 |
| `he_uniform`, `he_normal` | variance 2 / fan_in | He, Zhang, Ren and Sun 2015, for ReLU |
| `lecun_uniform`, `lecun_normal` | variance 1 / fan_in | LeCun, Bottou, Orr and Müller 1998 |
| `zeros` | 0 | usual for biases |

A uniform distribution on (-a, a) has the variance a²/3.
"""

from collections.abc import Callable

import numpy as np

from .errors import ConfigError

Initializer = Callable[[np.random.Generator, tuple, int, int], np.ndarray]


def _normal(variance):
    def draw(rng: np.random.Generator, shape: tuple, fan_in: int, fan_out: int) -> np.ndarray:
        return rng.standard_normal(shape) * np.sqrt(variance(fan_in, fan_out))

    return draw


def _uniform(variance):
    def draw(rng: np.random.Generator, shape: tuple, fan_in: int, fan_out: int) -> np.ndarray:
        a = np.sqrt(3 * variance(fan_in, fan_out))
        return rng.uniform(-a, a, shape)

    return draw


def _glorot(fan_in: int, fan_out: int) -> float:
    return 2 / (fan_in + fan_out)


def _he(fan_in: int, fan_out: int) -> float:
    return 2 / fan_in


def _lecun(fan_in: int, fan_out: int) -> float:
    return 1 / fan_in


def zeros(rng: np.random.Generator, shape: tuple, fan_in: int = 1, fan_out: int = 1) -> np.ndarray:
    """All entries zero."""
    return np.zeros(shape)


glorot_uniform, glorot_normal = _uniform(_glorot), _normal(_glorot)
he_uniform, he_normal = _uniform(_he), _normal(_he)
lecun_uniform, lecun_normal = _uniform(_lecun), _normal(_lecun)

BY_NAME: dict[str, Initializer] = {
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "lecun_uniform": lecun_uniform,
    "lecun_normal": lecun_normal,
    "zeros": zeros,
}


def check(who: str, initializer: str | Initializer) -> str | Initializer:
    """The initializer itself, if it is a known name or a callable `initializer(rng, shape, fan_in, fan_out)`."""
    if callable(initializer) or (isinstance(initializer, str) and initializer in BY_NAME):
        return initializer
    raise ConfigError(f"{who}: unknown initializer {initializer!r}. Known: {', '.join(BY_NAME)}, or pass a function.")


def with_fans(initializer: str | Initializer, fan_in: int, fan_out: int) -> Callable:
    """`(rng, shape) -> array` for a layer with these fans."""
    draw = initializer if callable(initializer) else BY_NAME[initializer]
    return lambda rng, shape: draw(rng, shape, fan_in, fan_out)
