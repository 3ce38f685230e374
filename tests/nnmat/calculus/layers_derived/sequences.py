"""Layers of sequences: places, attention, blocks, recurrent layers."""

import numpy as np

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
from nnmat.calculus import dim
from tests.nnmat.calculus.layers_derived.beside import INPUTS, B, Beside, T, about, linear

HIDDEN = -1e4  # as a score: its exponential is 0


# ---- attention -------------------------------------------------------------------------------------------------------


@about(PositionalEmbedding)
def learned_positions():
    both = Beside(PositionalEmbedding(), (4, 5))
    both.input("X", (B * T, "N"))
    both.parameter("P", ("T", "N"), both.layer.weight)
    both.arrays |= {"B": both.batch, "T": len(both.X[0])}
    return both, "Y = X + kron(ones(B), P)"


@about(PositionalEmbedding)
def sinusoidal_positions():
    both = Beside(PositionalEmbedding(kind="sinusoidal"), (4, 5))
    both.input("X", (B * T, "N"))
    both.constant("P", ("T", "N"), both.layer.rows())
    both.arrays |= {"B": both.batch, "T": len(both.X[0])}
    return both, "Y = X + kron(ones(B), P)"


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


@about(RotaryEmbedding)
def rotation_by_an_orthogonal_matrix():
    both = Beside(RotaryEmbedding(2), (4, 8))
    both.input("X", (B * T, "N"))
    both.constant("Q", (T * dim("N"), T * dim("N")), rotation(4, 2, 4), orthogonal=True)
    both.arrays |= {"B": both.batch, "T": len(both.X[0])}
    return both, "Y = reshape(reshape(X, B, T * N) @ Q.T, B * T, N)"


def one_head(h, d, queries="X", keys="X", mask="M"):
    """The lines of head h, with the symbols of its weights; M hides, also what belongs to other samples."""
    return f"""
        Q{h} = {queries} @ Wq{h}.T + bq{h}.T
        K{h} = {keys} @ Wk{h}.T + bk{h}.T
        V{h} = {keys} @ Wv{h}.T + bv{h}.T
        P{h} = softmax_rows(Q{h} @ K{h}.T / {np.sqrt(d)} + {mask})
        O{h} = P{h} @ V{h}"""


def projections(both, layer, heads):
    """Symbols for the weights of each head, and of the output."""
    D, d = layer.features, layer.features // heads
    for at, what in enumerate(("query", "key", "value")):
        of = getattr(layer, what) if layer.cross else layer.in_proj
        for h in range(heads):
            first = h * d + (0 if layer.cross else at * D)
            rows = slice(first, first + d)
            width = "E" if layer.cross and at else "D"
            both.parameter(f"W{what[0]}{h}", ("d", width), of.weight, rows)
            both.parameter(f"b{what[0]}{h}", ("d",), of.bias, rows)
    for h in range(heads):
        both.parameter(f"Wo{h}", ("D", "d"), layer.out_proj.weight, (slice(None), slice(h * d, h * d + d)))
    both.parameter("bo", ("D",), layer.out_proj.bias)


def hidden(batch, rows, columns, places=0.0):
    """The mask (B Tq, B Tk): each sample sees its own keys, with what is added to the scores there."""
    M = np.full((batch, rows, batch, columns), HIDDEN)
    for n in range(batch):
        M[n, :, n] = places[n] if np.ndim(places) == 3 else places
    return M.reshape(batch * rows, -1)


@about(MultiHeadAttention)
def one_causal_head():
    both = Beside(MultiHeadAttention(4, 1, causal=True), (5, 4))
    both.input("X", INPUTS)
    projections(both, both.layer, 1)
    both.constant("M", ("R", "R"), hidden(3, 5, 5, np.triu(np.full((5, 5), HIDDEN), 1)))
    return both, f"{one_head(0, 4)}\nY = O0 @ Wo0.T + bo.T"


@about(MultiHeadAttention)
def two_heads_of_other_keys_with_a_mask():
    layer = MultiHeadAttention(4, 2, cross=True, key_features=3, mask=True)
    both = Beside(layer, ((3, 4), (5, 3), (3, 5)), batch=2)
    both.input("X", INPUTS, 0)
    both.input("Z", ("S", "E"), 1)
    projections(both, layer, 2)
    both.constant("M", ("R", "S"), hidden(2, 3, 5, both.X[2]))
    heads = "".join(one_head(h, 2, "X", "Z") for h in range(2))
    return both, f"{heads}\nY = O0 @ Wo0.T + O1 @ Wo1.T + bo.T"


def silu_gate(both, layer):
    """Symbols of a gated feed-forward."""
    linear(both, layer.gate, "g", "H")
    linear(both, layer.up, "u", "H")
    linear(both, layer.out, "d", "D", "H")


@about(GatedFeedForward)
def gated_feed_forward():
    both = Beside(GatedFeedForward(4, 6, bias=True), (3, 4))
    both.input("X", INPUTS)
    silu_gate(both, both.layer)
    return (
        both,
        """
        A = X @ Wg.T + bg.T
        Z = A * sigmoid(A) * (X @ Wu.T + bu.T)
        Y = Z @ Wd.T + bd.T""",
    )


