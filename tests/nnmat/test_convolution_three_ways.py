"""Convolution as K̂ x, as the product with im2col's patch matrix, and as the fast kernel: one map, three ways."""

import numpy as np
import pytest

import nnmat_kernels as k
from nnmat import khat, khat_pattern


def configurations(groups: bool):
    rng = np.random.default_rng(7)
    found = []
    while len(found) < 25:
        q = int(rng.integers(1, 4)) if groups else 1
        kernel, image, stride, dilation = (tuple(int(n) for n in rng.integers(1, m, 2)) for m in (4, 9, 4, 3))
        padding = tuple(int(n) for n in rng.integers(0, 3, 2))
        if all(n + 2 * p - d * (m - 1) >= 1 for n, p, d, m in zip(image, padding, dilation, kernel, strict=True)):
            Cg, Cog, B = (int(n) for n in rng.integers(1, 4, 3))
            found.append(((q * Cog, *kernel, Cg), (B, *image, q * Cg), (stride, padding, dilation), q))
    return found


@pytest.mark.parametrize(("kernel_shape", "shape", "geometry", "groups"), configurations(groups=True))
def test_the_matrix_and_the_fast_kernels(kernel_shape, shape, geometry, groups):
    rng = np.random.default_rng(0)
    K, X = rng.standard_normal(kernel_shape), rng.standard_normal(shape)
    K_hat = khat(K, shape[1:], *geometry, groups)
    Y = k.conv2d(X, K, None, *geometry, groups)
    x = X.reshape(len(X), -1)
    assert np.allclose(Y.reshape(len(X), -1), x @ K_hat.T, rtol=0, atol=1e-12)

    G = rng.standard_normal(Y.shape)
    g = G.reshape(len(X), -1)
    gX = k.conv2d_input_gradient(G, K, shape, *geometry, groups)
    assert np.allclose(gX.reshape(len(X), -1), g @ K_hat, rtol=0, atol=1e-12)

    gK = k.conv2d_weight_gradient(X, G, kernel_shape, *geometry, groups)
    P = khat_pattern(kernel_shape, shape[1:], *geometry, groups)
    assert np.allclose(gK.ravel(), P.transpose_product((g.T @ x).ravel()), rtol=0, atol=1e-11)


@pytest.mark.parametrize(("kernel_shape", "shape", "geometry", "groups"), configurations(groups=False))
def test_the_matrix_and_the_patch_matrix(kernel_shape, shape, geometry, groups):
    rng = np.random.default_rng(1)
    K, X = rng.standard_normal(kernel_shape), rng.standard_normal(shape)
    K_hat, K_mat = khat(K, shape[1:], *geometry), K.reshape(len(K), -1)
    U = k.im2col(X, kernel_shape[1:3], *geometry)  # (B Ho Wo, kh kw Ci)
    x = X.reshape(len(X), -1)
    assert np.allclose((U @ K_mat.T).reshape(len(X), -1), x @ K_hat.T, rtol=0, atol=1e-12)

    G = rng.standard_normal((len(U), len(K)))  # (B Ho Wo, Co)
    g = G.reshape(len(X), -1)
    gX = k.col2im(G @ K_mat, shape, kernel_shape[1:3], *geometry)
    assert np.allclose(gX.reshape(len(X), -1), g @ K_hat, rtol=0, atol=1e-12)

    P = khat_pattern(kernel_shape, shape[1:], *geometry)
    assert np.allclose((G.T @ U).ravel(), P.transpose_product((g.T @ x).ravel()), rtol=0, atol=1e-11)
