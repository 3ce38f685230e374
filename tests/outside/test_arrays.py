"""Every place that takes an array, with everything that may come in its place: one door, one answer."""

import re

import numpy as np
import pytest

from nnmat.errors import ConfigError, DataError, DtypeError, LabelError, ShapeError
from tests.outside.doors import doors
from tests.outside.odd_arrays import LISTS, OTHER_DTYPES, RAGGED, SAME, WRONG

# Doors that take any dtype: what they hold is looked at when it is used.
HOLDS_ANYTHING = {"Dataset X", "Dataset y", "ArrayBatches weights"}
ELEMENTWISE = ("relu", "leaky_relu", "sigmoid", "tanh", "gelu", "dropout", "sum_of_squares")
TAKES_NUMBERS = {f"k.{name}" for name in ELEMENTWISE} | {"steepest_descent x0"}
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
