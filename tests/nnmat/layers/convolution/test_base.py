"""Channels and groups, which all convolutions have."""

import pytest

from nnmat import ConfigError, Conv2d, ConvTranspose2d, ShapeError


@pytest.mark.parametrize("kind", [Conv2d, ConvTranspose2d])
def test_channels_and_groups(kind):
    name = kind.__name__
    with pytest.raises(ConfigError, match=rf"^{name}: in_channels = 3 is not a multiple of groups = 2"):
        kind(3, 4, 3, groups=2)
    with pytest.raises(ConfigError, match=rf"^{name}: expected out_channels as an integer >= 1, got 0"):
        kind(3, 0, 3)
    with pytest.raises(ShapeError, match=rf"^{name}: 3 input channels are not a multiple of groups = 2"):
        kind(None, 4, 3, groups=2).build((5, 5, 3))
    with pytest.raises(ShapeError, match=rf"^{name}: expected 3 input channels, got .* channels-last"):
        kind(3, 4, 3).build((5, 5, 4))
    with pytest.raises(ShapeError, match=rf"^{name}: expected images"):
        kind(3, 4, 3).build((5, 3))
    again = kind(**kind(None, 4, 3, groups=2).config())
    assert (again.in_channels, again.out_channels, again.groups) == (None, 4, 2)
