"""The cases of further functions of single numbers, and of losses that are sums of them, with NumPy's form of each."""

import functools

import numpy as np

from bench.kinds.case import Case, at_once, normal

ONE = np.float32(1)


def of_matrices(rows, columns) -> list[Case]:
    """All of them on a matrix."""
    shape, label = (rows, columns), f"{rows}x{columns}"

    def case(name, inputs, peer, *more, **options):
        """`inputs`: how many normal matrices, or their maker; `more`: arguments of the kernel after the arrays."""

        def bind(k, *arrays, **outs):
            return functools.partial(getattr(k, name), *arrays, *more, **outs)

        arrays = normal(*[shape] * inputs) if isinstance(inputs, int) else inputs
        return Case(name, label, arrays, at_once(bind), peer, bind=bind, **options)

    return [case("adversarial_loss", 1, score_of_real, "non_saturating", "real")]


def score_of_real(S, out):
    e = np.exp(-np.abs(S))
    value = (np.maximum(-S, 0) + np.log1p(e)).mean()
    np.divide(np.where(S >= 0, e, ONE), ONE + e, out=out)
    return value, np.multiply(out, np.float32(-1 / S.size), out=out)
