"""Optimizers on a model: updates, weight decay by kind, clipping, schedules, frozen parameters, state."""

import json

import numpy as np
import pytest

from nnmat import SGD, Adagrad, Adam, AdamW, Linear, Lion, NAdam, RMSProp, Sequential, Sigmoid
from nnmat.errors import BuildError, ConfigError, DtypeError, ShapeError
from nnmat.optimizers import Optimizer
from nnmat.schedules import Cosine, Step

MAKERS = {
    "SGD": lambda m, **o: SGD(m, **{"lr": 0.1, **o}),
    "SGD momentum": lambda m, **o: SGD(m, **{"lr": 0.1, "momentum": 0.9, "dampening": 0.1, **o}),
    "SGD nesterov": lambda m, **o: SGD(m, **{"lr": 0.1, "momentum": 0.9, "nesterov": True, **o}),
    "Adam": lambda m, **o: Adam(m, **{"lr": 0.01, **o}),
    "AdamW": lambda m, **o: AdamW(m, **{"lr": 0.01, **o}),
    "Adam amsgrad": lambda m, **o: Adam(m, **{"lr": 0.01, "amsgrad": True, **o}),
    "NAdam": lambda m, **o: NAdam(m, **{"lr": 0.01, **o}),
    "NAdam decoupled": lambda m, **o: NAdam(m, **{"lr": 0.01, "decoupled": True, **o}),
    "Adagrad": lambda m, **o: Adagrad(m, **{"lr": 0.2, **o}),
    "Lion": lambda m, **o: Lion(m, **{"lr": 0.008, **o}),
    "RMSProp": lambda m, **o: RMSProp(m, **{"lr": 0.01, **o}),
    "RMSProp centered": lambda m, **o: RMSProp(m, **{"lr": 0.01, "centered": True, "momentum": 0.9, **o}),
}


def make_model(dtype=np.float64, seed=0):
    return Sequential([Linear(5, 4), Sigmoid(), Linear(4, 3)], input_shape=(5,), seed=seed, dtype=dtype)


def draw(model, rng):
    model.flat_gradients[...] = rng.normal(size=model.flat_gradients.size)


def by_name(model):
    return {p.name: p for p in model.parameters()}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_optimizer_lowers_a_quadratic(name, dtype):
    model = make_model(dtype)
    optimizer = MAKERS[name](model)
    theta = model.flat_parameters
    start = np.linalg.norm(theta)
    for _ in range(300):
        model.flat_gradients[...] = theta  # f = |theta|^2 / 2
        optimizer.step()
    assert model.flat_parameters is theta
    assert theta.dtype == dtype
    assert np.linalg.norm(theta) < 0.1 * start
    assert optimizer.steps == 300


@pytest.mark.parametrize("name", MAKERS)
def test_decay_by_kind_and_frozen_parameters(name, rng):
    """Each parameter moves as if it were alone with its own settings, whatever stands next to it."""
    model, alone = make_model(), {}
    by_name(model)["0.weight"].trainable = False
    decay = {"weight": 0.1, "bias": 0.03}
    optimizer = MAKERS[name](model, weight_decay=decay)
    for p in model.parameters():
        single = Sequential([Linear(1, p.value.size, bias=False)], input_shape=(1,), dtype=np.float64)
        single.flat_parameters[...] = p.value.reshape(-1)
        alone[p.name] = single, MAKERS[name](single, weight_decay=decay[p.name.rpartition(".")[2]])
    frozen = by_name(model)["0.weight"].value.copy()
    for _ in range(5):
        draw(model, rng)
        optimizer.step()
        for p in model.parameters():
            single, own = alone[p.name]
            single.flat_gradients[...] = p.grad.reshape(-1)
            own.step()
    for p in model.parameters():
        if p.name == "0.weight":
            assert (p.value == frozen).all()
        else:
            np.testing.assert_array_equal(p.value.reshape(-1), alone[p.name][0].flat_parameters)


def test_a_number_decays_weights_and_not_biases():
    model = make_model()
    model.flat_parameters[...] = 1.0
    model.flat_gradients[...] = 0.0
    SGD(model, lr=0.5, weight_decay=0.1).step()
    for p in model.parameters():
        assert np.allclose(p.value, 0.95 if p.name.endswith("weight") else 1.0, rtol=1e-15)


def test_neighbours_of_equal_settings_are_one_kernel_call():
    model = make_model()
    assert len(SGD(model).segments()) == 1
    optimizer = SGD(model, weight_decay=0.1)
    assert [s.weight_decay for s in optimizer.segments()] == [0.1, 0.0]  # all weights, then all biases
    by_name(model)["2.weight"].decay = False
    assert sum(s.part.stop - s.part.start for s in optimizer.segments() if s.weight_decay == 0) == 4 + 3 + 12
    by_name(model)["0.weight"].trainable = False
    assert sum(s.part.stop - s.part.start for s in optimizer.segments()) == 12 + 4 + 3


