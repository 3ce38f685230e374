"""Layers of sequences: what is compiled from their descriptions is their backward."""

import numpy as np
import pytest

from nnmat import (
    GRU,
    LSTM,
    RNN,
    GatedFeedForward,
    MultiHeadAttention,
    PositionalEmbedding,
    RotaryEmbedding,
    TransformerBlock,
)
from nnmat.calculus.builtin.catalogue import DESCRIPTIONS
from nnmat.calculus.builtin.description import Description
from nnmat.calculus.builtin.sequences import BLOCK, gru, lstm, rnn
from tests.nnmat.calculus.builtin.beside import Beside, Cases

CASES = Cases()
HIDDEN = -1e4  # as a score: its exponential is 0


@pytest.mark.parametrize("name", CASES)
def test_compiled_gradients_are_those_of_backward(name):
    CASES[name]().equal()


# ---- attention -------------------------------------------------------------------------------------------------------


@CASES.case
def learned_positions():
    both = Beside("PositionalEmbedding", PositionalEmbedding(), (4, 5), B=3, T=4)
    both.input("X")
    both.parameter("P", both.layer.weight)
    return both


@CASES.case
def sinusoidal_positions():
    both = Beside("PositionalEmbedding-sinusoidal", PositionalEmbedding(kind="sinusoidal"), (4, 5), B=3, T=4)
    both.input("X")
    both.constants(P=both.layer.rows())
    return both


def rotation(T, heads, width):
    """The orthogonal matrix (T heads d, T heads d) that turns what stands at each place by its angles."""
    Q, half = np.zeros((T, heads, width) * 2), width // 2
    for t in range(T):
        for j in range(half):
            a = t * 10_000.0 ** (-2 * j / width)
            for h in range(heads):
                Q[t, h, j, t, h, j] = Q[t, h, j + half, t, h, j + half] = np.cos(a)
                Q[t, h, j, t, h, j + half], Q[t, h, j + half, t, h, j] = -np.sin(a), np.sin(a)
    return Q.reshape(T * heads * width, -1)


@CASES.case
def rotation_by_an_orthogonal_matrix():
    both = Beside("RotaryEmbedding", RotaryEmbedding(2), (4, 8), T=4, N=8)
    both.input("X", lambda A: A.reshape(len(A), -1))
    both.outputs["Y"] = lambda A: A.reshape(len(A), -1)
    both.constants(Q=rotation(4, 2, 4))
    return both


def hidden(batch, rows, columns, places=0.0):
    """The mask (B Tq, B Tk): each sample sees its own keys, with what is added to the scores there."""
    M = np.full((batch, rows, batch, columns), HIDDEN)
    for n in range(batch):
        M[n, :, n] = places[n] if np.ndim(places) == 3 else places
    return M.reshape(batch * rows, -1)


def causal(batch, rows):
    return hidden(batch, rows, rows, np.triu(np.full((rows, rows), HIDDEN), 1))


def projected(both, attention):
    both.linear(attention.in_proj)
    both.linear(attention.out_proj, "o")


@CASES.case
def two_causal_heads():
    both = Beside("MultiHeadAttention", MultiHeadAttention(4, 2, causal=True), (5, 4), d=2)
    both.input("X")
    projected(both, both.layer)
    both.constants(M=causal(3, 5))
    return both


@CASES.case
def two_heads_of_other_keys_with_a_mask():
    layer = MultiHeadAttention(4, 2, cross=True, key_features=3, mask=True)
    both = Beside("MultiHeadAttention-cross", layer, ((3, 4), (5, 3), (3, 5)), batch=2, d=2)
    both.input("X", part=0)
    both.input("Z", part=1)
    for name, part in (("q", layer.query), ("k", layer.key), ("v", layer.value), ("o", layer.out_proj)):
        both.linear(part, name)
    both.constants(M=hidden(2, 3, 5, both.X[2]))
    return both


def silu_gate(both, layer):
    for name, part in (("g", layer.gate), ("u", layer.up), ("d", layer.out)):
        both.linear(part, name)


@CASES.case
def gated_feed_forward():
    both = Beside("GatedFeedForward", GatedFeedForward(4, 6, bias=True), (3, 4))
    both.input("X")
    silu_gate(both, both.layer)
    return both


def block(about, norm, kind):
    """A causal block with symbols for all but its feed-forward."""
    layer = TransformerBlock(4, 1, 5, norm=norm, feed_forward=kind, causal=True)
    both = Beside(about, layer, (3, 4), batch=2, D=4)
    both.input("X")
    projected(both, layer.attention)
    both.constants(M=causal(2, 3), e=1e-5)
    for part, one in (("1", layer.norm1), ("2", layer.norm2)):
        for p in one.parameters():
            both.parameter(f"{p.kind}{part}", p)
    return both


def between_two(both):
    up, _, down = both.layer.feed_forward.children()
    both.linear(up, "1")
    both.linear(down, "2")
    return both


@CASES.case
def transformer_block():
    return between_two(block("TransformerBlock", "layer", "gelu"))


@CASES.case
def transformer_block_of_the_other_gelu():
    of = DESCRIPTIONS["TransformerBlock"]
    lines = of.lines.replace("gelu(A)", f"A * (1 + tanh({np.sqrt(2 / np.pi)} * (A + 0.044715 * A ** 3))) / 2")
    about = Description("TransformerBlock", lines, of.inputs, of.parameters, BLOCK)
    return between_two(block(about, "layer", "gelu_tanh"))


@CASES.case
def transformer_block_of_gates():
    both = block("TransformerBlock-gated", "rms", "gated")
    silu_gate(both, both.layer.feed_forward)
    return both


# ---- recurrent -------------------------------------------------------------------------------------------------------


def recurrent(kind, of, steps, states="H"):
    """A layer of some steps from given states."""
    both = Beside(of(steps), kind(3, 4, states=True), ((steps, 3), *[(4,)] * len(states)), batch=2, N=4)
    for t in range(steps):
        both.input(f"X{t + 1}", lambda A, t=t: A[:, t], 0)
        both.outputs[f"H{t + 1}"] = lambda A, t=t: A[:, t]
    for part, name in enumerate(states, 1):
        both.input(f"{name}0", part=part)
    both.outputs[f"C{steps}"] = None
    both.linear(both.layer.in_proj)
    both.parameter("U", both.layer.weight)
    if kind is GRU:
        both.parameter("c", both.layer.bias)
    return both


for _kind, _of, _states in ((RNN, rnn, "H"), (LSTM, lstm, "HC"), (GRU, gru, "H")):
    for _steps in (1, 3):
        CASES[f"{_kind.__name__} of {_steps} steps"] = lambda kind=_kind, of=_of, steps=_steps, states=_states: (
            recurrent(kind, of, steps, states)
        )
