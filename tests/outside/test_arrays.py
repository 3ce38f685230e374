"""Every place that takes an array, with everything that may come in its place: one door, one answer."""

import copy
import re

import numpy as np
import pytest

import nnmat
from nnmat.errors import ConfigError, DataError, DtypeError, LabelError, ShapeError
from nnmat.formats.npz import write_archive
from tests.outside.doors import WEIGHTS, X, Y, doors, trainer
from tests.outside.odd_arrays import LISTS, OTHER_DTYPES, RAGGED, SAME, WRONG, Units, with_mask

# Doors that take any dtype: what they hold is looked at when it is used.
HOLDS_ANYTHING = {"Dataset X", "Dataset y", "ArrayBatches weights"}
ELEMENTWISE = ("relu", "leaky_relu", "sigmoid", "tanh", "gelu", "dropout", "sum_of_squares")
TAKES_NUMBERS = {f"k.{name}" for name in ELEMENTWISE} | {"newton x0", "steepest_descent x0"}
ANY_DTYPE = {"text", "bytes", "complex", "dates", "times", "fields"}

pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of np.matrix


def raised(door, A, errors) -> str:
    """The text of the error that a door raises; empty if it raises none."""
    try:
        door.call(A)
    except errors as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def every_door(tmp_path_factory):
    return doors(tmp_path_factory.mktemp("doors"))


NAMES = list(doors(None))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_as_good_as_an_array(every_door, name):
    door = every_door[name]
    expected = np.array(door.call(door.A))
    for kind, make in SAME.items():
        try:
            found = door.call(make(door.A))
        except (DtypeError, ShapeError):
            assert door.in_place, kind
        else:
            np.testing.assert_array_equal(np.array(found), expected, err_msg=kind)


@pytest.mark.parametrize("name", NAMES)
def test_what_would_lie(every_door, name):
    door = every_door[name]
    for kind, (make, text) in WRONG.items():
        if (kind == "None" and door.optional) or (kind in ANY_DTYPE and name in HOLDS_ANYTHING):
            continue
        said = raised(door, make(door.A), (DtypeError, ShapeError, ConfigError))
        if kind in ANY_DTYPE and door.says:
            text = door.says
        assert re.search(rf"^[^:]+: .*({text})", said), (kind, said)
        for code in re.findall(r"(?:Try|Give these values:) (.+?\.filled\(0\)|.+?\.toarray\(\))", said):
            compile(code, "<a remedy>", "eval")


@pytest.mark.parametrize("name", NAMES)
def test_lists(every_door, name):
    door = every_door[name]
    for kind, (make, text) in LISTS.items():
        if kind == "a tuple" and door.several:
            continue
        if door.lists or (kind == "a data frame" and door.frames):
            np.testing.assert_array_equal(np.array(door.call(make(door.A))), np.array(door.call(door.A)))
        else:
            with pytest.raises(DtypeError, match=rf"^[^:]+: expected .*({text})"):
                door.call(make(door.A))
    for make, text in RAGGED.values():
        text = text if door.lists else r"got list\. Try np\.asarray\("
        with pytest.raises((DtypeError, ShapeError), match=rf"^[^:]+: expected .*({text})"):
            door.call(make(door.A))


@pytest.mark.parametrize("name", NAMES)
def test_other_dtypes_are_taken_for_their_numbers_or_refused_by_name(every_door, name):
    door = every_door[name]
    expected = np.array(door.call(door.A), np.float64)
    for kind, dtype in OTHER_DTYPES.items():
        A = np.abs(door.A).astype(dtype)
        if not np.array_equal(A, door.A):
            continue
        if said := raised(door, A, (DtypeError, ShapeError)):
            assert (door.says or "astype") in said, (kind, said)
        else:
            found = np.array(door.call(A), np.float64)
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12, err_msg=kind)


@pytest.mark.parametrize("name", NAMES)
def test_a_single_number_is_no_array(every_door, name):
    door = every_door[name]
    said = raised(door, np.array(1, door.A.dtype), (ShapeError, DataError, DtypeError, ConfigError, LabelError))
    assert "expected" in said or name in TAKES_NUMBERS, said


def test_entries_are_left_as_they_are(every_door):
    for door in every_door.values():
        before = door.A.copy()
        door.call(door.A)
        np.testing.assert_array_equal(door.A, before)


class Source:
    """A batch source of one's own."""

    def __init__(self, *batch):
        self.batch = batch

    def __len__(self):
        return 1

    def batches(self, rng, start=0):
        yield self.batch

    def state(self):
        return {}

    def load_state(self, state):
        pass


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("kind", ["masked", "sparse", "None among numbers"])
def test_batches_of_a_source_of_ones_own(place, kind):
    make, text = WRONG[kind]
    batch = [X, Y, WEIGHTS]
    batch[place] = make(batch[place])
    run = trainer()
    before = run.model.flat_parameters.copy()
    with pytest.raises((DtypeError, ShapeError), match=rf"expected .*({text})"):
        run.fit(Source(*batch), epochs=1, progress=False, checkpoint=None)
    assert np.array_equal(run.model.flat_parameters, before)


def test_what_is_lent_is_kept_apart_in_any_class():
    """An array of a derived class may be the memory that the next forward writes into."""
    model = nnmat.Sequential([nnmat.Linear(3, 3), nnmat.Tanh()], input_shape=(3,), dtype=np.float64)
    once = model.forward(X, training=True)
    expected = model.forward(once.copy(), record=False)
    assert np.array_equal(model.forward(once.view(Units), training=True), expected)
    again = copy.deepcopy(model)
    plain = model.backward(np.ones((4, 3)), input_gradient=True).copy()
    again.forward(model.forward(X, record=False), training=True)
    assert np.array_equal(again.backward(np.ones((4, 3))), plain)


def test_states_that_are_saved(tmp_path):
    net = nnmat.Sequential([nnmat.Linear(3, 3)], input_shape=(3,))
    with pytest.raises(DtypeError, match="^save: expected 'mine' to be a NumPy array without a mask"):
        write_archive(tmp_path / "a.npz", {}, {"mine": with_mask(X)})
    nnmat.save(net, tmp_path / "a.npz")
    assert not list(tmp_path.glob("*.tmp"))
