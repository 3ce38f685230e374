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


def test_equal_layers_on_branches_need_an_order():
    block = Sequential([Linear(4, 4), ReLU(), Linear(4, 4)])
    model = Sequential([nnmat.Residual(block, Linear(4, 4))], input_shape=(4,), seed=0)
    state = {f"fc{i}.{kind}": A + i for i in range(3) for kind, A in (("weight", np.eye(4)), ("bias", np.zeros(4)))}
    with pytest.raises(nnmat.ConfigError, match=r"^from_torch: .* have equal shapes.*or order='given'"):
        convert.from_torch(model, state)
    with pytest.raises(nnmat.ConfigError, match=r"^to_torch: .* have equal shapes.*Give the module itself\.$"):
        convert.to_torch(model, like=state)
    convert.from_torch(model, state, order="given")
    assert model[0].shortcut.bias.value[0] == 2.0


class BFloat:
    """A tensor of PyTorch's bfloat16, of which NumPy makes no array."""

    dtype = "torch.bfloat16"

    def __init__(self, A):
        self.A = A

    def float(self):
        return self.A

    def __array__(self, *args, **kwargs):
        raise TypeError("Got unsupported ScalarType BFloat16")


def test_tensors_of_bfloat16():
    model = Sequential([Linear(2, 2, bias=False)], input_shape=(2,), seed=0)
    state = {"0.weight": BFloat(np.full((2, 2), 0.5, np.float32))}
    with pytest.raises(nnmat.DtypeError, match=r"'0\.weight' as float32 or float64, got bfloat16.*half=True"):
        convert.from_torch(model, state)
    convert.from_torch(model, state, half=True)
    assert (model[0].weight.value == 0.5).all()


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


# ---- other names, other orders --------------------------------------------------------------------------------------


def plain(depth=12, seed=0, bias=False, width=4):
    """Layers of equal shapes: nothing but names tells them apart."""
    model = Sequential([Linear(width, width, bias=bias) for _ in range(depth)], input_shape=(width,), seed=seed)
    model.flat_parameters[...] = np.random.default_rng(seed).standard_normal(model.flat_parameters.size)
    return model


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("prefix", ["", "net.", "model.net."])
@pytest.mark.parametrize("arrange", [sorted, reversed, list])
def test_a_dictionary_sorted_as_text_loads_by_its_names(bias, prefix, arrange):
    """ "10.weight" stands before "2.weight" there: in order, layer 2 would get the weight of layer 10."""
    model, twin = plain(bias=bias), plain(seed=1, bias=bias)
    state = convert.to_torch(model)
    convert.from_torch(twin, {f"{prefix}{name}": state[name] for name in arrange(list(state))})
    np.testing.assert_array_equal(twin.flat_parameters, model.flat_parameters)


@pytest.mark.parametrize("names", ["blocks.{}.proj", "fc{}", "h{}.net.0", "{}.block.0"])
@pytest.mark.parametrize("bias", [False, True])
def test_numbers_in_the_names_of_a_users_modules(names, bias, rng):
    model, twin = plain(bias=bias), plain(seed=1, bias=bias)
    layers = [names.format(3 * i + 1) for i in range(12)]
    state = {
        f"{layers[int(name.split('.')[0])]}.{name.split('.')[1]}": A for name, A in convert.to_torch(model).items()
    }
    for seed in range(3):
        keys = list(np.random.default_rng(seed).permutation(list(state)))
        convert.from_torch(twin, {name: state[name] for name in map(str, keys)})
        np.testing.assert_array_equal(twin.flat_parameters, model.flat_parameters)
        twin.flat_parameters[...] = 0


def test_a_users_modules_go_by_their_shapes():
    model, twin = cnn(0), cnn(1)
    names = {"0": "conv1", "4": "hidden", "6": "a_head"}
    state = {f"{names[n.split('.')[0]]}.{n.split('.')[1]}": A for n, A in convert.to_torch(model).items()}
    for order in (list(state), sorted(state)):
        convert.from_torch(twin, {name: state[name] for name in order})
        assert np.array_equal(twin.flat_parameters, model.flat_parameters)
        twin.flat_parameters[...] = 0


@pytest.mark.parametrize("names", [["encoder", "decoder"], ["fc", "out"], ["a.1", "b.0"], ["a.conv1", "a.down.0"]])
def test_layers_of_equal_shapes_need_an_order(names):
    model, twin = plain(2), plain(2, seed=1)
    state = dict(zip([f"{name}.weight" for name in names], convert.to_torch(model).values(), strict=True))
    before = twin.flat_parameters.copy()
    with pytest.raises(nnmat.ConfigError, match=rf"'{names[0]}', '{names[1]}' have equal shapes.* order=\[\.\.\.\]"):
        convert.from_torch(twin, state)
    assert np.array_equal(twin.flat_parameters, before)
    for order in ("given", names, [f"{name}.weight" for name in names]):
        twin.flat_parameters[...] = 0
        convert.from_torch(twin, state, order=order)
        assert np.array_equal(twin.flat_parameters, model.flat_parameters)
    convert.from_torch(twin, state, order=names[::-1])
    assert np.array_equal(twin[0].weight.value, model[1].weight.value)
    convert.from_torch(twin, dict.fromkeys(state, np.ones((4, 4))))  # equal numbers: whichever it is


