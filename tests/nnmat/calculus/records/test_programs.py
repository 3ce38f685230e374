"""Gradients as code: read back to the same expression, and as functions of arrays with the same values."""

import numpy as np
import pytest

from nnmat.calculus import derive, evaluate, parse

TEXTS = [
    ("x.T @ A @ sigmoid(inv(B) @ z + b)", "B"),
    ("y.T @ log_softmax(W @ x)", "W"),
    ("sum(gelu(A @ x)) / dim(N)", "x"),
    ("norm2(A @ x - y) ** 3", "x"),
    ("logdet(A @ A.T + eye(M))", "A"),
]


@pytest.mark.parametrize(("text", "wrt"), TEXTS)
def test_code(text, wrt):
    f = parse(text, A=("M", "N"), x="N") if "A" in text and "sigmoid" not in text else parse(text)
    d = derive(f, wrt)
    assert parse(d.to_python(), **{s.name: s for s in d.gradient.free}) is d.gradient
    names: dict = {}
    exec(d.to_numpy(), names)
    rng = np.random.default_rng(0)
    sizes = {str(n): 3 + i for i, n in enumerate(sorted({str(n) for s in f.free for n in s.shape} - {"1"}))}
    values = {s.name: rng.standard_normal([sizes[str(n)] for n in s.shape if str(n) != "1"]) for s in f.free}
    own = {s.name: values[s.name] for s in d.gradient.free}
    assert np.allclose(names["gradient"](**own), evaluate(d.gradient, **own, **sizes), rtol=1e-12)
