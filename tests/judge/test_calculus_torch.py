"""Gradients of random expressions against PyTorch's autograd: the same expression, evaluated on tensors."""

import os

import numpy as np
import pytest

from nnmat.calculus import NotDerivable, UnverifiedError, derive, matrix
from nnmat.calculus.checking.differences import ATTEMPTS
from nnmat.calculus.checking.sampling import points
from nnmat.calculus.errors import DomainError
from nnmat.calculus.evaluation.evaluator import Evaluation
from nnmat.calculus.language.assumptions import is_symmetric
from nnmat.calculus.language.operators import inner
from tests.nnmat.calculus import worked_examples as examples
from tests.nnmat.calculus.generator import OPERATORS, PLACES, samples

torch = pytest.importorskip("torch")
EACH = int(os.environ.get("NNMAT_RANDOM", "40"))
ELEMENTWISE = {
    "abs": torch.abs,
    "gelu": torch.nn.functional.gelu,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "silu": torch.nn.functional.silu,
    "elu": torch.nn.functional.elu,
    "huber": lambda x: torch.nn.functional.huber_loss(x, torch.zeros_like(x), reduction="none"),
    "clip": lambda x: torch.clip(x, -1, 1),
    **{name: getattr(torch, name) for name in ("exp", "log", "sigmoid", "tanh", "relu", "sqrt", "sin", "cos")},
    **{name: getattr(torch, name) for name in ("tan", "arctan", "cosh", "sinh", "log1p", "erf", "lgamma", "digamma")},
}


def logm(x):
    """Of a matrix near I: ∫ (X - I)(I + t(X - I))⁻¹ dt, by Gauss's rule. PyTorch has NaN by equal eigenvalues."""
    eye = torch.eye(len(x), dtype=x.dtype)
    nodes, weights = np.polynomial.legendre.leggauss(20)
    return sum(
        w / 2 * torch.linalg.solve(eye + (t + 1) / 2 * (x - eye), x - eye) for t, w in zip(nodes, weights, strict=True)
    )


def sqrtm(x):
    """Of a matrix near I: the iteration of Denman and Beavers."""
    y, z = x, torch.eye(len(x), dtype=x.dtype)
    for _ in range(10):
        y, z = (y + torch.linalg.inv(z)) / 2, (z + torch.linalg.inv(y)) / 2
    return y


def sylvester(a, b, c):
    m, n = c.shape
    system = torch.kron(a, torch.eye(n, dtype=a.dtype)) + torch.kron(torch.eye(m, dtype=a.dtype), b.T.contiguous())
    return torch.linalg.solve(system, c.reshape(-1))


MATRICES = {
    "expm": torch.linalg.matrix_exp,
    "logm": logm,
    "sqrtm": sqrtm,
    "pinv": torch.linalg.pinv,
    "cholesky": torch.linalg.cholesky,
    "eigenvalues": torch.linalg.eigvalsh,
    "singular_values": torch.linalg.svdvals,
    "nuclear": lambda x: torch.linalg.svdvals(x).sum(),
    "spectral": lambda x: torch.linalg.svdvals(x)[0],
    "maximum": torch.maximum,
    "where": lambda c, a, b: torch.where(c > 0, a, b),
    "xpow": lambda x, p: x**p,
    "hstack": lambda *a: torch.cat(a, dim=1),
    "vstack": lambda *a: torch.cat(a, dim=0),
    "sylvester": sylvester,
}


def on_tensors(e, known, sizes):
    """The value of an expression by PyTorch."""
    if e in known:
        return known[e]
    shape = tuple(d.value(sizes) for d in e.shape)
    args = [on_tensors(a, known, sizes) for a in e.args]
    known[e] = by_operator(e, shape, args, sizes).reshape(shape)
    return known[e]


