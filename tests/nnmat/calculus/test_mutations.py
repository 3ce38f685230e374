"""Wrong rules are caught: each mutation is a mistake people make, and `derive` returns nothing under it."""

from dataclasses import replace

import pytest

from nnmat.calculus import UnverifiedError, derive, elementwise, matrix, parse
from nnmat.calculus.language.elementwise import FUNCTIONS, apply, exp, sin
from nnmat.calculus.language.expr import add, matmul, mul, negative, node, number, ones, power, transpose
from nnmat.calculus.language.operators import diag, diagm, inner, inv, trace
from nnmat.calculus.laws import adjoints, differentials, simplifier

N = {"A": ("N", "N"), "B": ("N", "N"), "x": ("N",), "z": ("N",), "X": ("N", "N")}


def law(op, change):
    """A law that gives `change` of what it should give."""
    name, right = differentials.LAWS[op]
    return differentials.LAWS, op, (name, lambda e, d: change(right(e, d)))


def own_law(op, wrong):
    return differentials.LAWS, op, (differentials.LAWS[op][0], wrong)


def move(op, change):
    name, right = adjoints.MOVES[op]
    return adjoints.MOVES, op, (name, lambda G, e, at: change(right(G, e, at)))


def own_move(op, wrong):
    return adjoints.MOVES, op, (adjoints.MOVES[op][0], wrong)


def derivative(name, wrong):
    return FUNCTIONS, name, replace(FUNCTIONS[name], derivative=wrong)


def rule(op, wrong):
    return simplifier.RULES, op, [("SIM-1", wrong), *simplifier.RULES.get(op, [])]


def twice(e):
    return mul(number(2), e)


def nearly(e):
    return mul(number(1.001), e)


def only_first(e, d):
    at = next(i for i, a in enumerate(e.args) if d(a) is not None)
    args = list(e.args)
    args[at] = d(args[at])
    return matmul(*args) if e.op == "matmul" else mul(*args)


def swapped(G, e, at):
    """The factors on the wrong sides."""
    return matmul(*adjoints.turned(e.args[at + 1 :]), G, *adjoints.turned(e.args[:at]))


def drop_transpose(e):
    a = e.args[0]
    return a if a.op == "sym" and a.shape[0] == a.shape[1] else None


def inverse_in_order(e):
    a = e.args[0]
    return matmul(*(inv(x) for x in a.args)) if a.op == "matmul" else None


def transpose_in_order(e):
    a = e.args[0]
    return matmul(*(transpose(x) for x in a.args)) if a.op == "matmul" else None


