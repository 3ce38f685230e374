"""Models in files: round trips, damage, and files that are never half-written."""

import json
import os
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest

import nnmat
from nnmat import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    BatchNorm1d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    PositionalEmbedding,
    ReLU,
    Sequential,
    Upsample,
)
from tests.composites import Sandwich, TiedAutoencoder, Transposed


def model():
    layers = [Conv2d(1, 2, 3), Sequential([ReLU(), Dropout(0.2)]), Flatten(), Linear(None, 3)]
    return Sequential(layers, input_shape=(5, 5, 1), seed=1)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.npz"
    nnmat.save(model(), path)
    return path


def test_round_trip(saved):
    original, loaded = model(), nnmat.load(saved)
    assert np.array_equal(loaded.flat_parameters, original.flat_parameters)
    assert loaded.summary() == original.summary()
    assert loaded.dtype == np.float32
    X = np.random.default_rng(0).standard_normal((2, 5, 5, 1)).astype(np.float32)
    assert np.array_equal(loaded.forward(X, training=True), original.forward(X, training=True))  # same dropout mask


def test_settings_of_parameters_are_kept(tmp_path):
    m = Sequential([Linear(2, 3)], input_shape=(2,), dtype=np.float64)
    m[0].weight.trainable, m[0].bias.decay = False, True
    nnmat.save(m, tmp_path / "m.npz")
    loaded = nnmat.load(tmp_path / "m.npz")
    assert [(p.trainable, p.decay) for p in loaded.parameters()] == [(False, True), (True, True)]
    assert loaded.dtype == np.float64


def test_layers_of_ones_own(tmp_path):
    own = TiedAutoencoder(3).build((4,), rng=1)
    nnmat.save(own, tmp_path / "own.npz")
    loaded = nnmat.load(tmp_path / "own.npz", layers=[TiedAutoencoder])
    assert np.array_equal(loaded.flat_parameters, own.flat_parameters)
    with pytest.raises(
        nnmat.FileFormatError, match=r"'TiedAutoencoder' that is not known. Pass it: load\(path, layers"
    ):
        nnmat.load(tmp_path / "own.npz")


