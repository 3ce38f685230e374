"""Layers of sequences: places, attention, blocks, one step of recurrent layers.

The rows of all samples lie below one another; a mask M hides, by adding a large negative number to a score, what stands
later or belongs to another sample. Weights that a layer keeps in one array are one symbol: its parts are slices.
"""

from .description import Description

INTO = {"X": "R, D"}
GATES = {"Wg": "H, D", "bg": "H", "Wu": "H, D", "bu": "H", "Wd": "D, H", "bd": "D"}
GATED = """
    A = {0} @ Wg.T + bg.T
    Z = A * sigmoid(A) * ({0} @ Wu.T + bu.T)"""
OUT = {"Wo": "D, D", "bo": "D"}
PACKED = "the weights of queries, keys and values, one below the other; so b"
PROJECTED = {"W": "3 * D, D", "b": "3 * D", **OUT}
HIDES = {"M": "0 where a row may look, a large negative number where not"}


def _head(d: str, h: str = "") -> str:
    """The lines of one head, when its queries Q, keys K and values V are there."""
    return f"""
    P{h} = softmax_rows(Q{h} @ K{h}.T / dim({d}) ** (1 / 2) + M)
    O{h} = P{h} @ V{h}"""


def _attention(X: str) -> str:
    """One head up to its output O."""
    return f"""
    T = {X} @ W.T + b.T
    Q = T[:, :D]
    K = T[:, D:2*D]
    V = T[:, 2*D:]{_head("D")}"""


LAYER_NORM = """
    Z{0} = {1} - {1} @ ones(D) @ ones(D).T / dim(D)
    r{0} = (Z{0} ** 2 @ ones(D) / dim(D) + e) ** (-0.5)
    N{0} = Diag(r{0}) @ Z{0} @ Diag(gamma{0}) + beta{0}.T"""
RMS_NORM = """
    r{0} = ({1} ** 2 @ ones(D) / dim(D) + e) ** (-0.5)
    N{0} = Diag(r{0}) @ {1} @ Diag(gamma{0})"""
ATTENDED = "\n    U = X + O @ Wo.T + bo.T"
BLOCK = {"M": "R, R", "e": "1, positive"}
ATTENTION = [
    Description(
        "PositionalEmbedding",
        "Y = X + kron(ones(B), P)",
        {"X": "B * T, N"},
        {"P": "T, N"},
        words={"P": "a learned row for each place"},
    ),
    Description(
        "PositionalEmbedding-sinusoidal",
        "Y = X + kron(ones(B), P)",
        {"X": "B * T, N"},
        {},
        {"P": "T, N"},
        {"P": "sines and cosines of each place"},
    ),
    Description(
        "RotaryEmbedding",
        "Y = X @ Q.T",
        {"X": "B, T * N"},
        {},
        {"Q": "T * N, T * N, orthogonal"},
        {"X": "a row for each sample", "Q": "turns the pairs of numbers at each place by its angles"},
    ),
    Description(
        "MultiHeadAttention",
        f"""
        T = X @ W.T + b.T
        Q1 = T[:, :d]
        Q2 = T[:, d:2*d]
        K1 = T[:, 2*d:3*d]
        K2 = T[:, 3*d:4*d]
        V1 = T[:, 4*d:5*d]
        V2 = T[:, 5*d:]{_head("d", "1")}{_head("d", "2")}
        Y = hstack(O1, O2) @ Wo.T + bo.T""",
        {"X": "R, 2 * d"},
        {"W": "6 * d, 2 * d", "b": "6 * d", "Wo": "2 * d, 2 * d", "bo": "2 * d"},
        {"M": "R, R"},
        {**HIDES, "W": PACKED},
    ),
    Description(
        "MultiHeadAttention-cross",
        f"""
        S = X @ Wq.T + bq.T
        T = Z @ Wk.T + bk.T
        U = Z @ Wv.T + bv.T
        Q1 = S[:, :d]
        K1 = T[:, :d]
        V1 = U[:, :d]{_head("d", "1")}
        Q2 = S[:, d:]
        K2 = T[:, d:]
        V2 = U[:, d:]{_head("d", "2")}
        Y = hstack(O1, O2) @ Wo.T + bo.T""",
        {"X": "R, 2 * d", "Z": "L, E"},
        {
            **{"Wq": "2 * d, 2 * d", "bq": "2 * d", "Wk": "2 * d, E", "bk": "2 * d", "Wv": "2 * d, E", "bv": "2 * d"},
            **{"Wo": "2 * d, 2 * d", "bo": "2 * d"},
        },
        {"M": "R, L"},
        {**HIDES, "Z": "where keys and values come from"},
        kept=False,
    ),
    Description("GatedFeedForward", f"{GATED.format('X')}\nY = Z @ Wd.T + bd.T", INTO, GATES),
    Description(
        "TransformerBlock",
        f"""{LAYER_NORM.format(1, "X")}{_attention("N1")}{ATTENDED}{LAYER_NORM.format(2, "U")}
        A = N2 @ W1.T + b1.T
        F = gelu(A)
        Y = U + F @ W2.T + b2.T""",
        INTO,
        {
            **{"gamma1": "D", "beta1": "D", **PROJECTED, "gamma2": "D", "beta2": "D"},
            **{"W1": "H, D", "b1": "H", "W2": "D, H", "b2": "D"},
        },
        BLOCK,
        {**HIDES, "W": PACKED, "e": "eps"},
    ),
    Description(
        "TransformerBlock-gated",
        f"""{RMS_NORM.format(1, "X")}{_attention("N1")}{ATTENDED}{RMS_NORM.format(2, "U")}{GATED.format("N2")}
        Y = U + Z @ Wd.T + bd.T""",
        INTO,
        {"gamma1": "D", **PROJECTED, "gamma2": "D", **GATES},
        BLOCK,
        {**HIDES, "W": PACKED, "e": "eps"},
        kept=False,
    ),
]