def block(norm, kind):
    """A causal block with symbols for all but its feed-forward, and the lines up to U, with N1 and N2 in them."""
    layer = TransformerBlock(4, 1, 5, norm=norm, feed_forward=kind, causal=True)
    both = Beside(layer, (3, 4), batch=2)
    both.input("X", INPUTS)
    projections(both, layer.attention, 1)
    both.constant("M", ("R", "R"), hidden(2, 3, 3, np.triu(np.full((3, 3), HIDDEN), 1)))
    for part, one in (("1", layer.norm1), ("2", layer.norm2)):
        for p in one.parameters():
            both.parameter(f"{p.kind}{part}", ("D",), p)
    return both, f"{one_head(0, 4, 'N1', 'N1')}\nU = X + O0 @ Wo0.T + bo.T"


@about(TransformerBlock)
def transformer_block():
    both, attention = block("layer", "gelu_tanh")
    up, _, down = both.layer.feed_forward.children()
    linear(both, up, "1", "H")
    linear(both, down, "2", "D", "H")
    norm = """
        Z{0} = {1} - {1} @ ones(D) @ ones(D).T / dim(D)
        r{0} = (Z{0} ** 2 @ ones(D) / dim(D) + 1e-5) ** (-0.5)
        N{0} = Diag(r{0}) @ Z{0} @ Diag(gamma{0}) + beta{0}.T
        """
    return (
        both,
        f"""{norm.format(1, "X")}{attention.strip()}{norm.format(2, "U")}
        A = N2 @ W1.T + b1.T
        F = A * (1 + tanh({np.sqrt(2 / np.pi)} * (A + 0.044715 * A ** 3))) / 2
        Y = U + F @ W2.T + b2.T""",
    )


@about(TransformerBlock)
def transformer_block_of_gates():
    both, attention = block("rms", "gated")
    silu_gate(both, both.layer.feed_forward)
    norm = """
        r{0} = ({1} ** 2 @ ones(D) / dim(D) + 1e-5) ** (-0.5)
        N{0} = Diag(r{0}) @ {1} @ Diag(gamma{0})
        """
    return (
        both,
        f"""{norm.format(1, "X")}{attention.strip()}{norm.format(2, "U")}
        A = N2 @ Wg.T + bg.T
        Z = A * sigmoid(A) * (N2 @ Wu.T + bu.T)
        Y = U + Z @ Wd.T + bd.T""",
    )


# ---- recurrent -------------------------------------------------------------------------------------------------------


def recurrent(kind, gates, states="H"):
    """A layer of three steps from given states, with symbols for the weights of each gate."""
    both = Beside(kind(3, 4, states=True), ((3, 3), *[(4,)] * len(states)), batch=2)
    for t in range(3):
        both.input(f"X{t + 1}", ("B", "D"), 0, (slice(None), t))
        both.outputs[f"H{t + 1}"] = (slice(None), t)
    for part, name in enumerate(states):
        both.input(f"{name}0", ("B", "N"), part + 1)
    for at, gate in enumerate(gates):
        rows = slice(4 * at, 4 * at + 4)
        both.parameter(f"W{gate}", ("N", "D"), both.layer.in_proj.weight, rows)
        both.parameter(f"b{gate}", ("N",), both.layer.in_proj.bias, rows)
        both.parameter(f"U{gate}", ("N", "N"), both.layer.weight, rows)
        if kind is GRU:
            both.parameter(f"c{gate}", ("N",), both.layer.bias, rows)
    return both


def before(gate, t):
    """The line of a gate's argument, without GRU's second bias."""
    return f"X{t} @ W{gate}.T + b{gate}.T + H{t - 1} @ U{gate}.T"


@about(RNN)
def rnn_of_three_steps():
    return recurrent(RNN, "a"), "\n".join(f"H{t} = tanh({before('a', t)})" for t in (1, 2, 3))


@about(LSTM)
def lstm_of_three_steps():
    step = [
        f"""
        C{t} = sigmoid({before("f", t)}) * C{t - 1} + sigmoid({before("i", t)}) * tanh({before("g", t)})
        H{t} = sigmoid({before("o", t)}) * tanh(C{t})"""
        for t in (1, 2, 3)
    ]
    return recurrent(LSTM, "ifgo", "HC"), "".join(step)


@about(GRU)
def gru_of_three_steps():
    step = [
        f"""
        R{t} = sigmoid({before("r", t)} + cr.T)
        Z{t} = sigmoid({before("z", t)} + cz.T)
        A{t} = tanh(X{t} @ Wn.T + bn.T + R{t} * (H{t - 1} @ Un.T + cn.T))
        H{t} = (1 - Z{t}) * A{t} + Z{t} * H{t - 1}"""
        for t in (1, 2, 3)
    ]
    return recurrent(GRU, "rzn"), "".join(step)
