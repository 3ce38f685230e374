"""Long and deep functions: what is derived and printed has as many signs as the function has parts, and takes a second.

Residual blocks stand twice in one another, so that their gradient written out doubles with every block.
"""

import time
import tracemalloc

import pytest

from nnmat.calculus import derive, matrix, parse, simplify, text, trace, vector
from nnmat.calculus.command import main

SECONDS, BYTES, MEMORY = 1.0, 100_000, 300_000_000


def chain(blocks, block):
    """h1 = block(x, 1), h2 = block(h1, 2), ..., as options of the command."""
    names = ["x", *(f"h{k}" for k in range(1, blocks + 1))]
    lets = [f"h{k}={block(names[k - 1], k)}" for k in range(1, blocks + 1)]
    return [f"g.T @ h{blocks}", "--wrt", "W1", *(part for let in lets for part in ("--let", let))]


def nested(depth):
    z = "x"
    for k in range(1, depth + 1):
        z = f"sigmoid(W{k} @ {z})"
    return z


def norms(layers):
    z = "x"
    for _ in range(layers):
        centred = f"({z} - sum({z})/dim(N))"
        z = f"({centred} / sqrt(sum({centred}**2)/dim(N) + 0.1))"
    return z


def summed(terms, term):
    return " + ".join(term.format(k) for k in range(1, terms + 1))


FUNCTIONS = {
    "100 residual blocks": chain(100, lambda x, k: f"{x} + V{k} @ tanh(W{k} @ {x})"),
    "300 quadratic forms": [summed(300, "x.T @ A{0} @ x"), "--wrt", "x"],
    "1,000 terms": [summed(1000, "a{0}.T @ x"), "--wrt", "x"],
    "a product of 200 factors": [f"trace({' @ '.join(f'A{k}' for k in range(200))})", "--wrt", "A100"],
    "60 layers inline": [f"g.T @ {nested(60)}", "--wrt", "W1"],
    "200 lets": chain(200, lambda x, k: f"tanh(W{k} @ {x})"),
    "four inline layer norms": [f"g.T @ {norms(4)}", "--wrt", "x", "--shape", "x=N", "--shape", "g=N"],
}


@pytest.mark.parametrize("form", ["text", "latex", "python", "numpy"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_large_function(name, form, capsys):
    times = []
    for _ in range(3):
        start = time.process_time()
        assert main(["derive", *FUNCTIONS[name], "--format", form]) == 0
        times.append(time.process_time() - start)
        written = capsys.readouterr().out
        assert len(written.encode()) < BYTES
        assert max(map(len, written.splitlines())) < BYTES / 4
        if times[-1] < SECONDS:
            break
    print(f"{name}, {form}: {min(times):.2f} s, {len(written.encode()) / 1000:.0f} kB")
    assert min(times) < SECONDS


def test_memory():
    tracemalloc.start()
    for name in ("100 residual blocks", "300 quadratic forms"):
        arguments = FUNCTIONS[name]
        assert main(["derive", *arguments, "-o", "/dev/null"]) == 0
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"memory: {most / 1e6:.0f} MB")
    assert most < MEMORY / 2


def test_a_thousand_quantities():
    f = parse(summed(1000, "sum(sin(a{0} * x))"))
    d = derive(f, "x", check=False)
    assert len(str(d).encode()) < BYTES
    assert len(d.to_latex().encode()) < BYTES


def test_every_part_of_a_result_is_short():
    """45 layers, and the sums of a residual network: `str`, `repr` and `latex` of the gradient itself."""
    for arguments in (FUNCTIONS["60 layers inline"], FUNCTIONS["four inline layer norms"]):
        shapes = {"x": "N", "g": "N"} if "norm" in arguments[0] else {}
        d = derive(parse(arguments[0], **shapes), arguments[2])
        for written in (str(d.gradient), repr(d.gradient), d.gradient._repr_latex_(), str(d.chain[0].closed)):
            assert len(written) < BYTES


def test_what_is_shared_without_names():
    """The same object twice, sixty times over: 2^60 signs if it were written out."""
    x, A = vector("x", "N"), matrix("A", "N", "N")
    e = x
    for _ in range(60):
        e = A @ e + (A @ A @ e) * (A @ e)
    d = derive(vector("g", "N").T @ e, "g")
    assert len(str(d)) < BYTES
    assert len(text(simplify(e))) < BYTES
    assert len(repr(e)) < BYTES
    X = A
    for _ in range(10):
        X = X @ X
    assert len(text(trace(X))) < BYTES
