"""Compiled functions: the values of `evaluate`, arrays of their own, typed errors, and code that runs by itself."""

import os
import subprocess
import sys

import numpy as np
import pytest

from nnmat.calculus import (
    DomainError,
    DtypeError,
    NotDerivable,
    ShapeError,
    compile,
    derive,
    dim,
    elementwise,
    eye,
    inner,
    inv,
    log,
    logdet,
    matrix,
    norm2,
    ones,
    parse,
    scalar,
    sigmoid,
    sum,
    trace,
    vector,
)
from nnmat.calculus.checking.sampling import Point, points
from nnmat.calculus.compiling.compiled import Compiled
from nnmat.calculus.evaluation.evaluator import Evaluation
from tests.nnmat.calculus import worked_examples
from tests.nnmat.calculus.generator import OPERATORS, PLACES, Generator

SCALARS = [
    "bilinear",
    "bilinear_batch",
    "least_squares",
    "least_squares_batch",
    "gaussian",
    "gaussian_sample",
    "gaussian_mean",
    "sigmoid_inverse",
    "sigmoid_inverse_batch",
    "softmax_regression",
    "softmax_regression_batch",
    "two_layers",
    "two_layers_batch",
    "convolution_khat",
    "convolution",
    "gan_discriminator",
    "gan_generator",
    "log_sum_exp",
    "log_sum_exp_rows",
    "log_softmax_loss",
]
MATRICES = ["layer_norm", "batch_norm", "attention", "residual"]


def close(got, wanted):
    wanted = np.asarray(wanted)
    assert np.size(got) == wanted.size
    gap = np.abs(np.reshape(got, wanted.shape) - wanted).max()
    assert gap <= 1e-9 * max(np.abs(wanted).max(), 1e-3)


def arguments(compiled: Compiled, point: Point):
    """The arrays of a point as a user has them: vectors of one axis, numbers."""
    given = {}
    for s, a in point.arrays.items():
        given[s.name] = float(a[0, 0]) if s.is_scalar else a[:, 0] if s.shape[1] == dim(1) else a
    shown = {str(d) for s in point.arrays for d in s.shape}
    return given | {n: point.sizes[n] for n in compiled.dimensions if n not in shown and n not in given}


def agrees(f, gradients, times=2):
    """Whether points were found; value and gradients are those of the evaluator at them."""
    compiled = Compiled(f, gradients, {})
    whole = f
    for g in gradients.values():
        whole = whole + inner(g, g)
    found = 0
    for point in points(whole, np.random.default_rng(1), 30):
        here = Evaluation(point.arrays, point.sizes)
        try:
            wanted = here.value(f), {name: here.value(g) for name, g in gradients.items()}
        except DomainError:
            continue
        value, got = compiled(**arguments(compiled, point))
        close(value, wanted[0])
        assert set(got) == set(gradients)
        for name, g in wanted[1].items():
            close(got[name], g)
        found += 1
        if found == times:
            break
    return found > 0


def all_gradients(f):
    """By every symbol that has one."""
    found = {}
    for s in f.free:
        try:
            found[s.name] = derive(f, s, check=False).gradient
        except NotDerivable:
            continue
    return found


@pytest.mark.parametrize("name", SCALARS)
def test_worked_examples(name):
    f = getattr(worked_examples, name)()
    assert agrees(f, all_gradients(f))


@pytest.mark.parametrize("name", MATRICES)
def test_matrices_with_an_upstream_gradient(name):
    Y = getattr(worked_examples, name)()
    f = inner(matrix("G", *Y.shape), Y)
    assert agrees(f, all_gradients(f))


@pytest.mark.parametrize("name", worked_examples.sympy_failures())
def test_what_other_tools_get_wrong(name):
    f, variable = worked_examples.sympy_failures()[name]
    assert agrees(f, {variable: derive(f, variable).gradient})


@pytest.mark.parametrize("place", PLACES)
def test_random_expressions(place):
    """Every operator once in each place; whatever is derived and has a compiled form is compiled, and right."""
    found = 0
    for seed, op in enumerate(OPERATORS):
        f, G, v = Generator(7000 + seed).sample(op, place)
        f = f if G is None else inner(G, f)
        try:
            gradient = derive(f, v, check=False).gradient
        except NotDerivable:
            continue
        try:
            found += agrees(f, {v.name: gradient}, times=1)
        except NotDerivable as error:  # what has no compiled form says so: test_lowering lists it
            assert "no compiled form" in str(error) or "no NumPy form" in str(error)  # noqa: PT017
    assert found > 0.7 * len(OPERATORS)


