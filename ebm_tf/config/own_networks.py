"""Networks that no run has learned, which are named where weights are."""

import dataclasses
from typing import ClassVar

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import Experiment, Settings, require
from ebm_tf.config.kinds import is_own
from ebm_tf.config.networks import PixelRange, Standardised
from ebm_tf.config.parts import Data, GeneratorNetwork, Network


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnNetwork(Settings):
    """What is to be known of FILE.py:function or FILE.keras in place of weights.

    A function makes a classifier where it is given a number of classes, a generator
    where it is given the size of its latents, and else an energy.

    Attributes:
      pixel_range: that it takes, or that a generator gives.
      image_size: of a function, the side of its images; a file says it.
      channels: likewise.
      num_classes: of a function, how many logits it shall give; a file says it.
      latent_size: of a function, the length of the latents; a file says it.
    """

    pixel_range: PixelRange | Standardised = "-1..1"
    image_size: int | None = None
    channels: int | None = None
    num_classes: int | None = None
    latent_size: int | None = None

    def validate(self) -> None:
        """Checks counts."""
        self.require_positive("image_size", "channels", "latent_size")
        self.require_least(2, "num_classes")


def require_own(network: OwnNetwork, weights: str | None) -> None:
    """Checks that `network` says something of networks of one's own only.

    Raises:
      ConfigError: if `weights` are those of a run, which knows its own.
    """
    require(
        is_own(weights) or network == OwnNetwork(),
        f"Expected no settings of `network` where weights={weights}, which is no "
        "network of one's own.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class UseOfNetwork(Experiment):
    """One network that no run has learned, and the images that it is for.

    Attributes:
      data: their size.
      energy: None where it is another network.
      classifier: likewise.
      generator: likewise.
    """

    in_lanes: ClassVar[bool] = True

    data: Data
    energy: Network | None = None
    classifier: ClassifierNetwork | None = None
    generator: GeneratorNetwork | None = None
