"""Faults of a record that are seen without numbers: each is refused, and its place is named."""

import json

import pytest

from nnmat.calculus import Derivation, RecordError, derive
from nnmat.calculus.records.record import STATEMENTS
from nnmat.calculus.verifying.structure import LAWS, seal
from nnmat.calculus.verifying.verifier import verify
from tests.nnmat.calculus import worked_examples


def test_without_a_new_seal_every_change_is_refused():
    d = derive(worked_examples.bilinear(), "A")
    text = d.to_json()
    for old, new in (('"LAW-2"', '"LAW-3"'), ('"free"', '"entries"'), ('"M"', '"N"'), ("TR-4b", "TR-4")):
        assert old in text
        with pytest.raises(RecordError, match="seal: the record was changed or cut"):
            verify(text.replace(old, new, 1))


def resealed(record):
    return json.dumps({**record, "seal": seal(record)})


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("stages", 0, "steps", 0, "law"), "LAW-3", "expected a law that the record states, got 'LAW-3'"),
        (("stages", 0, "steps", 0, "law"), "TR-1", "expected the statement of TR-1"),
        (("stages", 0, "steps", 0, "says"), "d(AB) = dA B", "expected the statement of LAW-2"),
        (("laws", "LAW-2"), "d(AB) = dA B", "laws.LAW-2: expected the statement"),
        (("stages", 0, "steps", 0, "on"), "A", "stages[0].steps[0]: expected an expression that LAW-2 is about"),
        (("stages", 0, "steps", 1, "before"), ["x"], "expected terms of the line"),
        (("stages", 0, "start"), [], "stages[0]"),
        (("stages",), [], "stages: expected lines, got none"),
        (("chain",), [], "expected the gradient of A, got none"),
        (("gradient",), "2 * x @ y.T", "expected the gradient by A at its end"),
        (("wrt",), "Z", "wrt: expected a symbol, got 'Z'"),
        (("symbols", "A", "shape"), ["M"], "symbols.A: expected two sizes"),
        (("symbols", "A", "attributes"), ["green"], "expected attributes, got 'green'"),
        (("form",), "odd", "form: expected a kind of gradient"),
        (("version",), 2, "version: expected 1, got 2"),
        (("format",), "x", "format: expected 'nnmat derivation'"),
        (("root",), "x.T @ A @", "root: parse: column 10: expected '(', got the end."),
        (("root",), "x @ x.T", "expected a number, got shape"),
        (("root",), 3, "root: expected a str, got 3"),
        (("error",), "small", "error: expected a float"),
        (("more",), 1, "more: expected no such entry"),
    ],
)
def test_the_place_of_a_fault_is_named(place, value, message):
    record = json.loads(derive(worked_examples.bilinear(), "A").to_json())
    inner = record
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(RecordError) as found:
        verify(resealed(record), STATEMENTS)
    assert message in str(found.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "3", '{"format": "nnmat derivation"}'])
def test_what_is_no_record(text):
    with pytest.raises(RecordError):
        verify(text)
    with pytest.raises(RecordError):
        Derivation.from_json(text)


def test_a_cut_record():
    text = derive(worked_examples.bilinear(), "A").to_json()
    for end in range(0, len(text) - 1, 97):
        with pytest.raises(RecordError):
            verify(text[:end])


def test_a_missing_entry():
    record = json.loads(derive(worked_examples.sigmoid_inverse(), "B").to_json())
    for key in set(record) - {"seal"}:
        with pytest.raises(RecordError):
            verify(resealed({k: v for k, v in record.items() if k != key}))


def test_the_table_of_laws_is_about_laws():
    assert set(LAWS) <= set(STATEMENTS)


@pytest.mark.parametrize("size", ["1e400", "123456789", "-3", "K", "ones(2, 2)"])
def test_sizes_that_are_none(size):
    record = json.loads(derive(worked_examples.bilinear(), "A").to_json())
    record["symbols"]["A"]["shape"][0] = size
    with pytest.raises(RecordError):
        verify(resealed(record), STATEMENTS)
