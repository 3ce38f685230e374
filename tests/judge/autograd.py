"""A layer's passes beside those of a function of tensors, by autograd; attention and rotation for such functions."""

import numpy as np
import torch


def close(ours, theirs, what):
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else theirs
    assert ours.shape == theirs.shape, what
    assert np.linalg.norm(ours - theirs) <= 1e-11 * max(np.linalg.norm(theirs), 1e-3), what


def same_passes(layer, X, function, values, rng, training=True):
    """Forward and all gradients of a layer, and of `function(tensors of X, tensors of values)` by autograd.

    `values`: the parameters, by name.
    """
    several = isinstance(X, tuple)
    tensors = [torch.from_numpy(np.ascontiguousarray(A)) for A in (X if several else (X,))]
    tensors = [t.requires_grad_() if t.is_floating_point() else t for t in tensors]
    leaves = {name: torch.from_numpy(np.array(A)).requires_grad_() for name, A in values.items()}
    y = function(tensors, leaves)
    Y = layer.forward(X, training=training, record=True)
    close(Y, y, "output")
    G = rng.standard_normal(Y.shape)
    y.backward(torch.from_numpy(G))
    gX = layer.backward(G)
    for ours, t in zip(gX if several else (gX,), tensors, strict=True):
        if ours is not None:
            close(ours, t.grad, "input gradient")
    gradients = {p.name: p.grad for p in layer.parameters()}
    assert gradients.keys() == leaves.keys()
    largest = max((np.linalg.norm(g) for g in gradients.values()), default=0.0)
    for name, leaf in leaves.items():
        expected = leaf.grad.numpy()
        scale = max(np.linalg.norm(expected), 0.01 * largest)  # that of keys' biases is 0 but for rounding
        assert np.linalg.norm(gradients[name] - expected) <= 1e-11 * scale, name


def drawn(layer, shape, rng):
    """The built layer, and its parameters by name, all drawn anew."""
    layer.build(shape, dtype=np.float64)
    for p in layer.parameters():
        p.value = rng.standard_normal(p.shape) / np.sqrt(p.shape[-1] if len(p.shape) > 1 else 1)
    return layer, {p.name: p.value for p in layer.parameters()}


def torch_attention(Q, K, V, heads, hidden):
    """softmax(Q Kᵀ/√d + M) V head by head; `hidden` (B, 1 or heads, Tq, Tk) is M, and dead rows give 0."""
    Q, K, V = (A.unflatten(2, (heads, -1)).transpose(1, 2) for A in (Q, K, V))
    S = Q @ K.transpose(2, 3) / Q.shape[-1] ** 0.5 + hidden
    dead = torch.isneginf(S).all(dim=3, keepdim=True)
    P = torch.softmax(S.masked_fill(dead, 0.0), dim=3).masked_fill(dead, 0.0)
    return (P @ V).transpose(1, 2).flatten(2)


def turned(A, heads, base=10_000.0):
    """Rotary places with the halves of a head as pairs."""
    B, T, D = A.shape
    d = D // heads
    angle = torch.arange(T, dtype=torch.float64)[:, None] * base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    left, right = A.reshape(B, T, heads, 2, d // 2).unbind(3)
    return torch.stack([left * cos - right * sin, left * sin + right * cos], dim=3).reshape(B, T, D)
