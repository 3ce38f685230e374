"""State dicts of PyTorch's layers, both ways: equal outputs in float64."""

import numpy as np
import pytest
import torch
from torch import nn

import nnmat
from nnmat import (
    GRU,
    LSTM,
    RNN,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Embedding,
    Flatten,
    GroupNorm,
    LayerNorm,
    Linear,
    MaxPool1d,
    MultiHeadAttention,
    PositionalEmbedding,
    ReLU,
    Residual,
    RMSNorm,
    Sequential,
    Tanh,
    Tied,
    TransformerBlock,
    convert,
)


def drawn(module, seed=0):
    """A torch module in float64 with other numbers than the first ones, variances above 0."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double()
    for name, A in module.state_dict().items():
        if A.dtype == torch.float64:
            A.copy_(torch.rand(A.shape, generator=generator, dtype=A.dtype) + (0.1 if "var" in name else -0.4))
    return module.eval()


def both_ways(model, module, other, call=None, X=None):
    """Outputs are equal after from_torch, and after to_torch into another module."""
    call = call or (lambda m, X: m(torch.from_numpy(X)))
    convert.from_torch(model, module)
    Y = model.forward(X)
    for twin in (module, other):
        if twin is other:
            twin.load_state_dict(
                {
                    k: torch.from_numpy(A)
                    for k, A in zip(twin.state_dict(), convert.to_torch(model).values(), strict=True)
                }
            )
        theirs = call(twin, X).detach().numpy()
        np.testing.assert_allclose(Y, theirs, rtol=1e-10, atol=1e-12)
    for A, B in zip(convert.to_torch(model).values(), module.state_dict().values(), strict=True):
        np.testing.assert_array_equal(A, B.numpy())


def images(call):
    return lambda m, X: call(m, torch.from_numpy(X.transpose(0, 3, 1, 2).copy()))


@pytest.mark.parametrize(
    ("ours", "theirs", "shape"),
    [
        (lambda: [LayerNorm(6)], lambda: nn.LayerNorm(6), (5, 6)),
        (lambda: [LayerNorm(6, bias=False)], lambda: nn.LayerNorm(6, bias=False), (5, 6)),
        (lambda: [RMSNorm(6, eps=1e-6)], lambda: nn.RMSNorm(6, eps=1e-6), (5, 6)),
        (lambda: [BatchNorm1d(6)], lambda: nn.BatchNorm1d(6), (6,)),
        (lambda: [BatchNorm1d(6, affine=False)], lambda: nn.BatchNorm1d(6, affine=False), (6,)),
        (lambda: [Residual(Sequential([Linear(6, 6), Tanh()])), Linear(6, 2)], lambda: Skipped(6), (6,)),
    ],
)
def test_layers_of_rows(ours, theirs, shape, rng):
    model = Sequential(ours(), input_shape=shape, dtype=np.float64)
    both_ways(model, drawn(theirs()), drawn(theirs(), 1), X=rng.standard_normal((4, *shape)))


class Skipped(nn.Module):
    """What a residual block is in torch."""

    def __init__(self, width):
        super().__init__()
        self.inner, self.head = nn.Linear(width, width), nn.Linear(width, 2)

    def forward(self, X):
        return self.head(X + torch.tanh(self.inner(X)))


def test_batch_norm_in_a_network_and_after_training(rng):
    layers = [Conv2d(3, 4, 3), BatchNorm2d(4), ReLU(), GroupNorm(2, 4), Flatten(), Linear(None, 5), BatchNorm1d(5)]
    model = Sequential(layers, input_shape=(6, 5, 3), dtype=np.float64)

    def make(seed):
        parts = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.GroupNorm(2, 4), nn.Flatten()]
        return drawn(nn.Sequential(*parts, nn.Linear(48, 5), nn.BatchNorm1d(5)), seed)

    module, X = make(0), rng.standard_normal((7, 6, 5, 3))
    both_ways(model, module, make(1), images(lambda m, X: m(X)), X)
    module.train()
    for _ in range(3):
        model.forward(X, training=True)
        module(torch.from_numpy(X.transpose(0, 3, 1, 2).copy()))
    found = convert.to_torch(model)
    for (key, A), (name, B) in zip(module.state_dict().items(), found.items(), strict=True):
        if "tracked" not in key:
            np.testing.assert_allclose(B, A.numpy(), rtol=1e-10, atol=1e-12, err_msg=name)


def test_sequences_are_flattened_channel_by_channel(rng):
    layers = [Conv1d(3, 4, 3, padding=1), ReLU(), MaxPool1d(2), Conv1d(4, 5, 2), Flatten(), Linear(None, 6)]
    model = Sequential(layers, input_shape=(10, 3), dtype=np.float64)

    def make(seed):
        parts = [nn.Conv1d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(4, 5, 2), nn.Flatten()]
        return drawn(nn.Sequential(*parts, nn.Linear(20, 6)), seed)

    def call(m, X):
        return m(torch.from_numpy(X.transpose(0, 2, 1).copy()))

    both_ways(model, make(0), make(1), call, rng.standard_normal((3, 10, 3)))


def test_a_generator(rng):
    layers = [ConvTranspose2d(7, 6, 4), BatchNorm2d(6), ReLU(), ConvTranspose2d(6, 2, 3, 2, 1, 1, groups=2), Tanh()]
    model = Sequential([*layers, Flatten(), Linear(None, 3)], input_shape=(1, 1, 7), dtype=np.float64)

    def make(seed):
        parts = [nn.ConvTranspose2d(7, 6, 4), nn.BatchNorm2d(6), nn.ReLU()]
        parts += [nn.ConvTranspose2d(6, 2, 3, 2, 1, 1, groups=2), nn.Tanh(), nn.Flatten(), nn.Linear(128, 3)]
        return drawn(nn.Sequential(*parts), seed)

    both_ways(model, make(0), make(1), images(lambda m, X: m(X)), rng.standard_normal((3, 1, 1, 7)))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda: Conv2d(1, 2, 3), lambda: nn.Conv2d(1, 2, 3, stride=2)),
        (lambda: Conv2d(1, 2, 4, padding="same"), lambda: nn.Conv2d(1, 2, 4, padding=1)),
        (lambda: Conv2d(1, 2, 3, padding=1), lambda: nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular")),
        (lambda: ConvTranspose2d(1, 2, 3, 2, output_padding=1), lambda: nn.ConvTranspose2d(1, 2, 3, 2)),
        (lambda: nnmat.MaxPool2d(2, ceil_mode=True), lambda: nn.MaxPool2d(2)),
        (lambda: nnmat.AvgPool2d(2, padding=1), lambda: nn.AvgPool2d(2, padding=1, count_include_pad=False)),
        (lambda: nnmat.Upsample(scale_factor=2), lambda: nn.Upsample(scale_factor=2, mode="bilinear")),
        (lambda: nnmat.AdaptiveAvgPool2d((1, 2)), lambda: nn.AdaptiveAvgPool2d(1)),
    ],
)
def test_windows_of_other_options_are_refused(ours, theirs):
    model = Sequential([ours()], input_shape=(9, 9, 1))
    with pytest.raises(
        nnmat.ConfigError, match=r"^from_torch: expected \w+ with \w+=.*, that of \w+ '0', got .* something"
    ):
        convert.from_torch(model, theirs())


@pytest.mark.parametrize(
    ("ours", "shape", "theirs"),
    [
        (lambda: Conv2d(1, 2, 3, padding=1), (9, 9, 1), lambda: nn.Conv2d(1, 2, 3, padding="same")),
        (lambda: Conv2d(1, 2, (5, 3), padding="same"), (9, 9, 1), lambda: nn.Conv2d(1, 2, (5, 3), padding=(2, 1))),
        (lambda: Conv2d(1, 2, 3), (9, 9, 1), lambda: nn.Conv2d(1, 2, 3, padding="valid")),
        (lambda: Conv1d(1, 2, 3, padding=1), (9, 1), lambda: nn.Conv1d(1, 2, 3, padding="same")),
        (lambda: Conv1d(1, 2, 3, 2, (1, 1)), (9, 1), lambda: nn.Conv1d(1, 2, 3, 2, 1)),
        (lambda: MaxPool1d(2), (9, 1), lambda: nn.MaxPool1d(2)),
        (lambda: nnmat.AvgPool2d((2, 2), padding=1), (9, 9, 1), lambda: nn.AvgPool2d(2, padding=1)),
        (lambda: nnmat.Upsample(scale_factor=(2, 2)), (9, 9, 1), lambda: nn.Upsample(scale_factor=2)),
        (lambda: nnmat.Upsample((4, 5), mode="bilinear"), (9, 9, 1), lambda: nn.Upsample((4, 5), mode="bilinear")),
        (lambda: nnmat.AdaptiveMaxPool2d((None, 3)), (9, 9, 1), lambda: nn.AdaptiveMaxPool2d((None, 3))),
    ],
)
def test_windows_of_the_same_options_are_taken(ours, shape, theirs):
    convert.from_torch(Sequential([ours()], input_shape=shape), theirs())


@pytest.mark.parametrize("bias", [True, False])
def test_self_attention(bias, rng):
    model = Sequential([MultiHeadAttention(12, 3, bias=bias)], input_shape=(5, 12), dtype=np.float64)

    def make(seed):
        return drawn(nn.MultiheadAttention(12, 3, bias=bias, batch_first=True), seed)

    def call(m, X):
        A = torch.from_numpy(X)
        return m(A, A, A)[0]

    assert list(convert.to_torch(model)) == [
        "0.in_proj_weight",
        *["0.in_proj_bias"] * bias,
        "0.out_proj.weight",
        *["0.out_proj.bias"] * bias,
    ]
    both_ways(model, make(0), make(1), call, rng.standard_normal((2, 5, 12)))


@pytest.mark.parametrize("width", [12, 8])
def test_cross_attention(width, rng):
    """Weights of three layers here; packed there, unless the keys have another width."""
    attention = MultiHeadAttention(12, 3, cross=True, key_features=width)
    model = Sequential([attention], input_shape=((5, 12), (4, width)), dtype=np.float64)

    def make(seed):
        return drawn(nn.MultiheadAttention(12, 3, kdim=width, vdim=width, batch_first=True), seed)

    def call(m, X):
        A, B = map(torch.from_numpy, X)
        return m(A, B, B)[0]

    X = rng.standard_normal((2, 5, 12)), rng.standard_normal((2, 4, width))
    both_ways(model, make(0), make(1), call, X)


@pytest.mark.parametrize("bias", [True, False])
def test_a_transformer_block(bias, rng):
    block = TransformerBlock(12, 3, 20, bias=bias)
    model = Sequential([block], input_shape=(5, 12), dtype=np.float64)

    def make(seed):
        layer = nn.TransformerEncoderLayer(
            12, 3, 20, dropout=0.0, activation="gelu", batch_first=True, norm_first=True, bias=bias
        )
        return drawn(layer, seed)

    X = rng.standard_normal((2, 5, 12))
    both_ways(model, make(0).train(), make(1).train(), None, X)  # in training it takes no other way


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("ours", "theirs"), [(RNN, nn.RNN), (LSTM, nn.LSTM), (GRU, nn.GRU)])
def test_recurrent_layers(ours, theirs, bias, rng):
    model = Sequential([ours(4, 6, bias)], input_shape=(5, 4), dtype=np.float64)
    module = drawn(theirs(4, 6, bias=bias, batch_first=True))
    convert.from_torch(model, module)
    X = rng.standard_normal((2, 5, 4))
    np.testing.assert_allclose(model.forward(X), module(torch.from_numpy(X))[0].detach().numpy(), rtol=1e-10)
    state = {name.removeprefix("0."): torch.from_numpy(A) for name, A in convert.to_torch(model).items()}
    other = drawn(theirs(4, 6, bias=bias, batch_first=True), 1)
    other.load_state_dict(state)
    np.testing.assert_allclose(model.forward(X), other(torch.from_numpy(X))[0].detach().numpy(), rtol=1e-10)


class LanguageModel(nn.Module):
    """A tied head: its weight is in the state dict twice."""

    def __init__(self):
        super().__init__()
        self.table, self.places = nn.Embedding(7, 12), nn.Embedding(5, 12)
        layer = nn.TransformerEncoderLayer(12, 3, 48, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
        self.block, self.norm, self.head = layer, nn.LayerNorm(12), nn.Linear(12, 7, bias=False)
        self.head.weight = self.table.weight

    def forward(self, X):
        hidden = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
        H = self.block(self.table(X) + self.places.weight, src_mask=hidden)
        return self.head(self.norm(H))


def test_a_language_model_with_a_tied_head(rng):
    embedding = Embedding(7, 12)
    layers = [embedding, PositionalEmbedding(), TransformerBlock(12, 3, causal=True), LayerNorm(12)]
    model = Sequential([*layers, Tied(embedding, transpose=True)], input_shape=(5,), dtype=np.float64)
    X = rng.integers(0, 7, (3, 5))
    module, other = drawn(LanguageModel()).train(), drawn(LanguageModel(), 1).train()
    both_ways(model, module, other, None, X)
    state, before = convert.to_torch(model), model.flat_parameters.copy()
    with pytest.raises(nnmat.ConfigError, match=r"^from_torch: expected '4\..*weight' as another entry has it"):
        convert.from_torch(model, {**state, list(state)[-1]: state["0.weight"] + 1})
    assert (model.flat_parameters == before).all()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (BatchNorm1d, lambda: nn.BatchNorm1d(60)),
        (LayerNorm, lambda: nn.LayerNorm(60)),
        (lambda: RMSNorm(eps=1e-6), lambda: nn.RMSNorm(60, eps=1e-6)),
        (lambda: GroupNorm(1), lambda: nn.GroupNorm(1, 60)),
    ],
)
def test_norms_behind_a_flatten_of_images(ours, theirs, rng):
    model = Sequential([Flatten(), ours(), Linear(None, 7)], input_shape=(5, 4, 3), dtype=np.float64)
    first, second = (drawn(nn.Sequential(nn.Flatten(), theirs(), nn.Linear(60, 7)), seed) for seed in (0, 1))
    both_ways(model, first, second, images(lambda m, X: m(X)), rng.standard_normal((3, 5, 4, 3)))


@pytest.mark.parametrize(
    ("ours", "shape", "theirs"),
    [
        (lambda: RNN(8, 3), (5, 8), lambda: nn.RNN(8, 3, nonlinearity="relu")),
        (lambda: TransformerBlock(8, 2, 7), (5, 8), lambda: nn.TransformerEncoderLayer(8, 2, 7, activation="gelu")),
        (lambda: TransformerBlock(8, 2, 7), (5, 8), lambda: nn.TransformerEncoderLayer(8, 2, 7, norm_first=True)),
        (
            lambda: TransformerBlock(8, 2, 7, feed_forward="gelu_tanh"),
            (5, 8),
            lambda: nn.TransformerEncoderLayer(8, 2, 7, norm_first=True, activation="gelu"),
        ),
        (LayerNorm, (5,), lambda: nn.LayerNorm(5, eps=0.5)),
        (RMSNorm, (5,), lambda: nn.RMSNorm(5)),
    ],
)
def test_modules_of_other_options_are_refused(ours, shape, theirs):
    model = Sequential([ours()], input_shape=shape)
    before = model.flat_parameters.copy()
    with pytest.raises(nnmat.ConfigError, match=r"^from_torch: expected \w+ with .* It computes something else"):
        convert.from_torch(model, theirs())
    assert (model.flat_parameters == before).all()


# ---- names and orders of real modules -----------------------------------------------------------------------------


class Named(nn.Module):
    """Layers of one shape, defined in the order in which they are used, whose names are sorted otherwise."""

    def __init__(self):
        super().__init__()
        self.start, self.middle, self.head = (nn.Linear(4, 4) for _ in range(3))

    def forward(self, X):
        return self.head(torch.tanh(self.middle(torch.tanh(self.start(X)))))


def named():
    layers = [Linear(4, 4), Tanh(), Linear(4, 4), Tanh(), Linear(4, 4)]
    return Sequential(layers, input_shape=(4,), dtype=np.float64)


def test_the_order_of_a_module_and_of_its_state_dict_is_known(tmp_path, rng):
    module, X = drawn(Named()), rng.standard_normal((3, 4))
    expected = module(torch.from_numpy(X)).detach().numpy()
    torch.save(module.state_dict(), tmp_path / "m.pt")
    for state in (module, module.state_dict(), torch.load(tmp_path / "m.pt", weights_only=True)):
        model = named()
        convert.from_torch(model, state)
        np.testing.assert_allclose(model.forward(X), expected, rtol=1e-10)


def test_a_sorted_dictionary_of_a_users_module_is_refused_or_told(rng):
    module, X = drawn(Named()), rng.standard_normal((3, 4))
    state = dict(sorted(module.state_dict().items()))
    model = named()
    with pytest.raises(nnmat.ConfigError, match=r"'head', 'middle', 'start' have equal shapes"):
        convert.from_torch(model, state)
    convert.from_torch(model, state, order=["start", "middle", "head"])
    np.testing.assert_allclose(model.forward(X), module(torch.from_numpy(X)).detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize("bias", [False, True])
def test_a_sorted_dictionary_of_a_long_chain(bias, rng):
    module = drawn(nn.Sequential(*(nn.Linear(4, 4, bias=bias) for _ in range(13))))
    model = Sequential([Linear(4, 4, bias=bias) for _ in range(13)], input_shape=(4,), dtype=np.float64)
    convert.from_torch(model, dict(sorted(module.state_dict().items())))
    X = rng.standard_normal((3, 4))
    np.testing.assert_allclose(model.forward(X), module(torch.from_numpy(X)).detach().numpy(), rtol=1e-10)


def test_back_under_the_names_of_the_module(rng):
    module, model = drawn(Named()), named()
    model.flat_parameters[...] = rng.standard_normal(model.flat_parameters.size)
    found = convert.to_torch(model, like=module)
    module.load_state_dict({name: torch.from_numpy(A) for name, A in found.items()})
    X = rng.standard_normal((3, 4))
    np.testing.assert_allclose(model.forward(X), module(torch.from_numpy(X)).detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_safetensors_files_that_torch_wrote(dtype, tmp_path, rng):
    save_file = pytest.importorskip("safetensors.torch").save_file
    parts = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4 * 3, 5)]
    module = drawn(nn.Sequential(*parts)).to(dtype)
    save_file({f"net.{name}": A for name, A in module.state_dict().items()}, tmp_path / "m.safetensors")
    layers = [Conv2d(3, 4, 3), BatchNorm2d(4), ReLU(), Flatten(), Linear(None, 5)]
    model = Sequential(layers, input_shape=(6, 5, 3), dtype=np.float64)
    convert.from_torch(model, tmp_path / "m.safetensors", half=dtype != torch.float32)
    X = rng.standard_normal((2, 6, 5, 3))
    theirs = module.double()(torch.from_numpy(X.transpose(0, 3, 1, 2).copy())).detach().numpy()
    np.testing.assert_allclose(model.forward(X), theirs, rtol=1e-9)
