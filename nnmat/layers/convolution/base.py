"""What the convolution layers share: their channels, in groups."""

from ... import initializers
from ...checks import count
from ...errors import ConfigError, ShapeError
from ..checks import batch_shape, check_images
from ..dense.linear import Weighted
from ..summary import options


class Convolution(Weighted):
    """A layer with a weight for each pair of an input and an output channel of one group, and each tap."""

    layout = "Images are channels-last: (B, H, W, C)."

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        groups: int,
        bias: bool,
        weight_initializer: str | initializers.Initializer,
        bias_initializer: str | initializers.Initializer,
    ):
        super().__init__(bias, weight_initializer, bias_initializer)
        self.in_channels = None if in_channels is None else count(self.kind, "in_channels", in_channels)
        self.out_channels = count(self.kind, "out_channels", out_channels)
        self.groups = count(self.kind, "groups", groups)
        for name, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels is not None and channels % self.groups:
                raise ConfigError(f"{self.kind}: {name} = {channels} is not a multiple of groups = {self.groups}.")

    def check_input(self, input_shape) -> tuple[int, int, int]:
        """`input_shape` as (H, W, C); a ShapeError if it is none, or has other channels than the layer."""
        H, W, C = check_images(self.who, input_shape)
        self.check_channels(input_shape)
        return H, W, C

    def check_channels(self, input_shape) -> None:
        """A ShapeError where the last axis is not the channels that the layer takes."""
        C = input_shape[-1]
        if self.in_channels is not None and self.in_channels != C:
            raise ShapeError(
                f"{self.who}: expected {self.in_channels} input channels, got shape {batch_shape(input_shape)}. "
                f"{self.layout}"
            )
        if C % self.groups:
            raise ShapeError(f"{self.who}: {C} input channels are not a multiple of groups = {self.groups}.")

    def config(self):
        return options(self, "in_channels", "out_channels", "groups") | super().config()
