"""The worked examples are derived, right at every line, and printed in the textbook form, letter by letter."""

import math
import time

import pytest

from nnmat.calculus import derive, matrix
from tests.nnmat.calculus import worked_examples as examples

TEXTBOOK = {
    "bilinear": {"x": "Ay", "y": "Aᵀx", "A": "x yᵀ"},
    "bilinear_batch": {"X": "Diag(g) Y Aᵀ", "Y": "Diag(g) X A", "A": "Xᵀ Diag(g) Y", "g": "((XA) ⊙ Y)1"},
    "least_squares": {"w": "2 Xᵀ(Xw - y)", "X": "2 (Xw - y) wᵀ", "y": "-2 (Xw - y)"},
    "least_squares_batch": {"W": "(2/B) RᵀX", "b": "(2/B) Rᵀ1", "X": "(2/B) RW", "Y": "-(2/B) R"},
    "gaussian": {"Sigma": "N Σ⁻¹ - Σ⁻¹SΣ⁻¹"},
    "gaussian_sample": {"Sigma": "Σ⁻¹ - Σ⁻¹(r rᵀ)Σ⁻¹", "mu": "-2 Σ⁻¹r"},
    "gaussian_mean": {"mu": "-2 Σ⁻¹Rᵀ1", "Sigma": "-Σ⁻¹RᵀRΣ⁻¹"},
    "sigmoid_inverse": {
        "B": "-B⁻ᵀ(((Aᵀx) ⊙ y ⊙ (1 - y)) zᵀ)B⁻ᵀ",
        "b": "(Aᵀx) ⊙ y ⊙ (1 - y)",
        "z": "B⁻ᵀ((Aᵀx) ⊙ y ⊙ (1 - y))",
        "x": "Ay",
        "A": "x yᵀ",
    },
    "sigmoid_inverse_batch": {
        "R": "-R⁻ᵀ((Diag(g) X A) ⊙ Y ⊙ (1 - Y))ᵀZR⁻ᵀ",
        "b": "((Diag(g) X A) ⊙ Y ⊙ (1 - Y))ᵀ1",
        "Z": "((Diag(g) X A) ⊙ Y ⊙ (1 - Y))R⁻¹",
        "X": "Diag(g) Y Aᵀ",
        "A": "Xᵀ Diag(g) Y",
    },
    "softmax_regression": {"W": "(p - y) xᵀ", "b": "p - y", "x": "Wᵀ(p - y)"},
    "softmax_regression_batch": {"W": "((P - Y)ᵀX)/B", "b": "((P - Y)ᵀ1)/B", "X": "((P - Y)W)/B"},
    "log_softmax_loss": {"H": "(softmax_rows(H) - Y)/B"},
    "two_layers": {
        "W1": "((W2ᵀ (p - y)) ⊙ z1 ⊙ (1 - z1)) xᵀ",
        "b1": "(W2ᵀ (p - y)) ⊙ z1 ⊙ (1 - z1)",
        "W2": "(p - y) z1ᵀ",
        "b2": "p - y",
        "x": "W1ᵀ ((W2ᵀ (p - y)) ⊙ z1 ⊙ (1 - z1))",
    },
    "two_layers_batch": {
        "W1": "((((P - Y) W2) ⊙ Z1 ⊙ (1 - Z1))ᵀX)/B",
        "b1": "((((P - Y) W2) ⊙ Z1 ⊙ (1 - Z1))ᵀ1)/B",
        "W2": "((P - Y)ᵀ Z1)/B",
        "b2": "((P - Y)ᵀ1)/B",
        "X": "((((P - Y) W2) ⊙ Z1 ⊙ (1 - Z1)) W1)/B",
    },
    "convolution_khat": {"K": "reshape(Pᵀ vec(g vec(X)ᵀ), kh, kw)", "X": "reshape(Khatᵀ g, H, W)"},
    "convolution": {"X": "conv_input(H, K)", "K": "conv_kernel(H, X)", "H": "X ⋆ K"},
    "attention": {
        "V": "PᵀG",
        "Q": "a ((GVᵀ) ⊙ P - Diag(((GVᵀ) ⊙ P)1) P)K",
        "K": "a ((GVᵀ) ⊙ P - Diag(((GVᵀ) ⊙ P)1) P)ᵀQ",
        "M": "(GVᵀ) ⊙ P - Diag(((GVᵀ) ⊙ P)1) P",
    },
    "residual": {
        "X": "G + ((G W2) ⊙ (1 - Z ⊙ Z)) W1",
        "W1": "((G W2) ⊙ (1 - Z ⊙ Z))ᵀX",
        "b1": "((G W2) ⊙ (1 - Z ⊙ Z))ᵀ1",
        "W2": "GᵀZ",
        "b2": "Gᵀ1",
    },
    "layer_norm": {"b": "Gᵀ1", "X": None, "g": None},
    "batch_norm": {"b": "Gᵀ1", "X": None, "g": None},
    "gan_discriminator": {"w": "(Fᵀ σ(s))/C - (Rᵀ σ(-r))/B", "c": "(1ᵀ σ(s))/C - (1ᵀ σ(-r))/B", "F": "(σ(s) wᵀ)/C"},
    "gan_generator": {"U": "-(((σ(-s) wᵀ) ⊙ (1 - F ⊙ F))ᵀZ)/C", "w": "-(Fᵀ σ(-s))/C"},
    "log_sum_exp": {"x": "softmax(x)"},
    "log_sum_exp_rows": {"X": "Diag(g) softmax_rows(X)"},
}
CASES = [(name, wrt, form) for name, forms in TEXTBOOK.items() for wrt, form in forms.items()]