def test_value_and_gradients_together():
    X, w, t = matrix("X", "M", "N"), vector("w", "N"), vector("t", "M")
    f = compile(norm2(X @ w - t) ** 2, wrt=["w", X])
    arrays = {"X": [[1.0, 2.0], [0.0, 1.0]], "w": [1.0, 1.0], "t": np.array([1.0, 0.0])}
    value, gradients = f(**arrays)
    assert value == 5.0
    assert gradients["w"].tolist() == [4.0, 10.0]
    assert gradients["X"].tolist() == [[4.0, 4.0], [2.0, 2.0]]
    again = f(**{**arrays, "X": np.ones((3, 2)), "t": np.zeros(3)})  # other sizes
    assert again[0] == 12.0
    assert compile(norm2(X @ w - t) ** 2, "w")(**arrays)[1]["w"].tolist() == [4.0, 10.0]


def test_results_share_no_memory():
    A, B = matrix("A", "M", "N"), matrix("B", "M", "N")
    a, b = np.ones((2, 3)), np.full((2, 3), 2.0)
    _, gradients = compile(inner(A, B) + inner(B, B) / 2, ["A", "B"])(A=a, B=b)
    for g in gradients.values():
        assert not np.shares_memory(g, a)
        assert not np.shares_memory(g, b)
        g[...] = -1
    assert a.min() == 1
    _, gradients = compile(sum(A + B), ["A", "B"])(A=a, B=b)
    assert not np.shares_memory(*gradients.values())


def test_shapes_of_results():
    r, c, s = matrix("r", 1, "N"), vector("c", "N"), scalar("s")
    value, g = compile(s * (r @ c), ["r", "c", "s"])(r=[[1.0, 2.0]], c=[3.0, 4.0], s=2)
    assert value == 22.0
    assert g["r"].tolist() == [[6.0, 8.0]]
    assert g["c"].tolist() == [2.0, 4.0]
    assert isinstance(float(g["s"]), float)
    assert float(g["s"]) == 11.0


def test_sizes_that_no_array_shows():
    f = compile(trace(matrix("A", "N", "N")) * dim("K"), "A")
    assert f(A=np.eye(2), K=5)[0] == 10.0
    with pytest.raises(ShapeError, match="expected the size of K"):
        f(A=np.eye(2))


def test_errors_of_a_call():
    X, w = matrix("X", "M", "N"), vector("w", "N")
    f = compile(norm2(X @ w) ** 2, "w")
    X0, w0 = np.ones((3, 2)), np.ones(2)
    with pytest.raises(ShapeError, match=r"got none for w. Pass w=array"):
        f(X=X0)
    with pytest.raises(ShapeError, match="expected arguments among X, w, got v"):
        f(X=X0, w=w0, v=1)
    with pytest.raises(ShapeError, match=r"expected w of shape \(N\) with N = 2, got \(3,\)"):
        f(X=X0, w=np.ones(3))
    with pytest.raises(ShapeError, match=r"expected w of shape \(N\), got \(2, 2\)"):
        f(X=X0, w=np.ones((2, 2)))
    with pytest.raises(ShapeError, match=r"got \(3, 0\)"):
        f(X=np.ones((3, 0)), w=np.ones(0))
    with pytest.raises(DtypeError):
        f(X=X0, w=["a", "b"])
    with pytest.raises(DomainError, match="finite"):
        f(X=X0, w=[np.nan, 1.0])
    assert f(X=X0, w=w0)[0] == 12.0


def test_points_outside_the_domain():
    x, B = vector("x", "N"), matrix("B", "N", "N")
    with pytest.raises(DomainError, match="finite"):
        compile(sum(log(x)), "x")(x=[1.0, -1.0])
    with pytest.raises(DomainError, match="inverted"):
        compile(x.T @ inv(B) @ x, "x")(x=[1.0, 1.0], B=np.ones((2, 2)))
    with pytest.raises(DomainError, match="finite"):
        compile(logdet(B) * scalar("a"), "a")(B=np.zeros((2, 2)), a=1)
    steep = compile(sum(x**0.5), "x")
    with pytest.raises(DomainError, match="gradient by x"):
        steep(x=[0.0, 1.0])
    large = compile(scalar("a") * sum(x), "x")(x=[1.0, 1.0], a=1e160)  # the square overflows, the gradient does not
    assert large[1]["x"].tolist() == [1e160, 1e160]


def test_what_is_refused():
    x = vector("x", "N")
    with pytest.raises(ShapeError, match="names of symbols, got none"):
        compile(x.T @ x, [])
    with pytest.raises(ShapeError, match="expected a scalar function"):
        compile(x, "x")
    with pytest.raises(ShapeError, match="expected sizes of N, got M"):
        compile(x.T @ x, "x", sizes={"M": 3})
    cube = elementwise("cube_of_compile", lambda a: a**3, lambda a: 3 * a * a)
    with pytest.raises(NotDerivable, match="no NumPy form of the function cube_of_compile"):
        compile(sum(cube(x)), "x")