def test_flags_that_change_between_steps_are_followed(rng):
    model = make_model()
    optimizer = Adam(model)
    weight = by_name(model)["0.weight"]
    draw(model, rng)
    optimizer.step()
    weight.trainable = False
    kept = weight.value.copy()
    optimizer.step()
    assert (weight.value == kept).all()
    weight.trainable = True
    optimizer.step()
    assert (weight.value != kept).all()


def test_clipping_by_the_global_norm(rng):
    model = make_model()
    draw(model, rng)
    g, before = model.flat_gradients.copy(), model.flat_parameters.copy()
    n = np.linalg.norm(g)
    optimizer = SGD(model, lr=1.0, clip_norm=0.5)
    assert optimizer.gradient_norm() == pytest.approx(n, rel=1e-14)
    optimizer.step()
    np.testing.assert_allclose(before - model.flat_parameters, g * 0.5 / (n + 1e-6), rtol=1e-10)
    assert (model.flat_gradients == g).all()
    # a norm that the caller knows is used as it is; a gradient below the limit is left alone
    model.flat_parameters[...] = 0
    optimizer.step(gradient_norm=2.0 - 1e-6)
    np.testing.assert_allclose(model.flat_parameters, -g * 0.25, rtol=1e-14)
    model.flat_parameters[...] = 0
    SGD(model, lr=1.0, clip_norm=n + 1).step()
    assert (model.flat_parameters == -g).all()


def test_the_norm_counts_trainable_parameters_only(rng):
    model = make_model()
    draw(model, rng)
    weight = by_name(model)["0.weight"]
    weight.trainable = False
    rest = np.concatenate([p.grad.reshape(-1) for p in model.parameters() if p is not weight])
    norm = SGD(model).gradient_norm()
    assert norm == pytest.approx(np.linalg.norm(rest), rel=1e-14)
    assert SGD(model, weight_decay=0.1).gradient_norm() == norm  # the same bits, whatever the decay
    weight.grad[...] = np.nan
    assert SGD(model).gradient_norm() == norm
    model.flat_gradients[-1] = np.nan
    assert np.isnan(SGD(model).gradient_norm())


def test_a_gradient_that_is_not_finite_is_not_hidden_by_clipping():
    for bad in (np.nan, np.inf):
        model = make_model()
        model.flat_gradients[3] = bad
        SGD(model, clip_norm=1.0).step()
        assert not np.isfinite(model.flat_parameters[3])


def test_schedules_go_by_step():
    model = make_model()
    model.flat_gradients[...] = 1.0
    optimizer = SGD(model, lr=Step(0.4, every=2, factor=0.5))
    rates, moves = [], []
    for _ in range(4):
        rates.append(optimizer.lr)
        before = model.flat_parameters[0]
        optimizer.step()
        moves.append(before - model.flat_parameters[0])
    assert rates == [0.4, 0.4, 0.2, 0.2]
    assert moves == pytest.approx(rates, rel=1e-12)
    optimizer.lr = 0.25
    assert optimizer.lr == 0.25
    with pytest.raises(
        ConfigError, match=r"^SGD: expected a finite learning rate >= 0, the schedule gave nan for step 0"
    ):
        SGD(model, lr=lambda k: float("nan")).step()


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_state_continues_with_the_same_bits(name, dtype, rng):
    options = {"lr": Cosine(0.1, 20), "weight_decay": 0.01, "clip_norm": 1.0}
    whole, resumed = make_model(dtype), make_model(dtype, seed=1)
    first, second = MAKERS[name](whole, **options), MAKERS[name](resumed, **options)
    for k in range(8):
        if k == 4:
            resumed.flat_parameters[...] = whole.flat_parameters
            state = first.state()
        draw(whole, rng)
        first.step()
        if k == 4:  # after a step of the first, which must not have changed the state
            second.load_state(state)
        if k >= 4:
            resumed.flat_gradients[...] = whole.flat_gradients
            second.step()
    assert whole.flat_parameters.tobytes() == resumed.flat_parameters.tobytes()
    assert first.steps == second.steps == 8
    assert first.lr == second.lr
    for key, value in first.state().items():
        assert np.array_equal(value, second.state()[key])
    assert json.loads(json.dumps(first.config())) == second.config()


def test_state_errors():
    model = make_model()
    optimizer = Adam(model)
    state = optimizer.state()
    for change, kind, text in [
        ({"steps": -1}, ConfigError, r"^Adam: expected steps in the state as an integer >= 0, got -1"),
        ({"steps": 1.5}, ConfigError, r"^Adam: expected steps in the state"),
        (
            {"more": 1},
            ConfigError,
            r"^Adam: expected a state with \['mean', 'schedule', 'square', 'steps'\].*another kind",
        ),
        ({"schedule": {"kind": "function", "name": "f"}}, ConfigError, r"^Adam: expected the schedule .*'f'.*Set lr"),
        ({"schedule": {"kind": "Cosine"}}, ConfigError, r"^Adam: expected the schedule"),
        ({"mean": np.zeros(3)}, ShapeError, r"^Adam: expected mean in the state of shape \(39,\), got \(3,\)"),
        ({"square": np.zeros(39, "f4")}, DtypeError, r"^Adam: expected square in the state of dtype float64"),
    ]:
        with pytest.raises(kind, match=text):
            optimizer.load_state({**state, **change})
    optimizer.load_state({**state, "steps": np.int64(3)})
    assert optimizer.steps == 3
    assert type(optimizer.steps) is int


