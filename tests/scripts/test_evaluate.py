"""scripts/evaluate.py: what it shows of a model."""

import numpy as np

import evaluate
import nnmat
from tests.scripts.running import run, without


def test_the_confusion_matrix_as_text():
    lines = evaluate.confusion_table(np.array([[9, 1], [0, 0]])).splitlines()
    assert lines[0].split() == ["true", "\\", "said", "0", "1", "right"]
    assert lines[1].split() == ["0", "9", "1", "90.0", "%"]
    assert lines[2].split() == ["1", ".", ".", "0.0", "%"]  # of a digit that does not occur nothing is right


def test_the_worst_mistakes_come_first():
    P = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.3, 0.7]])
    found = evaluate.worst_mistakes(P, np.array([1, 1, 0, 1]), 5)
    assert [mistake["index"] for mistake in found] == [0, 1]
    assert found[0] == {"index": 0, "true": 1, "said": 0, "sure": 0.9, "p_true": 0.1}
    assert len(evaluate.worst_mistakes(P, np.array([1, 1, 0, 1]), 1)) == 1


def test_a_picture_without_matplotlib_is_refused_before_the_work(tmp_path):
    nnmat.save(nnmat.Sequential([nnmat.Linear(3, 2)], input_shape=(3,)), tmp_path / "m.npz")
    absent = without("matplotlib", tmp_path / "absent")
    out = run("evaluate.py", tmp_path / "m.npz", "--picture", "p.png", cwd=tmp_path, before=absent)
    assert out.returncode == 1
    assert "--picture: expected matplotlib to be installed, it is not. Try: pip install -e '.[plot]'" in out.stderr
    assert not (tmp_path / "p.png").exists()
