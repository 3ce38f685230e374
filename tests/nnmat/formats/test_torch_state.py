"""State dicts of PyTorch: the way there and back, and the errors. Equal outputs are shown in tests/judge."""

import numpy as np
import pytest

import nnmat
from nnmat import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, convert
from tests.composites import TiedAutoencoder


def cnn(seed=0, **options):
    layers = [Conv2d(2, 3, (3, 2), **options), ReLU(), MaxPool2d(2), Flatten(), Linear(None, 5), ReLU(), Linear(5, 2)]
    return Sequential(layers, input_shape=(9, 7, 2), seed=seed)


def test_there_and_back():
    model, twin = cnn(0), cnn(1)
    convert.from_torch(twin, convert.to_torch(model))
    assert np.array_equal(twin.flat_parameters, model.flat_parameters)


def test_the_order_of_axes():
    model = cnn()
    state = convert.to_torch(model)
    assert {name: A.shape for name, A in state.items()} == {
        "0.weight": (3, 2, 3, 2),
        "0.bias": (3,),
        "4.weight": (5, 3 * 3 * 3),
        "4.bias": (5,),
        "6.weight": (2, 5),
        "6.bias": (2,),
    }
    assert state["0.weight"][2, 1, 0, 1] == model[0].weight.value[2, 0, 1, 1]
    image = np.random.default_rng(0).standard_normal((3, 3, 3))  # (H, W, C)
    theirs = state["4.weight"] @ image.transpose(2, 0, 1).ravel()
    np.testing.assert_allclose(theirs, model[4].weight.value @ image.ravel(), rtol=1e-6)
    assert np.array_equal(state["6.weight"], model[6].weight.value)


def test_result_is_a_copy():
    model = cnn()
    state = convert.to_torch(model)
    for A in state.values():
        assert not np.shares_memory(A, model.flat_parameters)


def test_other_prefixes_are_fine():
    model, twin = cnn(0), cnn(1)
    renamed = {f"net.{i}.{name.rpartition('.')[2]}": A for i, (name, A) in enumerate(convert.to_torch(model).items())}
    convert.from_torch(twin, renamed)
    assert np.array_equal(twin.flat_parameters, model.flat_parameters)


def test_errors_leave_the_model_alone():
    model = cnn()
    state, before = convert.to_torch(model), model.flat_parameters.copy()
    with pytest.raises(nnmat.ConfigError, match="expected entries of the kinds"):
        convert.from_torch(model, {k: v for k, v in state.items() if k != "4.bias"})
    with pytest.raises(nnmat.ShapeError, match=r"expected '6.weight' of shape \(2, 5\)"):
        convert.from_torch(model, {k: v + 1 for k, v in state.items()} | {"6.weight": np.zeros((5, 2))})
    with pytest.raises(nnmat.ShapeError, match=r"expected '0.weight' of shape \(3, 2, 3, 2\)"):
        convert.from_torch(model, state | {"0.weight": model[0].weight.value})
    with pytest.raises(nnmat.DtypeError, match=r"got list\. Try np.asarray\(state\[.6.bias.\]\)"):
        convert.from_torch(model, state | {"6.bias": [0.0, 0.0]})
    with pytest.raises(nnmat.ConfigError, match="expected a built Sequential"):
        convert.to_torch(TiedAutoencoder(2).build((3,)))
    assert np.array_equal(model.flat_parameters, before)


def sequence_model(seed=0):
    embedding = nnmat.Embedding(7, 12)
    layers = [embedding, nnmat.PositionalEmbedding(), nnmat.TransformerBlock(12, 3, feed_forward="gated", bias=False)]
    layers += [nnmat.LSTM(12, 12), nnmat.GRU(12, 12), nnmat.RNN(12, 12), nnmat.BatchNorm1d()]
    layers.append(nnmat.Tied(embedding, transpose=True))
    return Sequential(layers, input_shape=(5,), seed=seed)


def test_layers_of_sequences_there_and_back():
    model, twin = sequence_model(0), sequence_model(1)
    rng = np.random.default_rng(0)
    for A in (model.flat_parameters, *model.buffers().values()):
        A[...] = rng.uniform(0.1, 1, A.shape)
    state = convert.to_torch(model)
    assert [name for name in state if name.startswith("2.")] == [
        "2.attention.in_proj_weight",
        "2.attention.out_proj.weight",
        "2.feed_forward.gate.weight",
        "2.feed_forward.up.weight",
        "2.feed_forward.out.weight",
        "2.norm1.weight",
        "2.norm2.weight",
    ]
    assert not state["3.bias_hh_l0"].any()
    assert state["4.bias_hh_l0"].any()
    assert state["6.num_batches_tracked"].dtype == np.int64
    convert.from_torch(twin, state)
    assert np.array_equal(twin.flat_parameters, model.flat_parameters)
    for name, A in twin.buffers().items():
        assert np.array_equal(A, model.buffers()[name]), name


def test_the_second_bias_of_a_recurrent_layer_is_added():
    model = Sequential([nnmat.LSTM(2, 3)], input_shape=(4, 2))
    state = convert.to_torch(model)
    convert.from_torch(model, state | {"0.bias_ih_l0": np.ones(12), "0.bias_hh_l0": np.full(12, 0.5)})
    assert (model[0].in_proj.bias.value == 1.5).all()