def test_every_truncation_is_noticed(saved):
    whole = saved.read_bytes()
    for length in [*range(0, len(whole), max(1, len(whole) // 40)), len(whole) - 1]:
        saved.write_bytes(whole[:length])
        with pytest.raises(nnmat.FileFormatError, match="not a complete nnmat model file"):
            nnmat.load(saved)


def test_no_flipped_bit_gives_another_model(saved):
    whole, original = saved.read_bytes(), model()
    rng = np.random.default_rng(0)
    noticed = 0
    for position in rng.choice(len(whole), 150, replace=False):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(rng.integers(8))
        saved.write_bytes(bytes(damaged))
        try:
            loaded = nnmat.load(saved)
        except nnmat.FileFormatError:
            noticed += 1
        else:  # a bit that means nothing, such as a date in the archive
            assert np.array_equal(loaded.flat_parameters, original.flat_parameters)
            assert repr(loaded) == repr(original)
    assert noticed > 100


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    with pytest.raises(FileNotFoundError, match="there is no file"):
        nnmat.load(path)
    path.write_text("hello")
    with pytest.raises(nnmat.FileFormatError, match="not a complete nnmat model file"):
        nnmat.load(path)
    np.savez(path, a=np.ones(3))
    with pytest.raises(nnmat.FileFormatError, match="not a complete nnmat model file"):
        nnmat.load(path)
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(nnmat.FileFormatError, match="not a complete nnmat model file"):
        nnmat.load(path)


def test_arrays_that_do_not_fit_are_refused(saved):
    with np.load(saved) as archive:
        arrays = dict(archive)
    missing = {name: A for name, A in arrays.items() if name != "parameter/3.bias"}
    np.savez(saved, **missing)
    with pytest.raises(nnmat.FileFormatError, match="differing entries: parameter/3.bias"):
        nnmat.load(saved)
    np.savez(saved, **arrays | {"parameter/3.bias": np.zeros(4, np.float32)})
    with pytest.raises(nnmat.FileFormatError, match="differing entries: parameter/3.bias"):
        nnmat.load(saved)


def test_nothing_in_a_file_is_executed(saved):
    class Evil:
        def __reduce__(self):
            return (os._exit, (3,))

    evil = np.array([Evil()], dtype=object)
    with np.load(saved) as archive:
        arrays = dict(archive)
    with zipfile.ZipFile(saved, "w") as archive:
        for name, A in (arrays | {"parameter/3.bias": evil}).items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, A, allow_pickle=True)
    with pytest.raises(nnmat.FileFormatError, match="not a complete nnmat model file"):
        nnmat.load(saved)


def test_a_failed_save_keeps_the_old_file(saved, monkeypatch):
    before = saved.read_bytes()

    def full(*args, **kwargs):
        args[0].write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        nnmat.save(model(), saved)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


def test_where_to_save_is_checked(tmp_path):
    with pytest.raises(nnmat.ConfigError, match=r"ends in \.npz.*Try model.pt.npz"):
        nnmat.save(model(), tmp_path / "model.pt")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        nnmat.save(model(), tmp_path / "none" / "model.npz")
    with pytest.raises(nnmat.ConfigError, match=r"expected a model, got str\. Write save\(model, path\)"):
        nnmat.save("model.npz", model())
    with pytest.raises(nnmat.BuildError, match="not built yet"):
        nnmat.save(Sequential([ReLU()]), tmp_path / "model.npz")


def test_a_root_whose_own_parameter_a_part_uses_too(tmp_path, rng):
    """The parameter has the name that its first user with a path gives it."""
    model = Sandwich(3).build((5,))
    names = [p.name for p in model.parameters()]
    nnmat.save(model, tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as file:
        assert {f"parameter/{name}" for name in names} <= set(file.files)
    loaded = nnmat.load(tmp_path / "model.npz", layers=[Sandwich, Transposed])
    np.testing.assert_array_equal(loaded.flat_parameters, model.flat_parameters)


def claimed(path, architecture, input_shape, **arrays):
    """A small file that says it holds this model."""
    nnmat.save(Sequential([Linear(2, 1)], (2,)), path)
    with np.load(path) as archive:
        header = json.loads(bytes(archive["header"]).decode())
    header |= {"architecture": architecture, "input_shape": input_shape}
    header["entries"] = {name: entry for name, entry in header["entries"].items() if name in arrays}
    np.savez(path, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)


@pytest.mark.parametrize("pooling", [AdaptiveMaxPool2d, AdaptiveAvgPool2d, Upsample])
def test_no_memory_for_a_large_layer_that_is_only_claimed(pooling, tmp_path):
    large = {"type": "Linear", "in_features": 4, "out_features": 200_000_000}
    parts = [pooling((2, 2)).spec(), {"type": "Flatten"}, large]
    claimed(tmp_path / "m.npz", {"type": "Sequential", "layers": parts}, [4, 4, 1])
    tracemalloc.start()
    with pytest.raises(nnmat.FileFormatError, match=r"differing entries: parameter/2.weight"):
        nnmat.load(tmp_path / "m.npz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5e6


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (BatchNorm1d(), [900_000_000]),
        (AdaptiveAvgPool2d((900_000_000, 1)), [2, 2, 1]),
        (Upsample((900_000_000, 1)), [2, 2, 1]),
        (PositionalEmbedding(kind="sinusoidal"), [900_000_000, 2]),
    ],
)
def test_no_memory_for_large_samples_that_are_only_claimed(layer, shape, tmp_path):
    claimed(tmp_path / "m.npz", layer.spec(), shape)
    tracemalloc.start()
    with pytest.raises(nnmat.FileFormatError, match="has [0-9,]+ numbers; at most 268,435,456 are read"):
        nnmat.load(tmp_path / "m.npz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5e6
