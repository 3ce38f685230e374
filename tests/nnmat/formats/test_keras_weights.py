"""Weights files of Keras 3, written here with h5py in its layout; outputs beside Keras's equations in NumPy."""

import numpy as np
import pytest

import nnmat
from nnmat import (
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Embedding,
    Flatten,
    Linear,
    ReLU,
    Sequential,
)
from nnmat.formats.keras_weights import from_keras
from tests.extras import needs

pytestmark = needs("h5py")


def written(path, layers, extra=()):
    """A file as `save_weights` of Keras 3 leaves it: every saveable has a group `vars`, also one without arrays."""
    import h5py

    with h5py.File(path, "w") as file:
        file.create_group("vars")
        for name, arrays in [*layers.items(), *extra]:
            group = file.create_group(f"layers/{name}/vars")
            for number, A in enumerate(arrays):
                group[str(number)] = A
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.weights.h5"


def uniform(rng, *shape):
    return rng.uniform(0.1, 1.0, shape)


def test_a_chain_of_dense_layers(path, rng):
    """Twelve of one shape: `dense_10` stands before `dense_2` in the file."""
    kernels = [rng.standard_normal((4, 4)) for _ in range(12)]
    biases = [rng.standard_normal(4) for _ in range(12)]
    layers = {f"dense_{i}" if i else "dense": [K, b] for i, (K, b) in enumerate(zip(kernels, biases, strict=True))}
    layers |= {"dropout": [], "dropout/seed_generator": [np.zeros(2, np.uint32)], "re_lu": []}
    model = Sequential([Linear(4, 4) for _ in range(12)], input_shape=(4,), dtype=np.float64)
    from_keras(model, written(path, layers))
    X = Y = rng.standard_normal((3, 4))
    for K, b in zip(kernels, biases, strict=True):
        Y = Y @ K + b
    np.testing.assert_allclose(model.forward(X), Y, rtol=1e-10)


def convolved(X, K, b, groups=1):
    """Keras's convolution, valid, of images (B, H, W, Ci) with a kernel (kh, kw, Ci/groups, Co)."""
    kh, kw, inside, out = K.shape
    H, W = X.shape[1] - kh + 1, X.shape[2] - kw + 1
    Y = np.zeros((len(X), H, W, out))
    for o in range(out):
        first = o // (out // groups) * inside
        for a in range(kh):
            for c in range(kw):
                Y[..., o] += X[:, a : a + H, c : c + W, first : first + inside] @ K[a, c, :, o]
    return Y + b


def test_an_image_network(path, rng):
    arrays = {
        "conv2d": [uniform(rng, 3, 2, 2, 6), uniform(rng, 6)],
        "batch_normalization": [uniform(rng, 6) for _ in range(4)],
        "depthwise_conv2d": [uniform(rng, 2, 2, 6, 2), uniform(rng, 12)],
        "conv2d_1": [uniform(rng, 1, 1, 12, 3)],
        "p_re_lu": [uniform(rng, 1, 1, 3)],
        "dense": [uniform(rng, 5 * 5 * 3, 4), uniform(rng, 4)],
        "batch_normalization_1": [uniform(rng, 4) for _ in range(4)],
    }
    layers = [Conv2d(2, 6, (3, 2)), BatchNorm2d(6, eps=1e-3), ReLU(), Conv2d(6, 12, 2, groups=6)]
    layers += [Conv2d(12, 3, 1, bias=False), nnmat.PReLU(3), Flatten(), Linear(None, 4), BatchNorm1d(4, eps=1e-3)]
    model = Sequential(layers, input_shape=(8, 7, 2), dtype=np.float64)
    from_keras(model, written(path, arrays, [("flatten", [])]))
    X = rng.standard_normal((3, 8, 7, 2))

    def norm(Y, gamma, beta, mean, variance):
        return (Y - mean) / np.sqrt(variance + 1e-3) * gamma + beta

    Y = np.maximum(norm(convolved(X, *arrays["conv2d"]), *arrays["batch_normalization"]), 0)
    K, b = arrays["depthwise_conv2d"]
    deep = np.stack([convolved(Y[..., c : c + 1], K[:, :, c : c + 1], 0.0) for c in range(6)], axis=-2)
    Y = convolved(deep.reshape(*deep.shape[:3], 12) + b, arrays["conv2d_1"][0], 0.0)
    Y = np.where(Y > 0, Y, arrays["p_re_lu"][0] * Y).reshape(3, -1)
    Y = norm(Y @ arrays["dense"][0] + arrays["dense"][1], *arrays["batch_normalization_1"])
    np.testing.assert_allclose(model.forward(X), Y, rtol=1e-10)


