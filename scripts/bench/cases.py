"""What `bench_kernels.py` measures: a case per kernel and shape, with NumPy's form of it; more are in `kinds/`."""

import functools

import numpy as np

from bench import numpy_peer
from bench.kinds import entries, images, norms, sequences, units
from bench.kinds.case import Case, at_once, normal
from bench.numpy_peer import positions


def product(M, N, K, transpose_a=False, transpose_b=False, group="others") -> Case:
    kind = ("T" if transpose_a else "N") + ("T" if transpose_b else "N")

    def bind(k, A, B, **out):
        return functools.partial(k.matmul, A, B, transpose_a, transpose_b, **out)

    def bind_peer(A, B, out):
        return functools.partial(np.matmul, A.T if transpose_a else A, B.T if transpose_b else B, out=out)

    return Case(
        "matmul",
        f"{kind} {M}x{N}x{K}",
        normal((K, M) if transpose_a else (M, K), (N, K) if transpose_b else (K, N)),
        at_once(bind),
        at_once(bind_peer),
        2 * M * N * K,
        K,
        group=group,
        torch={"kind": "matmul", "transpose_a": transpose_a, "transpose_b": transpose_b},
        bind=bind,
        bind_peer=bind_peer,
    )


def stack(count, M, N, K, transpose_b=False, group="others") -> Case:
    def bind(k, A, B, **out):
        return functools.partial(k.batched_matmul, A, B, transpose_b=transpose_b, **out)

    def bind_peer(A, B, out):
        return functools.partial(np.matmul, A, B.swapaxes(1, 2) if transpose_b else B, out=out)

    return Case(
        "batched_matmul",
        f"{'NT' if transpose_b else 'NN'} {count}x{M}x{N}x{K}",
        normal((count, M, K), (count, N, K) if transpose_b else (count, K, N)),
        at_once(bind),
        at_once(bind_peer),
        2 * count * M * N * K,
        K,
        group=group,
        torch={"kind": "matmul", "transpose_a": False, "transpose_b": transpose_b},
        bind=bind,
        bind_peer=bind_peer,
    )


def convolutions(B, H, Ci, Co, k, stride=1, padding=0) -> list[Case]:
    """im2col, col2im and the three convolutions on one shape."""
    Ho = positions(H, k, stride, padding)
    X, K, G, U = (B, H, H, Ci), (Co, k, k, Ci), (B, Ho, Ho, Co), (B * Ho * Ho, k * k * Ci)
    label = f"{B}x{H}x{H}x{Ci} {Co}@{k}x{k} s{stride} p{padding}"
    flops = 2 * B * Ho * Ho * Co * k * k * Ci
    steps = stride, padding
    return [
        Case(
            "im2col",
            label,
            normal(X),
            lambda m, X, **out: m.im2col(X, k, *steps, **out),
            lambda X, out: numpy_peer.patches(X, k, *steps, out),
            terms=1,
        ),
        Case(
            "col2im",
            label,
            normal(U),
            lambda m, U, **out: m.col2im(U, X, k, *steps, **out),
            lambda U, out: numpy_peer.scatter(U, k, *steps, out),
            terms=k * k,
        ),
        Case(
            "conv2d",
            label,
            normal(X, K),
            lambda m, X, K, **out: m.conv2d(X, K, None, *steps, **out),
            lambda X, K, out: numpy_peer.conv2d(X, K, *steps, out),
            flops,
            k * k * Ci,
        ),
        Case(
            "conv2d_input_gradient",
            label,
            normal(G, K),
            lambda m, G, K, **out: m.conv2d_input_gradient(G, K, X, *steps, **out),
            lambda G, K, out: numpy_peer.conv2d_input_gradient(G, K, *steps, out),
            flops,
            k * k * Co,
        ),
        Case(
            "conv2d_weight_gradient",
            label,
            normal(X, G),
            lambda m, X, G, **out: m.conv2d_weight_gradient(X, G, K, *steps, **out),
            lambda X, G, out: numpy_peer.conv2d_weight_gradient(X, G, *steps, out),
            flops,
            B * Ho * Ho,
        ),
    ]


