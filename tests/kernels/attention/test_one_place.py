"""A Transformer block for one place against its equations."""

import numpy as np
import pytest

from nnmat_kernels import unchecked as k
from nnmat_kernels.attention.one_place import BlockWeights
from nnmat_kernels.reference.attention import one_place as twin

D, H, T, HEADS = 12, 22, 5, 3


def weights(rng, dtype, bias, gated, rotary, gain=True):
    def draw(*shape):
        return (0.5 * rng.standard_normal(shape)).astype(dtype)

    none, no_rows = np.empty(0, dtype), np.empty((0, D), dtype)
    shifts = [draw(n) if bias else none for n in (D, 3 * D, D, D, H, H, D)]
    angles = rng.uniform(0, 6, (T, D // HEADS // 2)) if rotary else np.empty((0, 0))
    return BlockWeights(
        gain1=draw(D) if gain else none, shift1=shifts[0], in_weight=draw(3 * D, D), in_bias=shifts[1],
        out_weight=draw(D, D), out_bias=shifts[2], gain2=draw(D) if gain else none, shift2=shifts[3], up=draw(H, D),
        up_bias=shifts[4], gate=draw(H, D) if gated else no_rows, gate_bias=shifts[5] if gated else none,
        down=draw(D, H), down_bias=shifts[6], cosines=np.cos(angles).astype(dtype), sines=np.sin(angles).astype(dtype),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize(("bias", "centre"), [(True, True), (False, True), (False, False)])
def test_it_equals_its_twin(dtype, gated, rotary, bias, centre, rng):
    w = weights(rng, dtype, bias, gated, rotary, gain=centre)
    keys, values = np.zeros((2, T, D), dtype)
    keys_twin, values_twin = np.zeros((2, T, D))
    scratch, close = np.empty(5 * D + T + 2 * H, dtype), 2e-4 if dtype == np.float32 else 1e-11
    for place in range(T):
        x = rng.standard_normal(D).astype(dtype)
        y = k.block_at_place(x, w, keys, values, place, HEADS, 1e-5, centre, scratch, np.empty(D, dtype))
        expected = twin.block_at_place(x.astype(np.float64), w, keys_twin, values_twin, place, HEADS, 1e-5, centre)
        np.testing.assert_allclose(y, expected, rtol=close, atol=close)
        np.testing.assert_allclose(keys, keys_twin, rtol=close, atol=close)
        np.testing.assert_allclose(values, values_twin, rtol=close, atol=close)


def test_nan_is_not_hidden(rng):
    w = weights(rng, np.float64, True, False, False)
    keys, values = np.zeros((2, T, D))
    x = np.ones(D)
    x[3] = np.nan
    scratch, y = np.empty(5 * D + T + 2 * H), np.empty(D)
    assert np.isnan(k.block_at_place(x, w, keys, values, 0, HEADS, 1e-5, True, scratch, y)).all()
