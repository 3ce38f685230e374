"""The row about compiled derivations: one for each size, as the bench wrote them."""

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
