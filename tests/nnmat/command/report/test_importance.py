"""What a column says, by shuffling it."""

from pathlib import Path

import numpy as np

from nnmat import Linear, Sequential
from nnmat.command.learning.recipes import TableRecipe
from nnmat.command.report.importance import importances
from nnmat.datasets import table


def test_a_column_that_is_not_used_costs_nothing(tmp_path):
    rng = np.random.default_rng(0)
    a, b, y = rng.normal(0, 1, 200), rng.choice(["u", "v"], 200), np.zeros(200)
    y = 3 * a
    path = Path(tmp_path / "t.csv")
    path.write_text("b,a,y\n" + "".join(f"{q},{p:.6f},{r:.6f}\n" for p, q, r in zip(a, b, y, strict=True)))
    made = table(path, "y", standardise=False)
    model = Sequential([Linear(3, 1, bias=False)], input_shape=(3,))
    model.parameters()[0].value[...] = [[0, 0, 3]]
    found = importances(model, TableRecipe(made), made.X, made.y, 0.0, seed=1)
    assert [name for name, _ in found] == ["a", "b"]
    assert found[1][1] == 0.0
    assert np.isclose(found[0][1], 3 * np.sqrt(2), rtol=0.15)  # of two independent a
