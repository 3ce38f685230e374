"""The row about compiled derivations: one for each size, as the bench wrote them."""

from types import SimpleNamespace

import pytest

from promises import compiled


@pytest.mark.parametrize("holds", [True, False])
def test_rows_are_those_of_the_bench(monkeypatch, holds):
    means = [{"size": n, "mean": 2.0, "bar": 1.2, "error": 1e-15, "holds": holds} for n in (8, 64)]
    monkeypatch.setattr(compiled, "written", lambda command: {"means": means})
    rows = compiled.ROWS["compiled-calculus"]()
    assert [row.holds for row in rows] == [holds, holds]
    assert rows[0].what == "compiled derivations, size 8"
    assert rows[0].value == "2.00x, error 1e-15"


def says(monkeypatch, text):
    monkeypatch.setattr(compiled, "run", lambda command, **extra: SimpleNamespace(stdout=text))


@pytest.mark.parametrize(("accepted", "many", "holds"), [(1000, 200, True), (999, 200, False), (1000, 199, False)])
def test_records_are_counted(monkeypatch, accepted, many, holds):
    says(monkeypatch, f"records verified: {accepted - 1}\n.records verified: 1\ntokens changed: 9 in {many} records\n")
    row = compiled.records()
    assert row.holds == holds
    assert row.value.startswith(f"{accepted} random records accepted; 9 changed tokens in {many} records")
    says(monkeypatch, "1 passed")
    with pytest.raises(OSError, match="printed no figures"):
        compiled.records()


@pytest.mark.parametrize(("done", "named", "holds"), [(102, 82, True), (102, 81, False), (99, 99, False)])
def test_graded_lines_are_counted(monkeypatch, done, named, holds):
    says(monkeypatch, f"grading: {done} misuses, the right line in all, the right misuse in {named}\n")
    assert compiled.grading().holds == holds
    says(monkeypatch, "")
    with pytest.raises(OSError, match="printed no figures"):
        compiled.grading()


@pytest.mark.parametrize("holds", [True, False])
def test_the_row_of_expressions(monkeypatch, holds):
    found = {"difference": 2e-8, "ratio": 1.2, "programs": True, "holds": holds}
    monkeypatch.setattr(compiled, "written", lambda command: found)
    row = compiled.ROWS["expressions"]()
    assert row.holds == holds
    assert row.value == "losses differ by 2e-08; 1.20 times the time, as programs"


@pytest.mark.parametrize(("without", "holds"), [("Layer, Loss", True), ("Layer", False)])
def test_layers_and_losses_are_counted(monkeypatch, without, holds):
    says(monkeypatch, f"..tied: 60 of 62 layers and losses, 200 gradients; without: {without}\n.")
    row = compiled.ROWS["layers-derived"]()
    assert row.holds == holds
    assert row.value.startswith(f"60 of 62 with 200 gradients; {without} have none")
    says(monkeypatch, "")
    with pytest.raises(OSError, match="printed no figures"):
        compiled.layers()
