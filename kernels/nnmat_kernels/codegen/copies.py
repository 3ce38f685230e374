"""Views and copies that would cost a call, or a loop of their own, in Numba's form."""

from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.np.arrayobj import populate_array

from ..runtime.scratch import LINE_BYTES
from .builder import Lanes, data_pointer, generated, repeat


def plain_flat(A):
    return A.reshape(A.size)


@generated(plain_flat)
def flat(typing_context, A):
    """A C-contiguous array as a flat one; `reshape` would call a function, 50 ns each."""
    kind = types.Array(A.dtype, 1, "C")

    def generate(context, builder, signature, arguments):
        source, result = (
            context.make_array(A)(context, builder, arguments[0]),
            context.make_array(kind)(context, builder),
        )
        populate_array(
            result,
            source.data,
            [source.nitems],
            [source.itemsize],
            source.itemsize,
            meminfo=source.meminfo,
            parent=source.parent,
        )
        return impl_ret_borrowed(context, builder, kind, result._getvalue())

    return kind(A), generate


def plain_copy_runs(X, x, step, U, u, n, runs):
    """The same without the compiler."""
    for a in range(runs):
        U[u + a * n :][:n] = X[x + a * step :][:n]


@generated(plain_copy_runs)
def copy_runs(typing_context, X, x, step, U, u, n, runs):
    """U[u + a n + t] = X[x + a step + t] for a < runs, t < n, both at least 1, as whole registers.

    What lies in U behind the last run may be overwritten, and behind the last of X is read: less than SLACK numbers.
    """

    def generate(context, builder, signature, arguments):
        X, x, step, U, u, n, runs = arguments
        lanes = Lanes(context, builder, signature.args[0].dtype)
        X = lanes.at(data_pointer(context, builder, signature.args[0], X), x)
        U = lanes.at(data_pointer(context, builder, signature.args[3], U), u)
        count = n.type(lanes.count)
        vectors = builder.sdiv(builder.add(n, n.type(lanes.count - 1)), count)
        a, _, next_run = repeat(builder, runs, "runs")
        source, target = lanes.at(X, builder.mul(a, step)), lanes.at(U, builder.mul(a, n))
        v, _, next_vector = repeat(builder, vectors, "vectors")
        place = builder.mul(v, count)
        lanes.store(lanes.load(lanes.at(source, place)), lanes.at(target, place))
        next_vector([])
        next_run([])
        return context.get_dummy_value()

    return types.void(X, types.int64, types.int64, U, types.int64, types.int64, types.int64), generate


def plain_copy_and_fetch(A, a, B, b, n, soon):
    """The same without the compiler, and without asking for anything."""
    B[b : b + n] = A[a : a + n]


@generated(plain_copy_and_fetch)
def copy_and_fetch(typing_context, A, a, B, b, n, soon):
    """B[b + t] = A[a + t] for t < n, after asking for the n numbers of A at `soon`, which are wanted next.

    For rows that lie all over a large array: the memory is busy with the next while this one is copied, and the
    processor would not guess where that lies.
    """

    def generate(context, builder, signature, arguments):
        A, a, B, b, n, soon = arguments
        lanes = Lanes(context, builder, signature.args[0].dtype)
        A = data_pointer(context, builder, signature.args[0], A)
        B = data_pointer(context, builder, signature.args[2], B)
        line = n.type(LINE_BYTES // lanes.size)
        i, _, next_line = repeat(builder, builder.sdiv(builder.add(n, n.type(line.constant - 1)), line), "lines")
        lanes.fetch(lanes.at(A, soon), [builder.mul(i, line)], to_write=False)
        next_line([])
        cgutils.raw_memcpy(builder, lanes.at(B, b), lanes.at(A, a), n, lanes.size)
        return context.get_dummy_value()

    return types.void(A, types.int64, B, types.int64, types.int64, types.int64), generate
