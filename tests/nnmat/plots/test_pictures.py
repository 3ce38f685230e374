"""Every plot beside its stored picture."""

import numpy as np
import pytest
from matplotlib import __version__
from matplotlib.image import imread

from tests.nnmat.plots import drawn

CLOSE = 16  # of 255, that a pixel may differ by before it counts
SHARE = 0.002  # of the pixels that may


def apart(found, kept):
    """The share of pixels that are not alike."""
    if found.shape != kept.shape:
        return 1.0
    return float((np.abs(found[..., :3].astype(int) - kept[..., :3]).max(axis=-1) > CLOSE).mean())


@pytest.mark.parametrize("name", drawn.DRAWN)
def test_it_looks_like_its_picture(name):
    kept = np.rint(255 * imread(drawn.FOLDER / f"{name}.png")).astype(int)
    share = apart(drawn.pixels(name), kept)
    assert share <= SHARE, (
        f"{share:.2%} of the pixels of {name} are others. Its picture was made with matplotlib {drawn.MADE_WITH}, this "
        f"is {__version__}. Look at it; if it is right: python -m tests.nnmat.plots.drawn"
    )


def test_a_changed_picture_is_found():
    found = drawn.pixels("confusion")
    assert apart(found, found.astype(int)) == 0
    moved = np.roll(found, 1, axis=1).astype(int)
    assert apart(found, moved) > 5 * SHARE
    darker = found.astype(int) - 20 * (np.arange(found.shape[1]) > 60)[None, :, None]
    assert apart(found, darker) > 5 * SHARE
    assert apart(found, found[1:].astype(int)) == 1.0


def test_there_is_a_picture_for_each_and_no_other():
    assert {path.stem for path in drawn.FOLDER.iterdir()} == set(drawn.DRAWN)
