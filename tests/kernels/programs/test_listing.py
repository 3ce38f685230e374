import numpy as np

from nnmat_kernels import unchecked as k
from nnmat_kernels.programs.listing import Listing, Row, flops, operation_text, size_of
from tests.kernels.programs.recordings import array, entries_of


def only(work):
    return entries_of(lambda: work() is None and None).list[0]


def test_products_are_shown_as_such():
    X, W, b = array(3, 4), array(5, 4), array(5)
    assert operation_text(only(lambda: k.matmul(X, W, False, True, bias=b, activation="relu"))) == "relu(A Bᵀ + 1 bᵀ)"
    assert (
        operation_text(only(lambda: k.matmul(X, array(3, 2), True, out=np.zeros((4, 2), np.float32), accumulate=True)))
        == "out + Aᵀ B"
    )
    assert operation_text(only(lambda: k.column_sums(X))) == "Aᵀ 1"
    assert operation_text(only(lambda: k.gelu(X))) == "gelu"


def test_work_is_counted():
    X, W = array(3, 4), array(5, 4)
    assert flops(only(lambda: k.matmul(X, W, False, True))) == 2 * 3 * 4 * 5
    assert flops(only(lambda: k.matmul(X, array(3, 5), True))) == 2 * 3 * 4 * 5
    images, K, G = array(2, 6, 6, 3), array(4, 3, 3, 3), array(2, 4, 4, 4)
    options = (1, 1), (0, 0), (1, 1), 1
    work = 2 * (2 * 4 * 4 * 4) * 27
    assert flops(only(lambda: k.conv2d(images, K, None, *options))) == work
    assert flops(only(lambda: k.conv2d_input_gradient(G, K, images.shape, *options))) == work
    assert flops(only(lambda: k.conv2d_weight_gradient(images, G, K.shape, *options, np.empty_like(K)))) == work
    assert flops(only(lambda: k.tanh(X))) == 12


def test_bytes_are_counted_once():
    X = array(3, 4)
    assert size_of([X, X, X[:1]]) == 48 + 16


HISTORY = [
    ("recorded", ["Linear '0': A Bᵀ", "copy", "Tanh '1': tanh", "norm"]),
    ("copy", ["Linear '0': A Bᵀ", "Tanh '1': tanh", "norm"]),
    ("activation", ["Linear '0': tanh(A Bᵀ)", "norm"]),
]


def test_a_story():
    story = """\
recorded
    Linear '0': A Bᵀ
    copy
    Tanh '1': tanh
    norm
copy
  - copy
activation
  - Linear '0': A Bᵀ
  - Tanh '1': tanh
  + Linear '0': tanh(A Bᵀ)"""
    assert Listing([], HISTORY, 0).story() == story


def test_a_table():
    rows = [
        Row("Linear '0'", "A Bᵀ", ("multiply",), ((3, 4), (5, 4)), ("X",), 2_000_000, 3_000, 1e-6),
        Row("", "norm", ("_root",), (), (), 0, 0, 0.0),
    ]
    listing = Listing(rows, HISTORY, 10_000, steps=2, seconds=4e-6)
    assert listing.share_outside == 0.5
    lines = str(listing).split("\n")
    assert lines[1].split()[:6] == ["0", "Linear", "'0'", "A", "Bᵀ", "multiply"]
    assert lines[1].split()[6:] == ["3x4,", "5x4", "X", "2", "M", "3", "k", "1.00", "2000.0"]
    assert lines[-1] == (
        "rules that improved it: copy, activation; memory of its own: 10 kB; 2.00 us a step, 50% outside the kernels"
    )


def test_a_notebook_shows_the_same_table():
    rows = [Row("Linear '0'", "A <B", ("multiply",), ((3, 4), (4, 2)), ("X",), 48, 200, 1e-6)]
    listing = Listing(rows, HISTORY, 4096, 10, 2e-5)
    shown, text = listing._repr_html_(), str(listing).splitlines()
    for cell in ("Linear &#x27;0&#x27;", "A &lt;B", "3x4, 4x2", "1.00", "0.0"):
        assert f">{cell}</td>" in shown
    assert f"<p>{text[-1]}</p>" in shown
