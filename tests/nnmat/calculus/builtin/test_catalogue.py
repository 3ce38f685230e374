"""All descriptions together: each class has one or a reason, each is held against its layer, docstrings name it."""

from dataclasses import replace
from pathlib import Path

import pytest

import nnmat
from nnmat.calculus.builtin.catalogue import DESCRIPTIONS, EXCEPTIONS, described, forms
from nnmat.errors import ConfigError
from tests.nnmat.calculus.builtin import test_containers, test_images, test_rows, test_sequences

ROOT = Path(__file__).resolve().parents[4]
CASES = [*test_rows.CASES.values(), *test_images.CASES.values(), *test_sequences.CASES.values()]
CASES += test_containers.CASES.values()
CLASSES = {
    name: kind
    for room in (nnmat.layers, nnmat.losses)
    for name, kind in vars(room).items()
    if name in room.__all__ and isinstance(kind, type)
}


def test_every_layer_and_loss_is_described_or_listed_with_the_reason():
    described_classes = {d.of for d in DESCRIPTIONS.values()}
    assert described_classes | set(EXCEPTIONS) == set(CLASSES)
    assert not described_classes & set(EXCEPTIONS)
    gradients = sum(len(d.wrt) for d in DESCRIPTIONS.values())
    print(
        f"tied: {len(described_classes)} of {len(CLASSES)} layers and losses, {gradients} gradients; "
        f"without: {', '.join(EXCEPTIONS)}"
    )


def test_every_description_of_a_layer_is_held_against_it():
    about = [case().about for case in CASES]
    assert {a.name for a in about} == {name for name, d in DESCRIPTIONS.items() if not d.scalar}
    assert all(d in about for d in DESCRIPTIONS.values() if not d.scalar)


@pytest.mark.parametrize("name", sorted({d.of for d in DESCRIPTIONS.values()}))
def test_a_docstring_names_its_derivation(name):
    page = next(d.name for d in forms(name) if d.kept)
    line = f"\n    Derivation: docs/derivations/{page}.md"
    assert f"{line}.\n" in CLASSES[name].__doc__ or f"{line}, and" in CLASSES[name].__doc__
    assert (ROOT / "docs" / "derivations" / f"{page}.md").is_file()


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_what_has_no_derivation_names_none(name):
    assert "docs/derivations" not in CLASSES[name].__doc__
    with pytest.raises(ConfigError, match=f"{name} has no derivation: "):
        described(name)


def test_a_class_without_a_plain_form_is_its_first_one():
    assert described("AdversarialLoss").name == "AdversarialLoss-minimax"
    assert described("GELU").name == "GELU"
    assert [d.name for d in forms("GELU")] == ["GELU", "GELU-tanh"]
    with pytest.raises(ConfigError, match="Did you mean BatchNorm2d"):
        described("batchnorm2d")


def test_a_wrong_description_is_found():
    both = test_rows.a_linear_layer()
    both.about = replace(both.about, lines="Y = X @ W.T + 1.0000001 * b.T")
    with pytest.raises(AssertionError, match="Y of Linear"):
        both.equal()
