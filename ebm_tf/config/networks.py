"""What the settings of all networks share: those of this program, and one's own."""

import dataclasses
from typing import Literal

from ebm_tf.config.core import Settings, require
from ebm_tf.config.kinds import is_own

# The scales that pixels come in.
PixelRange = Literal["-1..1", "0..1", "0..255"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standardised(Settings):
    """Pixels of [0, 1], less a mean and then divided by a standard deviation.

    Attributes:
      mean: of all channels, or of each.
      stddev: likewise.
    """

    mean: float | tuple[float, ...]
    stddev: float | tuple[float, ...]

    def validate(self) -> None:
        """Checks that what divides is positive."""
        divisors = self.stddev if isinstance(self.stddev, tuple) else (self.stddev,)
        require(all(one > 0 for one in divisors), f"Expected stddev={self.stddev} > 0.")

    def require_channels(self, channels: int) -> None:
        """Checks that there is one number, or one for each channel."""
        for name, value in (("mean", self.mean), ("stddev", self.stddev)):
            count = len(value) if isinstance(value, tuple) else channels
            require(
                count == channels,
                f"Expected {name}={value} to be one number or {channels}, one for "
                "each channel.",
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnyNetwork(Settings):
    """A network of this program, by its name, or one of one's own.

    Attributes:
      pixel_range: the pixels that it takes, or that a generator gives. Networks of this
        program take "-1..1" and map them as they were published; others are for those
        of one's own and for some classifiers.
      weights: a weight file, a run folder or release:NAME to start from; or a network
        of one's own that brings its weights, which is the architecture, too.
    """

    architecture: str
    pixel_range: PixelRange | Standardised = "-1..1"
    weights: str | None = None

    def __post_init__(self) -> None:
        """Takes the architecture of weights that come with one, and checks fields."""
        if is_own(self.weights):
            object.__setattr__(self, "architecture", self.weights)
        super().__post_init__()

    @property
    def is_own(self) -> bool:
        """Whether it is a network of one's own."""
        return is_own(self.architecture)

    @property
    def brings_weights(self) -> bool:
        """Whether the weights come with the architecture."""
        return self.is_own and (
            self.weights == self.architecture
            or (self.weights is None and self.architecture.endswith(".keras"))
        )