def derived(f, wrt, **options):
    return derive(f, wrt, G=None if f.is_scalar else matrix("G", *f.shape), **options)


@pytest.mark.parametrize(("name", "wrt", "form"), CASES, ids=[f"{n}-{w}" for n, w, _ in CASES])
def test_the_textbook_form(name, wrt, form):
    d = derived(getattr(examples, name)(), wrt)
    if form is not None:
        assert str(d.gradient) == form
    assert d.check(trials=2, seed=1) < 1e-8


def test_cross_entropy_of_any_labels():
    assert str(derive(examples.softmax_regression(general=True), "b").gradient) == "(1ᵀy) p - y"


def test_the_gaussian_of_a_matrix_that_is_not_symmetric():
    assert str(derive(examples.gaussian(invertible=True), "Sigma").gradient) == "N Σ⁻ᵀ - Σ⁻ᵀSΣ⁻ᵀ"


def test_the_gaussian_by_free_entries():
    d = derive(examples.gaussian(), "Sigma", symmetric="entries")
    G = "N Σ⁻¹ - Σ⁻¹SΣ⁻¹"
    assert str(d.gradient) == f"tril(2 N Σ⁻¹ - 2 Σ⁻¹SΣ⁻¹ - I ⊙ ({G}))"
    assert d.form == "entries"
    d.check()


@pytest.mark.parametrize("depth", [2, 4, 8])
def test_backpropagation_through_any_depth(depth):
    d = derive(examples.deep(depth), "W1")
    chain = {link.name: link for link in d.chain}
    assert str(chain[f"A{depth}"].closed) == "(P - Y)/B"
    for layer in range(1, depth):
        assert str(chain[f"Z{layer}"].local) == f"(∇_A{layer + 1} f) W{layer + 1}"
        assert str(chain[f"A{layer}"].local) == f"(∇_Z{layer} f) ⊙ Z{layer} ⊙ (1 - Z{layer})"
    assert str(chain["W1"].local) == "(∇_A1 f)ᵀX"
    delta = "(P - Y)"
    for layer in range(depth, 1, -1):
        delta = f"((({delta}) W{layer})" if layer < depth else f"(({delta} W{layer})"
        delta += f" ⊙ Z{layer - 1} ⊙ (1 - Z{layer - 1}))"
        delta = delta[1:-1]
    assert str(d.gradient) == f"(({delta})ᵀX)/B"
    assert d.check(trials=2) < 1e-7
    for name in (f"b{depth}", f"W{depth}", "b1", "X"):
        derive(examples.deep(depth), name).check(trials=1)


