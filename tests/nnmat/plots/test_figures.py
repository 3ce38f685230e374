"""Figures without pyplot, and axes that are given."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

import nnmat
from nnmat import plots
from nnmat.plots.figures import axes_of, picture, sheet
from tests.nnmat.plots import drawn
from tests.scripts.running import environment

GIVEN = {
    "plot_history": lambda **o: plots.plot_history(drawn.history(), **o),
    "plot_confusion": lambda **o: plots.plot_confusion(drawn.confusion(), **o),
    "plot_filters": lambda **o: plots.plot_filters(drawn.filters(), **o),
    "plot_khat": lambda **o: plots.plot_khat(drawn.kernel(), (4, 5, 2), **o),
    "plot_network": lambda **o: plots.plot_network(drawn.network(), **o),
    "plot_attention": lambda **o: plots.plot_attention(drawn.weights(), **o),
}


@pytest.mark.parametrize("name", GIVEN)
def test_each_draws_where_it_is_told_and_returns_the_axes(name):
    ax = Figure().subplots()
    assert GIVEN[name](ax=ax) is ax
    assert ax.lines or ax.images or ax.patches
    own = GIVEN[name]()
    assert own.figure is not ax.figure
    with pytest.raises(nnmat.ConfigError, match=f"{name}: expected ax as axes of matplotlib, got 3. Leave it out"):
        GIVEN[name](ax=3)


def test_every_plot_is_tried():
    assert set(GIVEN) == {name for name in plots.__all__ if name.startswith("plot_")}


CODE = """
import sys
import matplotlib
before = dict(dict.items(matplotlib.rcParams))
from tests.nnmat.plots.test_figures import GIVEN
for draw in GIVEN.values():
    draw().figure.savefig({path!r})
assert "matplotlib.pyplot" not in sys.modules, "pyplot"
assert dict(dict.items(matplotlib.rcParams)) == before, "settings"
"""


@pytest.mark.parametrize("code", [CODE, "import sys, nnmat, nnmat.plots\nassert 'matplotlib' not in sys.modules"])
def test_nothing_global_is_touched_and_nothing_loaded_before_it_is_needed(tmp_path, code):
    code = code.replace("{path!r}", repr(str(tmp_path / "a.png")))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment())
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", GIVEN)
def test_without_matplotlib_it_says_what_to_install(name, monkeypatch):
    for module in [m for m in sys.modules if m.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(nnmat.MissingExtraError, match=rf"{name}: expected matplotlib .* pip install 'nnmat\[plot\]'"):
        GIVEN[name]()


def test_a_file_is_whole_or_not_there(tmp_path):
    with picture("test", tmp_path / "a.png", 2, 1, (2, 1), dots=50) as axes:
        assert len(axes) == 2
        axes[0].plot([1, 2])
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")

    def broken():
        with picture("test", tmp_path / "b.png"):
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        broken()
    assert not (tmp_path / "b.png").exists()
    with (
        pytest.raises(nnmat.ConfigError, match=r"test: expected a file name that ends in .png, got 'c.pdf'"),
        picture("test", "c.pdf"),
    ):
        raise AssertionError("before anything is drawn")


def test_the_axes_of_a_sheet_stand_row_by_row():
    axes = sheet("test", 3, 2)
    assert len(axes) == 6
    assert np.array(axes[0].figure.axes).tolist() == axes
    assert axes_of("test", axes[2]) is axes[2]
    assert tuple(axes_of("test", None, (3, 2)).figure.get_size_inches()) == (3, 2)
