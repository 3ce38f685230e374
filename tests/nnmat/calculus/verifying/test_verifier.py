"""Records are judged from their text alone: true ones are accepted, changed ones refused at their place."""

import contextlib
import json
import os

import numpy as np
import pytest

from nnmat.calculus import (
    DomainError,
    NotDerivable,
    RecordError,
    ShapeError,
    UnverifiedError,
    absolute,
    derive,
    diagm,
    inv,
    log_softmax_rows,
    logdet,
    matrix,
    parse,
    relu,
    sum,
    tanh,
    trace,
    vector,
)
from nnmat.calculus.errors import ParseError
from nnmat.calculus.records.record import STATEMENTS
from nnmat.calculus.verifying.numbers import World
from nnmat.calculus.verifying.points import structured
from nnmat.calculus.verifying.reader import read
from nnmat.calculus.verifying.structure import seal
from nnmat.calculus.verifying.verifier import verify
from tests.nnmat.calculus import worked_examples
from tests.nnmat.calculus.generator import OPERATORS, PLACES, Generator
from tests.nnmat.calculus.mutations import mutations

MANY = int(os.environ.get("NNMAT_RANDOM", "0"))
NAMES = [n for n in dir(worked_examples) if callable(getattr(worked_examples, n))]
NAMES = [n for n in NAMES if getattr(worked_examples, n).__module__ == worked_examples.__name__]
NAMES = sorted(set(NAMES) - {"dimension", "_product", "sympy_failures"})


def derivations(name, most=99):
    f = worked_examples.deep(3) if name == "deep" else getattr(worked_examples, name)()
    G = None if f.is_scalar else matrix("G", *f.shape)
    for s in sorted(f.free, key=lambda s: s.name)[:most]:
        try:
            yield derive(f, s, G=G, check=False)
        except NotDerivable:
            continue


@pytest.mark.parametrize("name", NAMES)
def test_worked_examples_are_verified(name):
    for d in derivations(name):
        text = d.to_json()
        found = verify(text, STATEMENTS)
        assert found.points == 3
        assert found.lines >= len(d.stages)
        assert found.worst < 1e-4


@pytest.mark.parametrize("name", worked_examples.sympy_failures())
def test_what_other_tools_get_wrong(name):
    f, variable = worked_examples.sympy_failures()[name]
    verify(derive(f, variable).to_json(), STATEMENTS)


def test_attributes_have_gradients_of_their_own():
    S, R = matrix("S", "N", "N", positive_definite=True), matrix("R", "N", "N")
    f = logdet(S) + trace(inv(S) @ R)
    for form in ("manifold", "entries"):
        verify(derive(f, "S", symmetric=form).to_json(), STATEMENTS)
    verify(derive(trace(matrix("D", "N", "N", diagonal=True) @ R), "D").to_json(), STATEMENTS)
    verify(derive(sum(relu(R)), "R").to_json(), STATEMENTS)
    verify(derive(trace(R), S).to_json() if S in trace(R).free else derive(trace(S @ R), R).to_json(), STATEMENTS)


def test_zeros_that_stand_still_where_a_function_bends():
    """Off the diagonal |z| has no slope in z, and needs none."""
    z = absolute(tanh(diagm(vector("y", "N"))))
    text = derive(log_softmax_rows(z), "y", G=matrix("G", "N", "N")).to_json()
    for seed in range(3):
        assert verify(text, STATEMENTS, seed=seed).points == 3


@pytest.mark.parametrize("place", PLACES)
def test_random_derivations(place):
    """`NNMAT_RANDOM=8` takes more than a thousand; all that `derive` returns checked are accepted."""
    accepted = 0
    for n, op in enumerate(OPERATORS):
        for k in range(max(1, MANY)):
            f, G, v = Generator(90_000 + 500 * n + k).sample(op, place)
            try:
                text = derive(f, v, G=G).to_json()
            except (NotDerivable, UnverifiedError):
                continue
            verify(text, STATEMENTS)
            accepted += 1
    print(f"records verified: {accepted}")
    assert accepted > 0.7 * len(OPERATORS)


def same_value(record, text, other, seed=0):
    """Whether two texts of a record have one value at a random point."""
    sizes = {n: 2 + i for i, n in enumerate(record["sizes"])}
    rng = np.random.default_rng(seed)
    plain = World(sizes, {}, {}, {})
    arrays = {}
    for name, s in record["symbols"].items():
        a = rng.uniform(0.3, 1, [plain.size(read(d)) for d in s["shape"]])
        had = frozenset(s["attributes"])
        arrays[name] = structured(a @ a.T + np.eye(len(a)) if {"positive_definite", "symmetric"} & had else a, had)
    quantities = {q["name"]: read(q["is"]) for q in record["quantities"]}
    world = World(sizes, arrays, quantities, {x["of"]: read(x["closed"]) for x in record["chain"]})
    world.along(record["wrt"], rng.standard_normal(arrays[record["wrt"]].shape))
    a, b = world.value(read(text)), world.value(read(other))
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_token_is_refused_or_says_the_same(name):
    """`NNMAT_RANDOM=8`: 200 records and more, the random ones below among them."""
    rng = np.random.default_rng(len(name))
    records = [d.to_json() for d in derivations(name, most=max(2, MANY))]
    print(f"tokens changed: {refused(records, 4 * max(1, MANY), rng)} in {len(records)} records")


@pytest.mark.parametrize("place", PLACES)
def test_changed_tokens_of_random_records(place):
    rng = np.random.default_rng(1)
    records = []
    for n, op in enumerate(OPERATORS):
        f, G, v = Generator(70_000 + n).sample(op, place)
        with contextlib.suppress(NotDerivable, UnverifiedError):
            records.append(derive(f, v, G=G).to_json())
    print(f"tokens changed: {refused(records, 1 + MANY // 2, rng)} in {len(records)} records")


def refused(records, many, rng):
    """How many changed tokens were tried, each of them refused or without a change of value."""
    tried = 0
    for text in records:
        record = json.loads(text)
        for place, old, new, whole in mutations(record, many, rng):
            tried += 1
            if accepted(whole):
                assert same_value(record, old, new), f"accepted at {place}: {new} for {old}"
    return tried


def accepted(text):
    try:
        verify(text, STATEMENTS)
    except RecordError:
        return False
    return True


def test_a_false_gradient_that_is_told_consistently():
    """The same wrong factor in every line that can hold it: the function itself refutes it."""
    text = derive(parse("x.T @ A @ y", A=("M", "N"), x="M", y="N"), "A").to_json()
    record = json.loads(text.replace('"x @ y.T"', '"2 * x @ y.T"'))
    record["seal"] = seal(record)
    with pytest.raises(RecordError, match=r"chain\[0\].closed: expected the value"):
        verify(json.dumps(record), STATEMENTS)


def test_errors_are_typed():
    assert issubclass(RecordError, ValueError)
    assert not issubclass(RecordError, ParseError | ShapeError | DomainError)
    x = vector("x", "N")
    assert verify(derive(x.T @ x, "x").to_json()).lines > 0
