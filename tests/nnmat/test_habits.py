"""What is said of arguments and methods of other libraries."""

import copy
import inspect
import pickle

import pytest

import nnmat
from nnmat import habits, schedules
from nnmat.errors import ConfigError


class Named:
    """A class with a constructor."""

    def __init__(self, model, lr=0.01, *, dtype=float):
        self.given = model, lr, dtype


habits.check_arguments(Named)
CALLED = r"It is called as Named\(model, lr=0\.01, dtype=np\.float\)\.$"


def test_right_arguments_pass_and_the_constructor_looks_the_same():
    assert Named(1, lr=2).given == (1, 2, float)
    assert str(inspect.signature(Named)) == "(model, lr=0.01, *, dtype=<class 'float'>)"
    assert "self.given = model" in inspect.getsource(Named.__init__)


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        ((1,), {"learning_rate": 2}, r"^Named: expected arguments among those it has, got learning_rate\. Write lr\. "),
        ((1,), {"dtyp": 2}, r"got dtyp\. Write dtype\. "),
        ((1,), {"batch_first": True}, r"got batch_first\. The batch is always the first axis: leave it out\. "),
        ((1,), {"quite_another": 1}, r"got quite_another\. "),
        ((), {"lr": 1}, r"^Named: expected other arguments \(missing a required argument: 'model'\)\. "),
        ((1, 2, 3), {}, r"^Named: expected other arguments \(too many positional arguments\)\. "),
        ((1, 2), {"lr": 3}, r"^Named: expected other arguments \(multiple values for argument 'lr'\)\. "),
    ],
)
def test_wrong_arguments(arguments, options, text):
    with pytest.raises(ConfigError, match=text + CALLED):
        Named(*arguments, **options)


def test_a_class_without_a_constructor_of_its_own_is_left_alone():
    class Plain:
        pass

    habits.check_arguments(Plain)
    assert Plain.__init__ is object.__init__


def test_names_that_stand_for_two_things():
    assert habits.remedy("alpha", ["negative_slope"]) == "Write negative_slope. "
    assert habits.remedy("step_size", ["every", "lr"]) == "Write every. "
    assert habits.remedy("step_size", ["lr"]) == "Write lr. "
    assert habits.remedy("quite_another", ["lr"]) == ""


def test_every_name_leads_to_an_argument_that_something_has():
    places = [getattr(nnmat, name) for name in nnmat.__all__] + [
        vars(schedules)[n] for n in ("Step", "Cosine", "WarmUp")
    ]
    classes = [place for place in places if isinstance(place, type) and not issubclass(place, BaseException)]
    known = {p for place in classes for p in inspect.signature(place).parameters}
    assert set(habits.NAMES.values()) | set(habits.MORE_NAMES.values()) <= known


def test_methods_of_other_libraries():
    model = nnmat.Sequential([nnmat.Linear(3, 2)], input_shape=(3,))
    for thing, table in ((model, habits.OF_MODELS), (nnmat.SGD(model), habits.OF_OPTIMIZERS)):
        for name, advice in table.items():
            with pytest.raises(AttributeError) as raised:
                getattr(thing, name)
            assert str(raised.value) == f"{type(thing).__name__}: expected an attribute it has, got {name}. {advice}"
            assert not hasattr(thing, name)
        assert copy.deepcopy(thing).__dict__.keys() == pickle.loads(pickle.dumps(thing)).__dict__.keys()
    with pytest.raises(AttributeError, match="'Sequential' object has no attribute 'else_where'"):
        _ = model.else_where


def test_a_class_may_have_what_other_libraries_have():
    class Trained(nnmat.ReLU):
        def __init__(self):
            super().__init__()
            self.to = 3

        def train(self):
            return "mine"

    assert (Trained().train(), Trained().to) == ("mine", 3)