MUTATIONS = {
    "LAW-1 lost sign": (law("add", negative), "trace(A @ A) + trace(A)"),
    "LAW-2 one term only": (own_law("matmul", only_first), "x.T @ A @ A @ z"),
    "LAW-2 factor": (law("matmul", twice), "x.T @ A @ z"),
    "LAW-2 wrong by 0.1 %": (law("matmul", nearly), "x.T @ A @ z"),
    "LAW-3 lost transpose": (own_law("T", lambda e, d: d(e.args[0])), "trace(A.T @ B @ B)"),
    "LAW-4 1/N": (law("trace", lambda e: e / number(3)), "trace(A @ B)"),
    "LAW-5 lost sign": (law("inv", negative), "x.T @ inv(A) @ z"),
    "LAW-5 lost factor": (own_law("inv", lambda e, d: negative(matmul(d(e.args[0]), e, e))), "x.T @ inv(A) @ z"),
    "LAW-5 transposed": (
        own_law("inv", lambda e, d: negative(matmul(e.T, d(e.args[0]), e.T))),
        "x.T @ inv(A) @ z",
    ),
    "LAW-6 1/N": (law("det", lambda e: e / number(2)), "det(A)"),
    "LAW-6 lost transpose": (
        own_law("det", lambda e, d: trace(matmul(node("adj", e.args, None, e.args[0].shape).T, d(e.args[0])))),
        "det(A)",
    ),
    "LAW-6b lost transpose": (
        own_law("logdet", lambda e, d: trace(matmul(inv(e.args[0]).T, d(e.args[0])))),
        "logdet(A)",
    ),
    "LAW-6b lost inverse": (own_law("logdet", lambda e, d: trace(d(e.args[0]))), "logdet(A)"),
    "LAW-7 one term only": (own_law("mul", only_first), "sum(A * sin(A))"),
    "LAW-8 lost derivative": (own_law("fn", lambda e, d: d(e.args[0])), "x.T @ sigmoid(A @ z)"),
    "LAW-8 sigmoid without 1 - y": (derivative("sigmoid", lambda x, y: y), "x.T @ sigmoid(A @ z)"),
    "LAW-8 tanh with 1 - y": (derivative("tanh", lambda x, y: number(1) - y), "x.T @ tanh(A @ z)"),
    "LAW-8 cosine lost sign": (derivative("cos", lambda x, y: sin(x)), "x.T @ cos(A @ z)"),
    "LAW-8 softplus": (derivative("softplus", lambda x, y: exp(x)), "x.T @ softplus(A @ z)"),
    "LAW-8 gelu without x φ": (derivative("gelu", lambda x, y: apply("Phi", x)), "x.T @ gelu(A @ z)"),
    "LAW-8 relu everywhere": (derivative("relu", lambda x, y: number(1) + 0 * x), "x.T @ relu(A @ z)"),
    "LAW-8 root without 1/2": (derivative("sqrt", lambda x, y: power(y, -1)), "sum(sqrt(exp(A)))"),
    "LAW-8 power without p": (own_law("pow", lambda e, d: mul(power(e.args[0], 2), d(e.args[0]))), "sum(A ** 3)"),
    "LAW-10 diagonal only": (own_law("softmax", lambda e, d: mul(e, d(e.args[0]))), "x.T @ softmax(A @ z)"),
    "LAW-10 lost sign": (law("softmax", negative), "x.T @ softmax(A @ z)"),
    "CAL-1 p forgotten": (own_law("log_softmax", lambda e, d: d(e.args[0])), "x.T @ log_softmax(A @ z)"),
    "CAL-2 factor": (law("lse", twice), "logsumexp(A @ z)"),
    "CAL-3 factor": (law("inner", twice), "inner(A, B @ A)"),
    "CAL-4 norm not divided": (own_law("norm", lambda e, d: inner(e.args[0], d(e.args[0]))), "frobenius(A)"),
    "LAW-9 one term": (law("conv", twice), "sum(conv(A, B))"),
    "TR-2 lost transpose": (own_move("T", lambda G, e, at: G.T if G.op == "T" else G.T.T), "trace(A.T @ B @ B)"),
    "TR-4b swapped": (own_move("matmul", swapped), "trace(B @ A @ X)"),
    "TR-4b lost transposes": (
        own_move("matmul", lambda G, e, at: matmul(*e.args[:at], *([] if G.is_scalar else [G]), *e.args[at + 1 :])
                 if all(a.shape[0] == a.shape[1] for a in e.args) else adjoints.MOVES["matmul"][1](G, e, at)),
        "trace(A @ B @ X) + trace(A @ X)",
    ),
    "TR-5 factor lost": (own_move("mul", lambda G, e, at: G), "sum(A * B)"),
    "MOVE-1 identity to ones": (
        own_move("trace", lambda G, e, at: mul(G, ones(*e.args[0].shape))),
        "trace(A @ B)",
    ),
    "MOVE-2 factor": (move("inner", twice), "inner(A, B)"),
    "MOVE-4 diagonal of the diagonal": (
        own_move("diagm", lambda G, e, at: mul(number(2), diag(G))),
        "trace(diagm(x) @ A)",
    ),
    "MOVE-4 off the diagonal": (own_move("diag", lambda G, e, at: add(diagm(G), diagm(G))), "x.T @ diag(A)"),
    "MOVE-5 factor": (move("reshape", twice), "sum(sin(vec(A)))"),
    "MOVE-7 factor": (move("kron", twice), "trace(kron(A, B))"),
    "SIM-2 merged wrongly": (
        rule("add", lambda e: twice(e.args[0]) if len(e.args) == 2 and all(not a.is_scalar for a in e.args) else None),
        "trace(A @ B) + trace(A @ X)",
    ),
    "SIM-11 order of the inverse": (rule("inv", inverse_in_order), "x.T @ inv(A @ B) @ z"),
    "SIM-17 order of the transpose": (rule("T", transpose_in_order), "inner((B @ X).T, A)"),
    "SIM-18 every matrix symmetric": (rule("T", drop_transpose), "trace(A @ B)"),
    "SIM-13 ones": (
        rule("matmul", lambda e: number(1) if e.is_scalar and e.args[0].op == "ones" else None),
        "sum(x) * sum(A)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_wrong_rule_is_caught(name, monkeypatch):
    (table, key, wrong), text = MUTATIONS[name]
    f = parse(text, **N)
    wrt = "x" if "diagm" in text else "A"
    right = derive(f, wrt, check=False).gradient
    monkeypatch.setitem(table, key, wrong)
    with pytest.raises(UnverifiedError, match="check: expected the derivative"):
        derive(f, wrt)
    monkeypatch.undo()
    assert derive(f, wrt).gradient is right


def test_a_wrong_rule_that_no_symmetric_direction_sees_is_caught(monkeypatch):
    """With Aᵀ = A for every A, (Aᵀ + A)/2 becomes A: the same along every symmetric direction."""
    S = matrix("S", "N", "N", symmetric=True)
    f = parse("trace(A @ S)", A=("N", "N"), S=S)
    monkeypatch.setitem(*rule("T", drop_transpose))
    with pytest.raises(UnverifiedError, match="expected a gradient with the structure of S, got A"):
        derive(f, S)


@pytest.mark.parametrize("wrong", [twice, lambda e: mul(number(0), e), negative], ids=["2", "0", "-1"])
@pytest.mark.parametrize(
    "text",
    [
        "1e-13 * x.T @ inv(A) @ z",
        "1e-60 * x.T @ inv(A) @ z",
        "1e9 * x.T @ x + 1e-13 * x.T @ inv(A) @ z",
        "exp(-60 + x.T @ inv(A) @ z / 10)",
        "log(1 + 1e-5 * x.T @ inv(A) @ z)",
        "1e60 * x.T @ inv(A) @ z",
    ],
)
def test_a_small_gradient_is_checked_as_well(text, wrong, monkeypatch):
    f = parse(text, **N)
    d = derive(f, "A")
    assert d.check() < 1e-5
    monkeypatch.setitem(*law("inv", wrong))
    with pytest.raises(UnverifiedError, match="check: expected the derivative"):
        derive(f, "A")
    with pytest.raises(UnverifiedError, match=r"check: step LAW-5"):
        derive(f, "A", check=False).check()


def test_a_wrong_zero_beside_a_quotient_that_is_worth_nothing(monkeypatch):
    monkeypatch.setitem(*law("fn", lambda e: mul(number(0), e)))
    for text in ("sum(sin(1e6 * A @ z))", "sum(exp(x)) * cos(1e7 * x.T @ x)"):
        with pytest.raises(UnverifiedError, match="check: expected"):
            derive(parse(text, **N), "A" if "A" in text else "x")


def test_a_gradient_that_is_lost_in_the_rounding_of_the_function_is_refused():
    """Differences can say nothing about 1e-11 xᵀx in a factor of what does not change, but is computed from x."""
    f = parse("sum(softmax(x)) * (1 + 1e-11 * x.T @ x)", **N)
    with pytest.raises(UnverifiedError, match="expected 3 points"):
        derive(f, "x")


@pytest.mark.parametrize(
    "text",
    [
        "ones(1, N) @ (eye(N) - ones(N, N) / dim(N)) @ x",
        "log(sum(softmax(x)))",
        "norm2(x / norm2(x))",
        "z.T @ softmax(x * 0 + z)",
        "1e40 * sum(sin(x) * sin(x) + cos(x) * cos(x))",
        "1e-40 * det(A) * det(inv(A))",
    ],
)
def test_a_gradient_of_nothing_but_rounding_errors_is_no_error(text):
    d = derive(parse(text, **N), "A" if "A" in text else "x")
    assert d.check() < 1e-9


def test_there_are_enough_of_them():
    assert len(MUTATIONS) >= 30


def test_a_wrong_derivative_of_a_function_of_the_user_is_caught():
    f = elementwise("cube_wrong", lambda x: x**3, lambda x: 2 * x**2)
    try:
        with pytest.raises(UnverifiedError):
            derive(parse("sum(cube_wrong(A))"), "A")
    finally:
        del FUNCTIONS[f.name]