class FromTorch(dict):
    """A dict as PyTorch returns it, which has the order of the modules."""

    _metadata = None


def test_the_order_of_a_state_dict_is_known():
    model, twin = plain(2), plain(2, seed=1)
    state = dict(zip(["encoder.weight", "decoder.weight"], convert.to_torch(model).values(), strict=True))
    convert.from_torch(twin, FromTorch(state))
    assert np.array_equal(twin.flat_parameters, model.flat_parameters)


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (["encoder"], "it lacks those of 'decoder.weight'"),
        (["encoder", "encoder", "decoder"], "'encoder' is named twice"),
        (["encoder", "head"], "'head' is not among the entries"),
        ("text", "as a list of names, or as 'given', got 'text'"),
    ],
)
def test_wrong_orders(order, said):
    state = {"encoder.weight": np.ones((4, 4)), "decoder.weight": np.zeros((4, 4))}
    with pytest.raises(nnmat.ConfigError, match=f"^from_torch: .*{said}"):
        convert.from_torch(plain(2), state, order=order)


def test_what_does_not_fit_is_named():
    model = cnn()
    state = {f"net_{name}": A for name, A in convert.to_torch(model).items()}
    del state["net_4.bias"]
    state["net_9.weight"] = np.zeros((3, 3))
    with pytest.raises(
        nnmat.ConfigError, match=r"no place for 'net_9.weight' \(3, 3\); nothing for '4.bias' \(5,\)\. Both models"
    ):
        convert.from_torch(model, state)


def test_by_names_only_and_in_parts():
    model, twin = cnn(0), cnn(1)
    state, before = convert.to_torch(model), convert.to_torch(twin)
    del state["0.weight"], state["6.bias"]
    with pytest.raises(nnmat.ConfigError, match="nothing for '0.weight'"):
        convert.from_torch(twin, state)
    convert.from_torch(twin, {f"net.{n}": A for n, A in state.items()} | {"head.weight": np.ones(3)}, strict=False)
    for name, A in convert.to_torch(twin).items():
        assert np.array_equal(A, (state if name in state else before)[name]), name
    with pytest.raises(nnmat.ShapeError, match=r"'4.weight' of shape \(5, 27\)"):
        convert.from_torch(twin, {"4.weight": np.ones((5, 3))}, strict=False)
    with pytest.raises(nnmat.ConfigError, match="expected some of the names .* strict=False"):
        convert.from_torch(twin, {"head.weight": np.ones(3)}, strict=False)
    recurrent = Sequential([nnmat.LSTM(2, 3)], input_shape=(4, 2))
    with pytest.raises(nnmat.ConfigError, match=r"expected both biases .* '0\.bias_hh_l0' alone"):
        convert.from_torch(recurrent, {"0.bias_hh_l0": np.ones(12)}, strict=False)


def test_under_the_names_of_a_state_dict():
    model = plain(11, bias=True)
    state = convert.to_torch(model)
    theirs = {
        f"h.{2 * i}.{kind}": np.zeros(state[f"{i}.{kind}"].shape) for i in range(11) for kind in ("bias", "weight")
    }
    found = convert.to_torch(model, like=theirs)
    assert list(found) == list(theirs)
    for i in range(11):
        assert np.array_equal(found[f"h.{2 * i}.weight"], state[f"{i}.weight"])
    with pytest.raises(nnmat.ShapeError, match=r"^to_torch: expected 'n\.3\.bias' of shape \(4,\)"):
        convert.to_torch(model, like={f"n.{name}": A for name, A in state.items()} | {"n.3.bias": np.zeros(5)})


def test_names_that_are_no_texts():
    with pytest.raises(nnmat.ConfigError, match="^from_torch: expected names as texts in the state dict, got 0"):
        convert.from_torch(plain(2), {0: np.ones((4, 4)), 1: np.ones((4, 4))})


def test_safetensors_files_of_pytorch(tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    model, twin = plain(12, bias=True), plain(12, seed=1, bias=True)
    path = tmp_path / "theirs.safetensors"
    save_file({f"net.{name}": A for name, A in convert.to_torch(model).items()}, path)
    convert.from_torch(twin, path)
    assert np.array_equal(twin.flat_parameters, model.flat_parameters)
    save_file({f"net.{name}": A.astype(np.float16) for name, A in convert.to_torch(model).items()}, path)
    with pytest.raises(nnmat.DtypeError, match="^from_torch: .* float16 .* half=True"):
        convert.from_torch(twin, path)
    convert.from_torch(twin, path, half=True)
    np.testing.assert_allclose(twin.flat_parameters, model.flat_parameters, rtol=1e-3, atol=1e-3)


def test_numbers_beyond_float32_are_refused():
    model = plain(2)
    state, before = convert.to_torch(model), model.flat_parameters.copy()
    with pytest.raises(
        nnmat.DtypeError, match="^from_torch: expected numbers of '1.weight' within the range of float32"
    ):
        convert.from_torch(model, state | {"1.weight": np.full((4, 4), 1e39)})
    assert np.array_equal(model.flat_parameters, before)
    convert.from_torch(model, state | {"1.weight": np.full((4, 4), np.inf)})