def test_a_shared_weight_is_one():
    model = sequence_model()
    state, before = convert.to_torch(model), model.flat_parameters.copy()
    last = list(state)[-1]
    with pytest.raises(nnmat.ConfigError, match=rf"^from_torch: expected '{last}' as another entry has it"):
        convert.from_torch(model, state | {last: state[last] + 1})
    with pytest.raises(
        nnmat.DtypeError, match=r"^from_torch: expected '6.num_batches_tracked' as an array of integers"
    ):
        convert.from_torch(model, state | {"6.num_batches_tracked": np.array(1.5)})
    assert np.array_equal(model.flat_parameters, before)


def channels_first(A):
    """Rows of flattened images (5, 4, 3), as PyTorch has them."""
    return A.reshape(-1, 5, 4, 3).transpose(0, 3, 1, 2).reshape(A.shape)


@pytest.mark.parametrize(
    "norm", [nnmat.BatchNorm1d, nnmat.LayerNorm, nnmat.RMSNorm, lambda: nnmat.GroupNorm(1), nnmat.Dropout]
)
@pytest.mark.parametrize("inside", [False, True])
def test_norms_behind_a_flatten_of_images(norm, inside, rng):
    flatten = nnmat.Residual(Flatten(), Flatten()) if inside else Flatten()
    layers = [flatten, nnmat.Residual(Sequential([norm(), ReLU()])), norm(), Linear(None, 7), nnmat.LayerNorm()]
    model = Sequential(layers, input_shape=(5, 4, 3), dtype=np.float64)
    there = Sequential([nnmat.Residual(Sequential([norm(), ReLU()])), norm(), Linear(None, 7), nnmat.LayerNorm()],
                       input_shape=(60,), dtype=np.float64)  # fmt: skip
    for A in (there.flat_parameters, *(B for B in there.buffers().values() if B.dtype == np.float64)):
        A[...] = rng.uniform(0.1, 1, A.shape)
    state = convert.to_torch(there)
    convert.from_torch(model, state)
    X = rng.standard_normal((6, 5, 4, 3))
    np.testing.assert_allclose(
        model.forward(X), there.forward((1 + inside) * channels_first(X.reshape(6, 60))), rtol=1e-10
    )
    for A, B in zip(convert.to_torch(model).values(), state.values(), strict=True):
        assert np.array_equal(A, B)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: nnmat.GroupNorm(3),
        lambda: nnmat.GroupNorm(3, affine=False),
        lambda: nnmat.Residual(Linear(None, 60)),
        lambda: nnmat.GatedFeedForward(60, 4),
        lambda: nnmat.Concatenate([None, None]),
    ],
)
def test_layers_that_depend_on_the_order_behind_a_flatten_are_refused(layer):
    model = Sequential([Flatten(), layer(), Linear(None, 7)], input_shape=(5, 4, 3))
    for call in (convert.to_torch, lambda m: convert.from_torch(m, {})):
        with pytest.raises(nnmat.ConfigError, match=r"^convert: expected a Linear, or norms .* behind a Flatten of im"):
            call(model)
    gray = Sequential([Flatten(), nnmat.Residual(Linear(None, 20)), Linear(None, 7)], input_shape=(5, 4, 1))
    assert list(convert.to_torch(gray)) == ["1.block.weight", "1.block.bias", "2.weight", "2.bias"]


def test_images_made_of_rows_are_refused_where_the_order_matters():
    model = Sequential([Linear(3, 24), nnmat.Unflatten((2, 3, 4))], input_shape=(3,))
    with pytest.raises(nnmat.ConfigError, match="Unflatten '1' makes images of rows"):
        nnmat.convert.to_torch(model)
    gray = Sequential([Linear(3, 6), nnmat.Unflatten((2, 3, 1))], input_shape=(3,))
    assert list(nnmat.convert.to_torch(gray)) == ["0.weight", "0.bias"]


def test_sequences_made_of_images_have_their_channels_first_there(rng):
    model = Sequential([Flatten(1, 2), Flatten(), Linear(None, 7)], input_shape=(5, 4, 3), dtype=np.float64)
    whole = Sequential([Flatten(), Linear(None, 7)], input_shape=(5, 4, 3), dtype=np.float64)
    whole.flat_parameters[...] = model.flat_parameters
    for A, B in zip(convert.to_torch(model).values(), convert.to_torch(whole).values(), strict=True):
        assert np.array_equal(A, B)


def test_axes_that_pytorch_has_apart_are_refused():
    model = Sequential([Flatten(2, 3), Flatten(), Linear(None, 7)], input_shape=(5, 4, 3))
    with pytest.raises(nnmat.ConfigError, match=r"^convert: Flatten '0' puts columns and channels into one axis"):
        convert.to_torch(model)
    gray = Sequential([Flatten(2, 3), Flatten(), Linear(None, 7)], input_shape=(5, 4, 1))
    assert list(convert.to_torch(gray)) == ["2.weight", "2.bias"]


def test_slopes(rng):
    """Behind a Flatten of images they are renumbered, as columns are; a single one is for all."""
    model = Sequential([nnmat.PReLU(3), Flatten(), nnmat.PReLU(None), nnmat.PReLU()], input_shape=(5, 4, 3))
    model.flat_parameters[...] = rng.standard_normal(model.flat_parameters.size)
    state = convert.to_torch(model)
    assert list(state) == ["0.weight", "2.weight", "3.weight"]
    np.testing.assert_array_equal(state["0.weight"], model[0].slope.value)
    np.testing.assert_array_equal(state["2.weight"], channels_first(model[2].slope.value[None])[0])
    twin = Sequential([nnmat.PReLU(3), Flatten(), nnmat.PReLU(None), nnmat.PReLU()], input_shape=(5, 4, 3))
    convert.from_torch(twin, state)
    np.testing.assert_array_equal(twin.flat_parameters, model.flat_parameters)
