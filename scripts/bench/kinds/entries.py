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

    def logarithms(rng):
        return [np.log(rng.uniform(0.1, 1, shape)).astype(np.float32), rng.uniform(0.01, 1, shape).astype(np.float32)]

    def counts(rng):
        return [rng.standard_normal(shape, np.float32), rng.poisson(1.5, shape).astype(np.float32)]

    def gaussians(rng):
        means, targets = rng.standard_normal((2, rows, columns // 2), np.float32)
        variances = rng.uniform(0.5, 2, targets.shape).astype(np.float32)
        return [np.concatenate([means, variances], axis=1), targets]

    return [
        case("adversarial_loss", 1, score_of_real, "non_saturating", "real"),
        case("l1_loss", 2, l1_loss),
        case("huber_loss", 2, huber_loss),
        case("kl_divergence", logarithms, kl_divergence),
        case("poisson_negative_log_likelihood", counts, poisson_negative_log_likelihood),
        case("gaussian_negative_log_likelihood", gaussians, gaussian_negative_log_likelihood),
    ]


def score_of_real(S, out):
    e = np.exp(-np.abs(S))
    value = (np.maximum(-S, 0) + np.log1p(e)).mean()
    np.divide(np.where(S >= 0, e, ONE), ONE + e, out=out)
    return value, np.multiply(out, np.float32(-1 / S.size), out=out)


def l1_loss(H, Y, out):
    np.subtract(H, Y, out=out)
    value = np.abs(out).mean()
    np.sign(out, out=out)
    return value, np.multiply(out, np.float32(1 / H.size), out=out)


def huber_loss(H, Y, out):
    np.subtract(H, Y, out=out)
    u = np.abs(out)
    value = np.where(u <= ONE, np.square(u) / np.float32(2), u - np.float32(0.5)).mean()
    np.clip(out, -ONE, ONE, out=out)
    return value, np.multiply(out, np.float32(1 / H.size), out=out)


def kl_divergence(H, Y, out):
    """Of targets above 0."""
    value = (Y * (np.log(Y) - H)).sum() / len(H)
    return value, np.multiply(Y, np.float32(-1 / len(H)), out=out)


def poisson_negative_log_likelihood(H, Y, out):
    np.exp(H, out=out)
    value = (out - Y * H).mean()
    np.subtract(out, Y, out=out)
    return value, np.multiply(out, np.float32(1 / H.size), out=out)


def gaussian_negative_log_likelihood(H, Y, out):
    M, share = Y.shape[1], np.float32(1 / Y.size)
    v = np.maximum(H[:, M:], np.float32(1e-6))
    r = H[:, :M] - Y
    scaled = r / v
    q = r * scaled
    value = (np.log(v) + q).mean() / 2
    np.multiply(scaled, share, out=out[:, :M])
    np.multiply((ONE - q) / v, share / 2, out=out[:, M:])
    return value, out