def test_a_transposed_convolution(path, rng):
    K, b = uniform(rng, 3, 2, 4, 5), uniform(rng, 4)
    model = Sequential([ConvTranspose2d(5, 4, (3, 2), stride=2)], input_shape=(4, 3, 5), dtype=np.float64)
    from_keras(model, written(path, {"conv2d_transpose": [K, b]}))
    X = rng.standard_normal((2, 4, 3, 5))
    Y = np.zeros((2, 9, 6, 4))
    for i in range(4):
        for j in range(3):
            Y[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 2] += np.einsum("bi,acoi->baco", X[:, i, j], K)
    np.testing.assert_allclose(model.forward(X), Y + b, rtol=1e-10)


def sigmoid(X):
    return 1 / (1 + np.exp(-X))


def test_sequences(path, rng):
    table, K = uniform(rng, 9, 3), uniform(rng, 2, 3, 4)
    gru = [rng.standard_normal(s) for s in ((4, 15), (5, 15), (2, 15))]
    lstm = [rng.standard_normal(s) for s in ((5, 24), (6, 24), (24,))]
    simple = [rng.standard_normal(s) for s in ((6, 2), (2, 2), (2,))]
    arrays = {"embedding": [table], "conv1d": [K, np.ones(4)], "gru/cell": gru, "lstm/cell": lstm}
    arrays |= {"simple_rnn/cell": simple, "layer_normalization": [uniform(rng, 2), uniform(rng, 2)]}
    layers = [Embedding(9, 3), Conv1d(3, 4, 2), nnmat.GRU(4, 5), nnmat.LSTM(5, 6), nnmat.RNN(6, 2, last=True)]
    model = Sequential([*layers, nnmat.LayerNorm(2, eps=1e-3)], input_shape=(7,), dtype=np.float64)
    from_keras(model, written(path, arrays))
    tokens = rng.integers(0, 9, (3, 7))
    X = table[tokens]
    X = np.stack([X[:, t] @ K[0] + X[:, t + 1] @ K[1] + 1 for t in range(6)], axis=1)

    def run(X, N, cell, states):
        rows = []
        for t in range(X.shape[1]):
            states = cell(X[:, t], *states)
            rows.append(states[0])
        return np.stack(rows, axis=1)

    def gru_cell(x, h):
        x_z, x_r, x_h = np.split(x @ gru[0] + gru[2][0], 3, axis=1)
        h_z, h_r, h_h = np.split(h @ gru[1] + gru[2][1], 3, axis=1)
        z = sigmoid(x_z + h_z)
        return (z * h + (1 - z) * np.tanh(x_h + sigmoid(x_r + h_r) * h_h),)

    def lstm_cell(x, h, c):
        i, f, g, o = np.split(x @ lstm[0] + h @ lstm[1] + lstm[2], 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    X = run(X, 5, gru_cell, (np.zeros((3, 5)),))
    X = run(X, 6, lstm_cell, (np.zeros((3, 6)), np.zeros((3, 6))))
    X = run(X, 2, lambda x, h: (np.tanh(x @ simple[0] + h @ simple[1] + simple[2]),), (np.zeros((3, 2)),))[:, -1]
    X = (X - X.mean(axis=1, keepdims=True)) / np.sqrt(X.var(axis=1, keepdims=True) + 1e-3)
    X = X * arrays["layer_normalization"][0] + arrays["layer_normalization"][1]
    np.testing.assert_allclose(model.forward(tokens), X, rtol=1e-9, atol=1e-12)


def test_without_biases(path, rng):
    arrays = {"gru/cell": [rng.standard_normal((4, 15)), rng.standard_normal((5, 15))]}
    arrays |= {"lstm/cell": [rng.standard_normal((5, 8)), rng.standard_normal((2, 8))]}
    model = Sequential([nnmat.GRU(4, 5, bias=False), nnmat.LSTM(5, 2, bias=False)], input_shape=(3, 4))
    from_keras(model, written(path, arrays))
    np.testing.assert_array_equal(model[1].weight.value, arrays["lstm/cell"][1].T.astype(np.float32))
    z, r, h = np.split(arrays["gru/cell"][1].T.astype(np.float32), 3)
    np.testing.assert_array_equal(model[0].weight.value, np.concatenate([r, z, h]))


def two(dtype=np.float32):
    return Sequential([Linear(4, 4), Linear(4, 4)], input_shape=(4,), seed=0, dtype=dtype)


def test_nested_models_and_names_of_ones_own(path, rng):
    K = [rng.standard_normal((4, 4)) for _ in range(2)]
    model, before = two(), two().flat_parameters.copy()
    nested = {"sequential/layers/dense": [K[0], np.zeros(4)], "dense": [K[1], np.zeros(4)]}
    with pytest.raises(nnmat.ConfigError, match=r"'layers\.dense', 'layers\.sequential\.layers\.dense' have equal"):
        from_keras(model, written(path, nested))
    assert np.array_equal(model.flat_parameters, before)
    from_keras(model, path, order=["sequential", "dense"])
    np.testing.assert_array_equal(model[1].weight.value, K[1].T.astype(np.float32))
    from_keras(model, path, order=["layers/dense", "layers/sequential/layers/dense"])
    np.testing.assert_array_equal(model[0].weight.value, K[1].T.astype(np.float32))
    with pytest.raises(nnmat.ConfigError, match=r"'layers\.head' is not among"):
        from_keras(model, path, order=["head", "dense"])


def test_equal_layers_on_branches_need_an_order(path, rng):
    """Keras counts the layers of a residual by their depth: its shortcut may stand between those of the block."""
    K = [rng.standard_normal((4, 4)) for _ in range(3)]
    written(path, {name: [A, np.zeros(4)] for name, A in zip(("dense", "dense_1", "dense_2"), K, strict=True)})
    block = Sequential([Linear(4, 4), ReLU(), Linear(4, 4)])
    model = Sequential([nnmat.Residual(block, Linear(4, 4))], input_shape=(4,), seed=0)
    with pytest.raises(nnmat.ConfigError, match=r"^from_keras: .* have equal shapes.*order=\[\.\.\.\]\.$"):
        from_keras(model, path)
    from_keras(model, path, order=["dense", "dense_2", "dense_1"])
    np.testing.assert_array_equal(model[0].shortcut.weight.value, K[1].T.astype(np.float32))
    for order in ("given", 3):
        with pytest.raises(nnmat.ConfigError, match="^from_keras: expected order as a list of names of layers, got"):
            from_keras(model, path, order=order)


def test_optimizers_beside_the_layers_are_passed_over(path, rng):
    import h5py

    K = rng.standard_normal((4, 4))
    written(path, {"dense": [K, np.zeros(4)], "dense_1": [K, np.zeros(4)]})
    with h5py.File(path, "a") as file:
        file["optimizer/vars/0"] = np.zeros((4, 4))
    from_keras(two(), path)


def test_what_does_not_fit_is_named(path, rng):
    K, b = rng.standard_normal((4, 4)), np.zeros(4)
    for layers, error, said in [
        ({"dense": [K, b]}, nnmat.ConfigError, r"nothing for '1\.0' \(4, 4\), '1\.1' \(4,\)"),
        ({"dense": [K, b], "dense_1": [K[:, :3], b]}, nnmat.ConfigError, r"no place for 'layers\.dense_1\.0' \(4, 3\)"),
        ({"dense": [K, b], "dense_1": [K.astype(np.float16), b]}, nnmat.DtypeError, "float16. Pass half=True"),
        ({"dense": [K, b], "dense_1": [1e39 * K, b]}, nnmat.DtypeError, "within the range of float32"),
        ({"dense": [K, b], "dense_1": [K.astype(int), b]}, nnmat.DtypeError, "got int64. Save the model as float32"),
    ]:
        with pytest.raises(error, match=f"^from_keras: .*{said}"):
            from_keras(two(), written(path, layers))
    with pytest.raises(nnmat.ShapeError, match=r"'layers\.dense_1\.0' of shape \(4, 4\) for '1\.0', got \(4, 3\)"):
        from_keras(two(), written(path, {"dense": [K, b], "dense_1": [K[:, :3], b]}), order=["dense", "dense_1"])
    model = two()
    from_keras(model, written(path, {"dense": [K.astype(np.float16), b], "dense_1": [K, b]}), half=True)
    np.testing.assert_array_equal(model[0].weight.value, K.T.astype(np.float16))


@pytest.mark.parametrize(
    "layer",
    [
        lambda: nnmat.MultiHeadAttention(4, 2),
        lambda: nnmat.GatedFeedForward(4, 8),
        lambda: nnmat.ConvTranspose2d(4, 4, 2, groups=2),
    ],
)
def test_layers_that_keras_stores_in_another_way(layer, path):
    shape = (3, 3, 4) if isinstance(layer(), ConvTranspose2d) else (3, 4)
    model = Sequential([layer()], input_shape=shape)
    with pytest.raises(nnmat.ConfigError, match=r"^from_keras: \w+ '0' has (parameters|groups)"):
        from_keras(model, path)
    with pytest.raises(nnmat.ConfigError, match="expected a built model"):
        from_keras(Sequential([Linear(2, 3)]), path)


def test_files_that_are_none(path, rng):
    import h5py

    with pytest.raises(FileNotFoundError):
        from_keras(two(), path)
    path.write_bytes(b"no HDF5")
    with pytest.raises(nnmat.FileFormatError, match="damaged or no HDF5 file"):
        from_keras(two(), path)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["dense"]
        file["dense/dense/kernel:0"] = np.zeros((4, 4))
    with pytest.raises(nnmat.FileFormatError, match="no arrays in groups 'vars'.* Keras 2: save it again"):
        from_keras(two(), path)
    whole = written(path, {"dense": [rng.standard_normal((4, 4)), np.zeros(4)]}).read_bytes()
    for length in range(0, len(whole), len(whole) // 8):
        path.write_bytes(whole[:length])
        with pytest.raises(nnmat.FileFormatError):
            from_keras(two(), path)


@pytest.mark.parametrize("kind", ["soft", "external", "virtual", "raw", "circle"])
def test_nothing_outside_the_file_is_read(kind, path, tmp_path):
    import h5py

    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.ones((4, 4))
    written(path, {"dense": [], "dense_1": [np.ones((4, 4)), np.ones(4)]})
    with h5py.File(path, "a") as file:
        group = file["layers/dense/vars"]
        group["1"] = np.ones(4)
        if kind == "soft":
            group["0"] = h5py.SoftLink("/layers/dense_1/vars/0")
        elif kind == "external":
            group["0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "secret")
        elif kind == "virtual":
            virtual = h5py.VirtualLayout(shape=(4, 4), dtype=np.float64)
            virtual[...] = h5py.VirtualSource(str(tmp_path / "other.h5"), "secret", shape=(4, 4))
            group.create_virtual_dataset("0", virtual)
        elif kind == "raw":
            group.create_dataset("0", (4, 4), np.float64, external=[(str(tmp_path / "other.h5"), 0, 128)])
        else:
            file["layers/dense/again"] = file["layers"]
    with pytest.raises(nnmat.FileFormatError, match=r"not followed|another file|more groups than"):
        from_keras(two(), path)


def test_a_large_claim_takes_no_memory(path):
    import h5py

    with h5py.File(path, "w") as file:
        group = file.create_group("layers/dense/vars")
        group.create_dataset("0", (2**30, 2**20), np.float64, chunks=(1024, 1024))
        group["1"] = np.zeros(4)
    with pytest.raises(nnmat.ConfigError, match="no place for"):
        from_keras(Sequential([Linear(4, 4)], input_shape=(4,)), path)
