"""The cases of embedding, rotary positions, attention and the recurrent networks."""

import numpy as np

from bench.kinds import numpy_sequences as peers
from bench.kinds.case import Case, at_once, normal
from bench.kinds.norms import out_last

ATTENTION = [(12, 4, 64, 32), (8, 8, 256, 64), (2, 8, 1024, 64)]  # batch, heads, T, d; causal
GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def embeddings(tokens, V, D) -> list[Case]:
    """The rows of a table, and their gradient."""
    label = f"{tokens} of {V}x{D}"

    def arrays(rows):
        return lambda rng: [rng.standard_normal((rows, D), np.float32), rng.integers(0, V, tokens)]

    return [
        Case("embedding", label, arrays(V), lambda k, E, ids, **out: k.embedding(E, ids, **out), peers.embedding),
        Case(
            "embedding_backward",
            label,
            arrays(tokens),
            lambda k, G, ids, **out: k.embedding_backward(G, ids, V, **out),
            peers.embedding_backward,
            terms=tokens,
        ),
    ]


def turned(B, T, heads, d) -> Case:
    """Rotary positions of all heads."""

    def arrays(rng):
        angles = rng.uniform(0, 2 * np.pi, (T, d // 2))
        X = rng.standard_normal((B, T, heads * d), np.float32)
        return [X, np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)]

    return Case(
        "rotate",
        f"{B}x{T} {heads} heads of {d}",
        arrays,
        lambda k, X, cosines, sines, **out: k.rotate(X, cosines, sines, **out),
        lambda X, cosines, sines, out: peers.rotate(X, cosines, sines, heads, out),
    )


def products_of(B, heads, T, d, count):
    """The flops of so many products of T x T x d, of which a causal mask leaves half."""
    return count * B * heads * T * T * d


def attentions(B, heads, T, d) -> list[Case]:
    """Causal attention, its inputs apart and side by side; backward computes the scores again: five products."""
    width, label = heads * d, f"{B}x{heads}x{T}x{d} causal"
    one, packed = (B, T, width), (B, T, 3 * width)

    def apart(rng):
        G, Q, K, V = normal(one, one, one, one)(rng)
        lse, O = peers.attention(Q, K, V, heads, np.empty_like(G))  # noqa: E741
        return [G, Q, K, V, O, lse]

    def side_by_side(rng):
        G, QKV = normal(one, packed)(rng)
        lse, O = peers.self_attention(QKV, heads, np.empty_like(G))  # noqa: E741
        return [G, QKV, O, lse]

    return [
        Case(
            "attention",
            label,
            normal(one, one, one),
            lambda k, Q, K, V, **out: out_last(k.attention(Q, K, V, heads, True, **out)),
            lambda Q, K, V, out: peers.attention(Q, K, V, heads, out),
            products_of(B, heads, T, d, 2),
            T + d,
        ),
        Case(
            "attention_backward",
            label,
            apart,
            lambda k, *arrays: k.attention_backward(*arrays, heads, True),
            lambda G, Q, K, V, Y, lse: peers.attention_backward(G, Q, K, V, Y, lse, heads),
            products_of(B, heads, T, d, 5),
            T + d,
            outs=(),
        ),
        Case(
            "self_attention",
            label,
            normal(packed),
            lambda k, QKV, **out: out_last(k.self_attention(QKV, heads, True, **out)),
            lambda QKV, out: peers.self_attention(QKV, heads, out),
            products_of(B, heads, T, d, 2),
            T + d,
        ),
        Case(
            "self_attention_backward",
            label,
            side_by_side,
            lambda k, *arrays, **out: k.self_attention_backward(*arrays, heads, True, **out),
            lambda G, QKV, Y, lse, out: peers.self_attention_backward(G, QKV, Y, lse, heads, out),
            products_of(B, heads, T, d, 5),
            T + d,
        ),
    ]


def attention_both_ways(B, heads, T, d) -> Case:
    """O, gQ, gK and gV (B, T, heads, d) of causal self-attention."""
    width = heads * d

    def bind(k, QKV, G):
        def call():
            O, lse = k.self_attention(QKV, heads, True)  # noqa: E741
            gQKV = k.self_attention_backward(G, QKV, O, lse, heads, True)
            parts = gQKV.reshape(B, T, 3, heads, d)
            return O.reshape(B, T, heads, d), parts[:, :, 0], parts[:, :, 1], parts[:, :, 2]

        return call

    def peer(QKV, G):
        Q, K, V = np.split(QKV, 3, 2)
        lse, O = peers.attention(Q, K, V, heads, np.empty_like(G))  # noqa: E741
        found = O, *peers.attention_backward(G, Q, K, V, O, lse, heads)
        return tuple(A.reshape(B, T, heads, d) for A in found)

    return Case(
        "self_attention both ways",
        f"{B}x{heads}x{T}x{d} causal",
        normal((B, T, 3 * width), (B, T, width)),
        at_once(bind),
        peer,
        products_of(B, heads, T, d, 7),
        T + d,
        outs=(),
        group="attention",
        torch={"kind": "attention", "heads": heads},
        bind=bind,
    )


def small(*shapes):
    """Normal numbers times 0.1: states of a network that still learns."""
    return lambda rng: [np.float32(0.1) * A for A in normal(*shapes)(rng)]


def recurrences(B, T, N) -> list[Case]:
    """RNN, LSTM and GRU over all steps, the products of the inputs left out."""
    label = f"{B}x{T}x{N}"

    def forward_arrays(name):
        q = GATES[name]
        return small((B, T, q * N), (q * N, N), *[(q * N,)] * (name == "gru"))

    def backward_arrays(name):
        def arrays(rng):
            A, W, *b = forward_arrays(name)(rng)
            return [rng.standard_normal((B, T, N), np.float32), *getattr(peers, name)(A, W, *b), W]

        return arrays

    def pair(name):
        flops = 2 * B * T * N * GATES[name] * N
        for kernel, arrays in ((name, forward_arrays(name)), (f"{name}_backward", backward_arrays(name))):

            def call(k, *arrays, kernel=kernel):
                return getattr(k, kernel)(*arrays)

            yield Case(kernel, label, arrays, call, getattr(peers, kernel), flops, GATES[name] * N, outs=())

    return [case for name in GATES for case in pair(name)]


def recurrent_both_ways(name, B, T, inputs, N) -> Case:
    """A layer: H, the gradients of its inputs and of all its weights and biases, the products with them included."""
    q, gru = GATES[name], name == "gru"
    shapes = [(B, T, inputs), (B, T, N), (q * N, inputs), (q * N, N), (q * N,), *[(q * N,)] * gru]

    def bind(k, X, G, Wx, Wh, bx, *bh):
        x = X.reshape(B * T, inputs)
        forward, backward = getattr(k, name), getattr(k, f"{name}_backward")

        def call():
            A = k.matmul(x, Wx, transpose_b=True, bias=bx).reshape(B, T, q * N)
            found = forward(A, Wh, *bh)
            states = found if isinstance(found, tuple) else (found,)
            gA, *gU, before, _ = backward(G, *states, Wh)[: 4 if gru else 3]
            a, u = gA.reshape(B * T, q * N), (gU[0] if gru else gA).reshape(B * T, q * N)
            return (
                states[0],
                k.matmul(a, Wx).reshape(B, T, inputs),
                k.matmul(a, x, transpose_a=True),
                k.matmul(u, before.reshape(B * T, N), transpose_a=True),
                k.column_sums(a),
                *([k.column_sums(u)] if gru else ()),
            )

        return call

    def peer(X, G, Wx, Wh, bx, *bh):
        x = X.reshape(B * T, inputs)
        states = getattr(peers, name)((x @ Wx.T + bx).reshape(B, T, q * N), Wh, *bh)
        gA, *gU, before, _ = getattr(peers, f"{name}_backward")(G, *states, Wh)[: 4 if gru else 3]
        a, u = gA.reshape(B * T, q * N), (gU[0] if gru else gA).reshape(B * T, q * N)
        sums = [a.sum(0), u.sum(0)] if gru else [a.sum(0)]
        return states[0], (a @ Wx).reshape(X.shape), a.T @ x, u.T @ before.reshape(B * T, N), *sums

    def arrays(rng):
        X, G, *weights = normal(*shapes)(rng)
        return [X, G, *(np.float32(0.1) * A for A in weights)]

    return Case(
        f"{name} both ways",
        f"{B}x{T} {inputs} -> {N}",
        arrays,
        at_once(bind),
        peer,
        6 * B * T * (inputs + N) * q * N,
        B * T,
        outs=(),
        group="recurrent",
        torch={"kind": name},
        bind=bind,
    )