def test_option_errors():
    model = make_model()
    for make, text in [
        (lambda: SGD(model, lr=-1), r"^SGD: expected lr as a finite number >= 0, got -1"),
        (lambda: SGD(model, lr="0.1"), r"^SGD: expected lr as a number or a schedule, got '0.1'"),
        (lambda: SGD(model, momentum=1.0), r"^SGD: expected momentum as a number from 0 to below 1, got 1.0"),
        (lambda: SGD(model, nesterov=True), r"^SGD: expected momentum > 0 and dampening = 0 with nesterov=True"),
        (lambda: SGD(model, momentum=0.9, nesterov=True, dampening=0.1), r"with nesterov=True, .*dampening=0.1"),
        (lambda: SGD(model, nesterov=1), r"^SGD: expected nesterov as True or False, got 1"),
        (lambda: SGD(model, weight_decay=-0.1), r"^SGD: expected weight_decay as a finite number >= 0, got -0.1"),
        (lambda: SGD(model, weight_decay={"wieght": 0.1}), r"kinds of parameters \(bias, weight\), got 'wieght'"),
        (lambda: SGD(model, weight_decay={"weight": None}), r"^SGD: expected weight_decay\['weight'\] as a finite"),
        (lambda: SGD(model, clip_norm=-1), r"^SGD: expected clip_norm as a finite number >= 0, got -1"),
        (lambda: Adam(model, betas=0.9), r"^Adam: expected betas as two numbers, got 0.9"),
        (lambda: AdamW(model, betas=(0.9, 1.0)), r"^AdamW: expected betas\[1\] as a number from 0 to below 1, got 1.0"),
        (lambda: Adam(model, eps=-1e-8), r"^Adam: expected eps as a finite number > 0, got -1e-08"),
        (lambda: AdamW(model, eps=0), r"^AdamW: expected eps as a finite number > 0, got 0"),
        (lambda: RMSProp(model, eps=0.0), r"^RMSProp: expected eps as a finite number > 0, got 0.0"),
        (lambda: RMSProp(model, alpha=1), r"^RMSProp: expected alpha as a number from 0 to below 1, got 1"),
    ]:
        with pytest.raises(ConfigError, match=text):
            make()
    with pytest.raises(BuildError, match="not built yet"):
        SGD(Linear(2, 3))


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("clip", [None, 0.5])
def test_uphill_is_downhill_by_the_negative_gradient(name, clip, rng):
    models = make_model(), make_model()
    optimizers = [MAKERS[name](m, clip_norm=clip, maximize=up) for m, up in zip(models, (True, False), strict=True)]
    for _ in range(4):
        draw(models[0], rng)
        models[1].flat_gradients[...] = -models[0].flat_gradients
        for optimizer in optimizers:
            optimizer.step()
    np.testing.assert_array_equal(models[0].flat_parameters, models[1].flat_parameters)
    assert optimizers[0].config()["maximize"] is True
    assert "maximize" not in optimizers[1].config()


def test_repr_names_the_settings():
    assert repr(Adam(make_model(), lr=Cosine(0.1, 5))) == (
        "Adam(lr=Cosine(lr=0.1, steps=5, final=0.0), betas=[0.9, 0.999], eps=1e-08, weight_decay=0.0, clip_norm=None)"
    )


def test_an_optimizer_of_ones_own(rng):
    class Sign(Optimizer):
        """θ ← θ - η sign(g + λθ)."""

        def __init__(self, model, lr, weight_decay=0.0):
            super().__init__(model, lr, weight_decay, None, [])

        def update(self, segment, lr, scale):
            segment.values[...] -= lr * np.sign(scale * segment.gradients + segment.weight_decay * segment.values)

        def settings(self):
            return {}

    model = make_model()
    draw(model, rng)
    before = model.flat_parameters.copy()
    optimizer = Sign(model, 0.25)
    optimizer.step()
    np.testing.assert_array_equal(model.flat_parameters, before - 0.25 * np.sign(model.flat_gradients))
    assert repr(optimizer) == "Sign(lr=Constant(lr=0.25), weight_decay=0.0, clip_norm=None)"


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("_update", r"update\(self, segment, lr, scale\)"),
        ("_settings", r"settings\(self\)"),
        ("stretches", r"segments\(self\)"),
    ],
)
def test_an_optimizer_with_an_old_method_is_refused_when_it_is_made(name, new):
    with pytest.raises(ConfigError, match=rf"^Mine: expected {new}, got {name}, which stood for it"):
        type("Mine", (Optimizer,), {name: lambda self: None})


def test_only_a_model_is_taken():
    model = make_model()
    for other in (model.parameters(), model.flat_parameters, None):
        with pytest.raises(ConfigError, match=r"^SGD: expected a built model, got .*\. Pass the model itself"):
            SGD(other)
    with pytest.raises(BuildError, match="not built yet"):
        SGD(Linear(2, 2))