def test_the_source_needs_numpy_only(tmp_path):
    x, A, B = vector("x", "M"), matrix("A", "M", "N"), matrix("B", "N", "N")
    f = compile(x.T @ A @ sigmoid(inv(B) @ vector("z", "N")), ["A", "B"])
    arrays = {"x": np.ones(2), "A": np.ones((2, 3)), "B": 2 * np.eye(3), "z": np.arange(3.0)}
    value, gradients = f(**arrays)
    listed = ", ".join(f"{name}=np.array({a.tolist()})" for name, a in arrays.items())
    end = f"v, g = value_and_gradients({listed})\nprint(repr(float(v)), g['B'].sum())\n"
    end += "import sys\nassert 'nnmat' not in sys.modules"
    (tmp_path / "alone.py").write_text(f"{f.source}\n\n{end}\n")
    done = subprocess.run([sys.executable, "-I", "alone.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == repr(value)
    assert float(done.stdout.split()[1]) == pytest.approx(gradients["B"].sum())


def test_names_that_python_or_the_code_needs():
    a, b = vector("np", "N"), vector("sigmoid", "N")
    c = vector("lambda", "N")
    value, g = compile(sum(sigmoid(a) * b * c), ["np", "sigmoid", "lambda"])(
        np=[0.0], sigmoid=[1.0], **{"lambda": [4.0]}
    )
    assert value == 2.0
    assert {name: x.tolist() for name, x in g.items()} == {"np": [1.0], "sigmoid": [2.0], "lambda": [0.5]}


def test_large_sizes_are_right():
    """What has its own ways where arrays are large: products by kernels, inverses by blocks."""
    n = 192 if os.environ.get("NUMBA_DISABLE_JIT") == "1" else 208  # from 200 on, products are kernels
    rng = np.random.default_rng(0)
    S, B = matrix("S", "N", "N", positive_definite=True), matrix("B", "N", "N")
    R, x = matrix("R", "N", "N"), vector("x", "N")
    a = rng.standard_normal((n, n))
    arrays = {"S": a @ a.T / n + np.eye(n), "R": a, "B": a[::-1] + np.eye(n), "x": a[0]}
    f = logdet(S) + trace(inv(S) @ R @ R.T) + x.T @ inv(B) @ x + x.T @ inv(B) @ inv(B).T @ x
    compiled = compile(f, ["S", "R", "B"])
    value, g = compiled(**arrays)
    inverse, other = np.linalg.inv(arrays["S"]), np.linalg.inv(arrays["B"])
    y = other.T @ arrays["x"]
    wanted = np.linalg.slogdet(arrays["S"])[1] + np.trace(inverse @ a @ a.T) + arrays["x"] @ y + y @ y
    close(value, wanted)
    close(g["R"], 2 * inverse @ a)
    close(g["S"], inverse - inverse @ a @ a.T @ inverse)
    fresh = compiled(**{**arrays, "B": np.eye(n)[::-1]})  # its leading blocks are singular
    close(fresh[0], wanted - arrays["x"] @ y - y @ y + arrays["x"] @ arrays["x"][::-1] + arrays["x"] @ arrays["x"])


def test_the_plan_says_why():
    x, A, y = vector("x", "M"), matrix("A", "M", "N"), vector("y", "N")
    plan = compile(x.T @ A @ A.T @ A @ y, "x", sizes={"M": 100, "N": 50}).plan
    assert "from the right" in plan or "from the left" in plan
    assert plan.splitlines()[-1].endswith("flops at M = 100, N = 50")
    solves = compile(x.T @ inv(matrix("B", "M", "M")) @ x, ["x"], sizes={"M": 100}).plan
    assert "np.linalg.solve" in solves
    assert "np.linalg.inv" not in solves
    ridge = compile(logdet(A.T @ A + scalar("l") * eye("N")), "A").plan
    assert "inverted" in ridge or "solve" in ridge
    assert "1 @" not in compile(ones("M").T @ A @ ones("N"), "A").plan


@pytest.mark.parametrize("wrt", [3, None])
def test_a_variable_that_is_no_name(wrt):
    with pytest.raises(ShapeError, match="expected wrt among y, got"):
        compile(vector("y", "N").T @ vector("y", "N"), wrt)


def test_who_compiles_says_what_is_wrong():
    with pytest.raises(ShapeError, match="compile: expected wrt among x, got 'Z'"):
        compile(parse("x.T @ x"), "Z")
    with pytest.raises(ShapeError, match="compile: expected a scalar function, got Ax"):
        compile(parse("A @ x"), "x")


def test_a_plan_counts_in_words():
    plan = compile(parse("sum(inv(B))", B=("N", "N")), "B").plan
    assert "1 lines" not in plan
    assert "1 steps" not in compile(parse("a", a=()), "a").plan


@pytest.mark.parametrize(
    ("source", "a"),
    [
        ("1 / a", 0.0),
        ("1 / a", 0),
        ("a ** 400", 10.0),
        ("a ** (1/3)", -8.0),
        ("abs(a ** (1/3))", -8.0),
        ("a ** 1.5", -1.0),
    ],
)
def test_a_number_out_of_the_domain(source, a):
    """Python's numbers raise errors of their own there, or become complex."""
    with pytest.raises(DomainError, match="compiled: expected a finite"):
        compile(parse(source, a=()), "a")(a=a)
