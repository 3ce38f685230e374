"""What a step is made of: its parts and what is theirs, its slots, and arrays that nobody knows."""

import numpy as np
import pytest

import nnmat as nm
from nnmat.programs.recording import (
    Comparison,
    Parts,
    StepRecorder,
    records,
    share_memory,
    slot_values,
    stranger,
    target_dtype,
)
from nnmat_kernels import unchecked as k


def example():
    model = nm.Sequential([nm.Linear(4, 3), nm.Dropout(0.5)], input_shape=(4,))
    return model, nm.SoftmaxCrossEntropy(), nm.SGD(model, lr=nm.schedules.Cosine(0.1, 10), momentum=0.9)


def test_parts_are_found_once_with_what_is_theirs():
    model, loss, optimizer = example()
    parts = Parts([model, model[0], loss, optimizer, loss])
    assert parts.layers == model.modules()
    assert parts.losses == [loss]
    assert parts.optimizers == [optimizer]
    assert parts.stores == [model.store]
    state = parts.state()
    assert list(state) == [
        "parameters 0", "gradients 0", "velocity of optimizer 0", "stream of Dropout '1' (2)"
    ]  # fmt: skip
    assert state["parameters 0"] is model.flat_parameters
    assert parts.refusal() == ""
    assert parts.are_own()


@pytest.mark.parametrize(
    "change",
    [
        lambda model, loss, optimizer: setattr(optimizer, "clip_norm", 1.0),
        lambda model, loss, optimizer: setattr(optimizer, "momentum", 0.5),
        lambda model, loss, optimizer: setattr(optimizer, "weight_decay", 0.5),
        lambda model, loss, optimizer: setattr(model[0].bias, "trainable", False),
        lambda model, loss, optimizer: setattr(model[1], "rate", 0.1),
        lambda model, loss, optimizer: setattr(loss, "label_smoothing", 0.1),
    ],
)
def test_all_settings_count(change):
    model, loss, optimizer = example()
    parts = Parts([model, loss, optimizer])
    before = parts.settings()
    assert before == parts.settings()
    change(model, loss, optimizer)
    assert before != parts.settings()


def test_a_part_that_computes_in_python_is_named():
    class Own(nm.Tanh):
        pass

    model = nm.Sequential([nm.Linear(4, 3), Own()], input_shape=(4,))
    parts = Parts([model])
    assert parts.refusal() == "Own '1' computes in Python (recordable is False)"
    assert not parts.are_own()
    assert not records(model[1])
    Own.recordable = True
    assert records(model[1])


def test_slots_have_the_values_of_each_step():
    _model, _, optimizer = example()
    optimizer.steps = 3
    with StepRecorder() as recorder:
        optimizer.step()
        optimizer.step()
    assert optimizer.steps == 5
    assert type(optimizer.steps) is int
    assert recorder.slots() == ["lr 0", "lr 1"]
    values = slot_values(recorder.optimizers, 2)
    rates = [optimizer.schedule(step) for step in range(5, 9)]
    assert list(values["lr 0"]) == rates[::2]
    assert list(values["lr 1"]) == rates[1::2]
    assert values["steps 0"].tolist() == [6, 8]
    assert values["steps 1"].tolist() == [7, 9]


def test_a_schedule_that_ends_gives_fewer_values():
    model, _, _ = example()

    def ends(step):
        if step > 3:
            raise RuntimeError("over")
        return 0.1

    optimizer = nm.SGD(model, lr=ends)
    values = slot_values([optimizer], 10)
    assert len(values["lr 0"]) == len(values["steps 0"]) == 4


def test_the_operations_bear_the_names_of_the_parts():
    model, loss, optimizer = example()
    X, y = np.ones((2, 4), np.float32), np.array([0, 1])
    with StepRecorder() as recorder:
        loss.forward(model.forward(X, training=True), y)
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step()
    whose = {operation.place for operation in recorder.operations}
    assert whose >= {"Linear '0'", "Dropout '1'", "SoftmaxCrossEntropy", "SGD"}
    assert recorder.parts[0] is model
    assert loss in recorder.parts
    assert optimizer in recorder.parts


def test_an_array_that_nobody_knows():
    X, W = np.ones((2, 4), np.float32), np.ones((3, 4), np.float32)
    with StepRecorder() as recorder:
        H = k.matmul(X, W, False, True)
        k.relu(H[:1])
        k.relu(H + 1)
    done = recorder.operations
    assert stranger(done[:2], [X, W]) == ""
    assert stranger(done[:2], [X]) == "matmul reads B of shape (3, 4), which Python has made"
    assert stranger(done, [X, W]) == "relu reads X of shape (2, 3), which Python has made"


def test_a_step_is_taken_back_and_compared():
    model, loss, optimizer = example()
    own = Comparison(Parts([model, loss, optimizer]), [model.flat_parameters])
    before = model.flat_parameters.copy()
    model.flat_gradients[:] = 1
    optimizer.step()
    after = model.flat_parameters.copy()
    own.back()
    assert model.flat_parameters.tobytes() == before.tobytes()
    assert optimizer.steps == 0
    assert "parameters 0" in own.differences()
    with pytest.warns(RuntimeWarning, match="gave other parameters 0 than the equations"):
        own.refuse("step", ["parameters 0"])
    assert model.flat_parameters.tobytes() == after.tobytes()
    assert optimizer.steps == 1
    assert own.differences() == []


def test_shared_memory_and_targets():
    A = np.zeros(8)
    assert share_memory([A[:4], A[2:]])
    assert not share_memory([A[:4], A[4:]])
    labels, squares = nm.SoftmaxCrossEntropy(), nm.MeanSquaredError()
    assert target_dtype(labels, np.zeros(2, np.int8), np.dtype("f4")) == np.int64
    assert target_dtype(squares, np.zeros(2, np.int8), np.dtype("f4")) == np.float32
    assert target_dtype(squares, np.zeros(2), np.dtype("f4")) == np.float32
