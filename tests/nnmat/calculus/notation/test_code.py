"""What `repr` prints is read back to the same object."""

from nnmat.calculus import parse
from tests.nnmat.calculus.generator import OPERATORS, PLACES, Generator


def test_the_transpose_of_a_number_reads_back():
    for source in ("1.T * x", "(5/2).T * x"):
        assert repr(parse(source)) == source
    assert parse("2. * x") is parse("2 * x")


def test_code_reads_back():
    generator = Generator(3)
    for op in OPERATORS:
        for place in PLACES:
            e, _, _ = generator.sample(op, place)
            symbols = {s.name: s for s in e.free}
            assert parse(repr(e), **symbols) is e


def test_blocks():
    for source in ("X[:, 1]", "X[0:2, :]", "X[i, 1:N]", "x[0:2]", "X[M - 1, 0]", "x.T[0, 2]"):
        e = parse(source, X=("M", "N"), x="N")
        assert repr(e) == source
        assert parse(repr(e), **{s.name: s for s in e.free}) is e