def by_operator(e, shape, args, sizes):
    axis = 0 if e.data == "column" else 1
    new = {"dtype": torch.float64}
    if e.op in ("num", "dim"):
        return torch.tensor(float(e.data) if e.op == "num" else e.data.value(sizes), **new)
    if e.op in ("add", "mul", "matmul"):
        total = args[0]
        for a in args[1:]:
            total = total + a if e.op == "add" else total * a if e.op == "mul" else total @ a
        return total
    if e.op == "adj":
        return torch.linalg.det(args[0]) * torch.linalg.inv(args[0])
    if e.op == "conv":
        assert e.data == ((1, 1), (0, 0), (1, 1))
        return torch.nn.functional.conv2d(args[0][None, None], args[1][None, None])[0, 0]
    if e.op in MATRICES:
        return MATRICES[e.op](*args)
    if e.op == "mpow":
        return torch.linalg.matrix_power(args[0], e.data.value(sizes))
    if e.op == "max":
        return args[0].amax(dim=1) if e.data == "rows" else args[0].max()
    if e.op in ("slice", "embed"):
        (i, j), (m, n) = (d.value(sizes) for d in e.data), shape if e.op == "slice" else args[0].shape
        if e.op == "slice":
            return args[0][i : i + m, j : j + n]
        return torch.nn.functional.pad(args[0], (j, shape[1] - j - n, i, shape[0] - i - m))
    simple = {
        "ones": lambda: torch.ones(shape, **new),
        "eye": lambda: torch.eye(shape[0], **new),
        "ref": lambda x: x,
        "T": lambda x: x.T,
        "pow": lambda x: x ** float(e.data),
        "fn": lambda x: ELEMENTWISE[e.data](x),
        "inv": torch.linalg.inv,
        "det": torch.linalg.det,
        "logdet": lambda x: torch.linalg.slogdet(x).logabsdet,
        "trace": torch.trace,
        "inner": lambda x, y: (x * y).sum(),
        "sum": lambda x: x.sum(),
        "norm": torch.linalg.norm,
        "diag": torch.diag,
        "diagm": lambda x: torch.diag(x[:, 0]),
        "kron": lambda x, y: x[:, None, :, None] * y[None, :, None, :],
        "reshape": lambda x: x.reshape(shape),
        "softmax": lambda x: torch.softmax(x, axis),
        "log_softmax": lambda x: torch.log_softmax(x, axis),
        "lse": lambda x: torch.logsumexp(x, axis),
    }
    return simple[e.op](*args)


def disagreement(root, gradient, wrt, rng):
    """The relative distance of the gradient from PyTorch's at one point; None if no point is found."""
    both = inner(root, root) * inner(gradient, gradient)
    for point in points(both, rng, ATTEMPTS):
        try:
            evaluation = Evaluation(point.arrays, point.sizes)
            evaluation.value(root)
            ours = evaluation.value(gradient)
        except DomainError:
            continue
        tensors = {s: torch.tensor(a, dtype=torch.float64) for s, a in point.arrays.items()}
        tensors[wrt].requires_grad_(True)
        value = on_tensors(root, dict(tensors), point.sizes).sum()
        if value.requires_grad:  # not where the variable is in the condition of a choice only
            value.backward()
        theirs = tensors[wrt].grad
        theirs = np.zeros(ours.shape) if theirs is None else theirs.numpy()
        if is_symmetric(wrt) and wrt.op == "sym":
            theirs = (theirs + theirs.T) / 2
        if "diagonal" in wrt.data[1]:
            theirs = np.diag(np.diag(theirs))
        scale = max(np.abs(ours).max(), np.abs(theirs).max(), 1e-2)
        return float(np.abs(ours - theirs).max() / scale)
    return None


@pytest.mark.parametrize("part", range(5))
def test_random_expressions_against_autograd(part):
    """`EACH` expressions for every operator in every place, over all parts; `make evidence` takes 200."""
    each, rng = EACH // 5, np.random.default_rng(part)
    compared, refused, worst = 0, [], 0.0
    for e, G, wrt in samples(each, seed=7 + part):
        root = e if G is None else inner(G, e)
        try:
            gradient = derive(root, wrt).gradient
            error = disagreement(root, gradient, wrt, rng)
        except (NotDerivable, UnverifiedError) as reason:
            if "expected the derivative" in str(reason):
                raise AssertionError(f"wrong: {e!r} by {wrt.name}: {reason}") from reason
            refused.append(f"{e!r} by {wrt.name}: {reason}")
            continue
        if error is None:
            refused.append(f"{e!r} by {wrt.name}: no point")
            continue
        assert error < 1e-6, f"wrong: {e!r} by {wrt.name}: {gradient}, off by {error}"
        worst = max(worst, error)
        compared += 1
    print(f"compared {compared}, refused {len(refused)}, worst {worst:.1e}")
    assert compared + len(refused) == each * len(OPERATORS) * len(PLACES)
    assert compared >= 1000
    assert len(refused) <= 0.01 * compared, "\n".join(refused)


EXAMPLES = [
    name
    for name, f in vars(examples).items()
    if callable(f) and f.__module__ == examples.__name__
    if name not in ("dimension", "deep", "sympy_failures") and not name.startswith("_")
]


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_worked_example_against_autograd(name):
    f = getattr(examples, name)()
    rng = np.random.default_rng(5)
    compared = 0
    root = f if f.is_scalar else inner(matrix("Upstream", *f.shape), f)
    for wrt in sorted(root.free, key=lambda s: s.name):
        if set(wrt.data[1]) & {"constant", "sums_to_one"} or wrt.name == "Upstream":
            continue
        assert disagreement(root, derive(root, wrt).gradient, wrt, rng) < 1e-9
        compared += 1
    assert compared >= 1