@pytest.mark.parametrize("depth", [2, 4, 8])
def test_backpropagation_of_one_sample(depth):
    d = derive(examples.deep(depth, batch=False), "W1")
    chain = {link.name: link for link in d.chain}
    assert str(chain[f"A{depth}"].closed) == "p - y".replace("p", "P")
    for layer in range(1, depth):
        assert str(chain[f"Z{layer}"].local) == f"W{layer + 1}ᵀ (∇_A{layer + 1} f)"
        assert str(chain[f"A{layer}"].local) == f"(∇_Z{layer} f) ⊙ Z{layer} ⊙ (1 - Z{layer})"
    assert str(chain["W1"].local) == "(∇_A1 f) xᵀ"
    d.check(trials=1)


OTHER_TOOLS = {
    "log|X|": "X⁻ᵀ",
    "log|X| as logdet": "X⁻ᵀ",
    "log(1ᵀexp(x))": "softmax(x)",
    "Tr(XᵀX) - 3": "2 X",
    "Tr(A) + Tr(A²)": "I + 2 Aᵀ",
    "|X|": "adj(X)ᵀ",
    "|X| invertible": "|X| X⁻ᵀ",
    "‖Wx - y‖²": "2 (Wx - y) xᵀ",
    "√(xᵀx)": "x/‖x‖",
    "Tr(A ⊗ X)": "Tr(A) I",
    "yᵀσ(Wσ(Ax))": "((Wᵀ(y ⊙ σ(W σ(Ax)) ⊙ (1 - σ(W σ(Ax))))) ⊙ σ(Ax) ⊙ (1 - σ(Ax))) xᵀ",
}


@pytest.mark.parametrize("name", OTHER_TOOLS)
def test_what_other_tools_get_wrong(name):
    f, wrt = examples.sympy_failures()[name]
    d = derive(f, wrt)
    assert str(d.gradient) == OTHER_TOOLS[name]
    assert d.check() < 1e-8


def seconds(f, wrt):
    """The processor time of a derivation and its check, the better of two."""
    times = []
    for _ in range(2):
        start = time.process_time()
        derived(f, wrt)
        times.append(time.process_time() - start)
    return min(times)


def test_it_is_quick():
    times = sorted(1e3 * seconds(getattr(examples, name)(), wrt) for name, wrt, _ in CASES)
    deep = seconds(examples.deep(8), "W1")
    middle, high = times[len(times) // 2], times[math.ceil(0.99 * len(times)) - 1]
    print(f"a derivation: median {middle:.1f} ms, 99 % {high:.0f} ms, most {times[-1]:.0f} ms; depth 8 {deep:.2f} s")
    assert times[-1] < 50
    assert deep < 1


def test_the_chain_of_the_sigmoid_and_the_inverse():
    d = derive(examples.sigmoid_inverse(), "B")
    assert [(link.name, str(link.local), str(link.closed)) for link in d.chain] == [
        ("y", "Aᵀx", "Aᵀx"),
        ("h", "(∇_y f) ⊙ y ⊙ (1 - y)", "(Aᵀx) ⊙ y ⊙ (1 - y)"),
        ("B", "-B⁻ᵀ((∇_h f) zᵀ)B⁻ᵀ", "-B⁻ᵀ(((Aᵀx) ⊙ y ⊙ (1 - y)) zᵀ)B⁻ᵀ"),
    ]
    rules = [s.rule for s in d.steps if s.kind == "differential"]
    assert rules[:4] == ["LAW-2", "TR-1", "TR-4b", "DEF-6"]
    assert {"LAW-5", "LAW-8", "TR-5"} <= set(rules)
    for before, after in zip(d.stages[0].lines, d.stages[0].lines[1:], strict=False):
        assert before.after is after.before  # the lines join