def pools(B, H, C) -> list[Case]:
    """2 x 2 pooling and its transposes."""
    X, Y = (B, H, H, C), (B, H // 2, H // 2, C)
    label = f"{B}x{H}x{H}x{C} 2x2"

    def with_indices(rng):
        own = rng.integers(0, 2, (2, *Y), np.int32)
        h, w = np.ogrid[: H // 2, : H // 2]
        h, w = 2 * h[None, :, :, None] + own[0], 2 * w[None, :, :, None] + own[1]
        return [rng.standard_normal(Y, np.float32), (h * H + w).astype(np.int32)]

    return [
        Case(
            "max_pool2d",
            label,
            normal(X),
            lambda k, X, **outs: k.max_pool2d(X, 2, **outs),
            numpy_peer.max_pool2d,
            outs=("out", "indices"),
        ),
        Case(
            "max_pool2d_backward",
            label,
            with_indices,
            lambda k, G, i, **out: k.max_pool2d_backward(G, i, X, **out),
            numpy_peer.max_pool2d_backward,
        ),
        Case("avg_pool2d", label, normal(X), lambda k, X, **out: k.avg_pool2d(X, 2, **out), numpy_peer.avg_pool2d),
        Case(
            "avg_pool2d_backward",
            label,
            normal(Y),
            lambda k, G, **out: k.avg_pool2d_backward(G, X, 2, **out),
            numpy_peer.avg_pool2d_backward,
        ),
    ]


def elementwise(rows, columns) -> list[Case]:
    """Activations, softmax, losses, sums and dropout on a matrix."""
    shape, label, slope, rate = (rows, columns), f"{rows}x{columns}", 0.01, 0.5

    def labels(rng):
        return [rng.standard_normal(shape, np.float32), rng.integers(0, columns, rows)]

    def zeros_and_ones(rng):
        return [rng.standard_normal(shape, np.float32), rng.integers(0, 2, shape).astype(np.float32)]

    def case(name, inputs, peer, *more, **options):
        """`inputs`: how many normal matrices, or their maker; `more`: arguments of the kernel after the arrays."""

        def bind(k, *arrays, **outs):
            return functools.partial(getattr(k, name), *arrays, *more, **outs)

        arrays = normal(*[shape] * inputs) if isinstance(inputs, int) else inputs
        return Case(name, label, arrays, at_once(bind), peer, bind=bind, **options)

    return [
        case("gelu", 1, numpy_peer.gelu),
        case("gelu_backward", 2, numpy_peer.gelu_backward),
        case("sigmoid", 1, numpy_peer.sigmoid),
        case("sigmoid_backward", 2, numpy_peer.sigmoid_backward),
        case("tanh", 1, np.tanh),
        case("tanh_backward", 2, numpy_peer.tanh_backward),
        case("relu", 1, lambda X, out: np.maximum(X, np.float32(0), out=out)),
        case("relu_backward", 2, lambda G, Y, out: np.multiply(G, Y > 0, out=out)),
        case("leaky_relu", 1, lambda X, out: numpy_peer.leaky_relu(X, slope, out), slope),
        case("leaky_relu_backward", 2, lambda G, X, out: numpy_peer.leaky_relu_backward(G, X, slope, out), slope),
        case("elu", 1, numpy_peer.elu),
        case("elu_backward", 2, numpy_peer.elu_backward),
        case("silu", 1, numpy_peer.silu),
        case("silu_backward", 2, numpy_peer.silu_backward),
        case("softplus", 1, numpy_peer.softplus),
        case("softplus_backward", 2, numpy_peer.softplus_backward),
        case("gelu_tanh", 1, numpy_peer.gelu_tanh),
        case("gelu_tanh_backward", 2, numpy_peer.gelu_tanh_backward),
        case("softmax", 1, numpy_peer.softmax, terms=columns),
        case("softmax_backward", 2, numpy_peer.softmax_backward, terms=columns),
        case("log_softmax", 1, numpy_peer.log_softmax, terms=columns),
        case("softmax_cross_entropy", labels, numpy_peer.softmax_cross_entropy, terms=columns),
        case("sigmoid_binary_cross_entropy", zeros_and_ones, numpy_peer.sigmoid_binary_cross_entropy),
        case("mean_squared_error", 2, numpy_peer.mean_squared_error),
        case("column_sums", 1, lambda A, out: A.sum(0, out=out), terms=rows),
        case("row_sums", 1, lambda A, out: A.sum(1, out=out), terms=columns),
        case("sum_of_squares", 1, numpy_peer.sum_of_squares, terms=1, outs=()),
        case("dropout", 1, lambda X, out: numpy_peer.dropout(X, rate, out), rate, 1, 2, comparable=False),
    ]


def updates(size) -> list[Case]:
    """Optimizer steps on a flat vector, in place: the results are theta and the state vectors."""

    def case(name, states, **options):
        def arrays(rng):  # theta, g, and state vectors >= 0 as second moments are
            vectors = rng.standard_normal((2, size), np.float32)
            return [*vectors, *rng.uniform(0.5, 1.5, (states, size)).astype(np.float32)]

        def call(module, theta, g, *state):
            getattr(module, name)(theta, g, *state, **options)
            return theta, *state

        peer = getattr(numpy_peer, name)
        return Case(name, f"{size}", arrays, call, lambda *vectors: peer(*vectors, **options), outs=())

    return [
        case("sgd_update", 1, lr=1e-3, momentum=0.9),
        case("adam_update", 2, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, step=9),
        case("nadam_update", 2, product=0.4, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, step=9),
        case("adagrad_update", 1, lr=1e-3, eps=1e-8),
        case("lion_update", 1, lr=1e-3, beta1=0.9, beta2=0.99),
        case("rmsprop_update", 1, lr=1e-3, alpha=0.999, eps=1e-8),
    ]


def cases() -> list[Case]:
    """Every kernel on shapes of networks, besides those of `groups.py`."""
    return [
        product(64, 64, 100_000, transpose_a=True),
        stack(64, 64, 64, 32, transpose_b=True),
        stack(1000, 8, 8, 8),
        *convolutions(64, 28, 1, 8, 5),
        *convolutions(64, 12, 8, 16, 5),
        *convolutions(64, 16, 32, 32, 3, padding=1),
        *convolutions(64, 16, 64, 128, 3, stride=2, padding=1),
        *pools(128, 24, 8),
        *images.of_images(128, 24, 8),
        *elementwise(8192, 128),
        *elementwise(128, 10),
        *entries.of_matrices(8192, 128),
        *units.of_matrices(8192, 128),
        *updates(100_000),
        *(case for shape in norms.SHAPES for case in norms.of_matrices(*shape)),
        *norms.of_groups(64, 28, 32, 8),
        *sequences.embeddings(768, 65, 128),
        sequences.turned(12, 64, 4, 32),
        *(case for shape in sequences.ATTENTION for case in sequences.attentions(*shape)),
        *sequences.recurrences(32, 50, 128),
    ]


def quick_cases() -> list[Case]:
    """Every kernel on one small shape."""
    return [
        product(128, 128, 784, transpose_b=True),
        stack(16, 32, 32, 16),
        *convolutions(8, 12, 8, 16, 5),
        *pools(8, 24, 8),
        *images.of_images(8, 24, 8),
        *elementwise(1024, 128),
        *entries.of_matrices(1024, 128),
        *units.of_matrices(1024, 128),
        *updates(100_000),
        *norms.of_matrices(768, 128),
        *norms.of_groups(8, 14, 32, 8),
        *sequences.embeddings(768, 65, 128),
        sequences.turned(12, 64, 4, 32),
        *sequences.attentions(12, 4, 64, 32),
        *sequences.recurrences(32, 10, 128),
    ]
