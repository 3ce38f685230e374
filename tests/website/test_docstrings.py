"""Docstrings become Markdown that says the same."""

from tests.extras import needs
from tests.website.loading import website

pytestmark = needs("griffe", "pymdownx")
docstrings = website("docstrings")

LAYER = """\
Affine map of the last axis: a_b * c.

Forward
    H = X Wᵀ + 1 bᵀ
Backward, for the upstream gradient G = ∇_H L
    gW = Gᵀ X        gb = Gᵀ 1
Shapes: X (B, N), W = `weight` (M, N),
    H (B, M); float32.
Reference: docs/equations.md, section 3.1: LAW-2.

`in_features=None` takes <the> width.
Two lines."""


def test_a_layer():
    assert docstrings.to_markdown(LAYER).split("\n\n") == [
        "Affine map of the last axis: a\\_b \\* c.",
        "**Forward**",
        "```text\nH = X Wᵀ + 1 bᵀ\n```",
        "**Backward**, for the upstream gradient G = ∇\\_H L",
        "```text\ngW = Gᵀ X        gb = Gᵀ 1\n```",
        "**Shapes:** X (B, N), W = `weight` (M, N), H (B, M); float32.",
        "**Reference:** [docs/equations.md, section 3.1](../equations.md#31-linear): LAW-2.",
        "`in_features=None` takes &lt;the> width. Two lines.",
    ]


def test_a_kernel():
    text = "Sums.\n\nForward:   s = Σ x,\n           t = 2 s\nBackward:  `other`\nErrors:    ShapeError"
    assert docstrings.to_markdown(text).split("\n\n") == [
        "Sums.",
        "**Forward**",
        "```text\ns = Σ x,\nt = 2 s\n```",
        "**Backward:** `other`",
        "**Errors:** ShapeError",
    ]


def test_equations_at_the_margin_and_code():
    text = "In place.\n\nd = scale g\nv = v + d²\n\nUse it:\n\n    step(X)\n    done()"
    assert docstrings.to_markdown(text).split("\n\n") == [
        "In place.",
        "```text\nd = scale g\nv = v + d²\n```",
        "Use it:",
        "```text\nstep(X)\ndone()\n```",
    ]


def test_a_block_between_fences():
    text = "It falls.\nMore.\n```\ng = ∇f(x)\n    x = x_1 + α d\n```\nGive `f`.\nReference: A."
    assert docstrings.to_markdown(text).split("\n\n") == [
        "It falls. More.",
        "```text\ng = ∇f(x)\n    x = x_1 + α d\n```",
        "Give `f`.",
        "**Reference:** A.",
    ]


def test_sentences_that_begin_like_a_label():
    text = "A map.\n\nLife: construct; then\n`forward` as often as wanted.\nMore of it.\nErrors: ConfigError."
    assert docstrings.to_markdown(text).split("\n\n") == [
        "A map.",
        "**Life:** construct; then `forward` as often as wanted. More of it.",
        "**Errors:** ConfigError.",
    ]
