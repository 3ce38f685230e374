"""Values: equal work is one object, scalars are pulled out, a chain and its transpose are one."""

from nnmat.calculus.compiling.values import Graph, base, placed
from nnmat.calculus.dimensions import ONE, dim

M, N = dim("M"), dim("N")


def setup():
    g = Graph()
    return g, g.make("sym", (), "A", (M, N)), g.make("sym", (), "x", (M,)), g.make("sym", (), "y", (N,))


def test_equal_values_are_one():
    g, _, x, _ = setup()
    assert g.add([x, x]) is g.add([x, x])
    assert g.mul([x, g.number(2), x]) is g.mul([g.number(2), x, x])
    assert g.mul([g.number(2), g.mul([g.number(3), x])]) is g.mul([g.number(6), x])


def test_a_chain_and_its_transpose_are_one():
    g, A, x, _ = setup()
    left = g.product([(x, ONE, M), (A, M, N)])
    right = g.product([(g.transpose(A), N, M), (x, M, ONE)])
    assert left is right
    assert left.op == "chain"
    B = g.make("sym", (), "B", (M, N))
    both = g.product([(A, M, N), (g.transpose(B), N, M)])
    turned = g.product([(B, M, N), (g.transpose(A), N, M)])
    assert base(both) is base(turned)
    assert {both.op, turned.op} == {"chain", "T"}


def test_a_column_that_stands_as_a_row_is_turned():
    g, A, x, y = setup()
    v = g.product([(A, M, N), (y, N, ONE)])  # (M)
    C = g.make("sym", (), "C", (M, M))
    row = g.product([(v, ONE, M), (C, M, M), (x, M, ONE)])
    assert [a.shape for a in row.args] in ([(N,), (N, M), (M, M), (M,)], [(M,), (M, M), (M, N), (N,)])


def test_products_are_cut_where_the_inner_dimension_is_one():
    g, A, x, y = setup()
    outer = g.product([(x, M, ONE), (y, ONE, N)])
    assert outer.op == "outer"
    mixed = g.product([(x, M, ONE), (x, ONE, M), (A, M, N), (y, N, ONE), (y, ONE, N)])
    assert mixed.op == "mul"
    assert mixed.args[-1] is outer
    assert mixed.args[0].op == "chain"


def test_ones_are_never_written_out():
    g, A, x, y = setup()
    spread = g.product([(g.ones(M), M, ONE), (y, ONE, N)])
    assert (spread.op, spread.args) == ("rows", (y,))
    assert g.elementwise("fn", [spread], "exp").op == "rows"
    assert g.product([(x, M, ONE), (g.ones(N), ONE, N)]).op == "columns"
    full = g.product([(g.ones(M), M, ONE), (g.ones(N), ONE, N)])
    assert full.op == "full"
    assert g.mul([full, A]) is A
    assert g.mul([g.number(0), A]).op == "full"


def test_transposes():
    g, A, x, y = setup()
    assert g.transpose(x) is x
    assert g.transpose(g.transpose(A)) is A
    S = g.make("sym", (), "S", (N, N))
    S.symmetric = True
    assert g.transpose(S) is S
    assert placed([x, A]) == [(x, ONE, M), (A, M, N)]
    assert placed([A, y]) == [(A, M, N), (y, N, ONE)]