def _recurrent(
    name: str, step: str, steps: int, gates: int, parameters: str, words: str, cell: bool = False
) -> Description:
    """Some steps of a recurrent layer; `step` says step t from what stands at s = t - 1."""
    rows = f"{gates} * N" if gates > 1 else "N"
    shapes = {"W": f"{rows}, D", "U": f"{rows}, N"}
    every = range(1, steps + 1)
    begin = {"H0": "B, N", "C0": "B, N"} if cell else {"H0": "B, N"}
    return Description(
        name,
        "".join(step.replace("t:", str(t)).replace("s:", str(t - 1)) for t in every),
        {**{f"X{t}": "B, D" for t in every}, **begin},
        {p: shapes.get(p, rows) for p in parameters},
        words={"W": words} if words else {},
        outputs=(*(f"H{t}" for t in every), *([f"C{steps}"] if cell else [])),
    )


def rnn(steps: int) -> Description:
    """Steps of an `RNN`."""
    step = """
        Ht: = tanh(Xt: @ W.T + b.T + Hs: @ U.T)"""
    return _recurrent("RNN", step, steps, 1, "WbU", "")


def lstm(steps: int) -> Description:
    """Steps of an `LSTM`."""
    step = """
        At: = Xt: @ W.T + b.T + Hs: @ U.T
        It: = sigmoid(At:[:, :N])
        Ft: = sigmoid(At:[:, N:2*N])
        Jt: = tanh(At:[:, 2*N:3*N])
        Ot: = sigmoid(At:[:, 3*N:])
        Ct: = Ft: * Cs: + It: * Jt:
        Ht: = Ot: * tanh(Ct:)"""
    words = "the weights of the input, forget, cell and output gates, one below the other; so b and U"
    return _recurrent("LSTM", step, steps, 4, "WbU", words, cell=True)


def gru(steps: int) -> Description:
    """Steps of a `GRU`."""
    step = """
        At: = Xt: @ W.T + b.T
        Et: = Hs: @ U.T + c.T
        Rt: = sigmoid(At:[:, :N] + Et:[:, :N])
        Zt: = sigmoid(At:[:, N:2*N] + Et:[:, N:2*N])
        Mt: = tanh(At:[:, 2*N:] + Rt: * Et:[:, 2*N:])
        Ht: = (1 - Zt:) * Mt: + Zt: * Hs:"""
    words = "the weights of the reset and update gates and of the new state, one below the other; so b, U and c"
    return _recurrent("GRU", step, steps, 3, "WbUc", words)


LAYERS = [*ATTENTION, rnn(1), lstm(1), gru(1)]
