"""What both kinds of windows have: shapes, options, errors."""

import pytest

from nnmat import AvgPool1d, AvgPool2d, ConfigError, MaxPool1d, MaxPool2d, ShapeError

BOTH = pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])


@BOTH
def test_shapes_and_config(kind):
    layer = kind((3, 2), stride=(2, 1), padding=(1, 0))
    assert layer.output_shape((7, 6, 4)) == (4, 5, 4)
    again = kind(**layer.config())
    assert again.config() == layer.config()
    assert again.output_shape((7, 6, 4)) == (4, 5, 4)
    assert kind(2).output_shape((7, 6, 4)) == (3, 3, 4)  # a last row that does not fill a window is left out


@BOTH
def test_refuses(kind):
    name = kind.__name__
    with pytest.raises(ConfigError, match=rf"^{name}: expected kernel_size of at least 1, got 0"):
        kind(0)
    with pytest.raises(
        ConfigError, match=rf"^{name}: expected stride to be an integer or a pair of integers, got 1\.5"
    ):
        kind(2, 1.5)
    with pytest.raises(ConfigError, match=rf"^{name}: expected padding smaller than the kernel, .*Try padding=1"):
        kind(2, padding=2)
    with pytest.raises(ShapeError, match=rf"^{name}: expected images \(B, H, W, C\), got input of shape \(B, 5\)"):
        kind(2).build((5,))
    with pytest.raises(ShapeError, match=rf"^{name}: expected a window that fits into the padded image"):
        kind(6).build((5, 5, 1))


@pytest.mark.parametrize("kind", [MaxPool1d, AvgPool1d])
def test_sequences(kind):
    layer = kind(3, stride=2, padding=1)
    assert layer.output_shape((7, 4)) == (4, 4)
    again = kind(**layer.config())
    assert again.config() == layer.config()
    name = kind.__name__
    with pytest.raises(
        ShapeError, match=rf"^{name}: expected sequences \(B, T, C\), got input of shape \(B, 5, 5, 1\)"
    ):
        kind(2).build((5, 5, 1))
    with pytest.raises(ConfigError, match=rf"^{name}: expected kernel_size as an integer >= 1, got \(2, 2\)"):
        kind((2, 2))
    with pytest.raises(ConfigError, match=rf"^{name}: expected padding smaller than the kernel, .*Try padding=1"):
        kind(3, padding=3)


@BOTH
def test_ceil_mode(kind):
    assert kind(2, ceil_mode=True).output_shape((7, 6, 4)) == (4, 3, 4)
    assert kind(2, 3, 1, ceil_mode=True).output_shape((5, 7, 1)) == (2, 3, 1)  # a third one would begin beyond the rows
    with pytest.raises(ConfigError, match=rf"^{kind.__name__}: expected ceil_mode as True or False, got 1"):
        kind(2, ceil_mode=1)
