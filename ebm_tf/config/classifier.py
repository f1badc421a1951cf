"""The settings of networks that classify."""

import dataclasses
from typing import Literal

from ebm_tf.config.core import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierNetwork(Settings):
    """A network from images to logits.

    Attributes:
      architecture: "wide_resnet", "resnet" or "small_cnn".
      depth: number of layers; the published one if None.
      width: channels of the first layers, of a "wide_resnet" their factor; the
        published ones if None.
      num_classes: how many logits.
      weights: a weight file, a run folder or release:NAME to start from.
    """

    architecture: str = "wide_resnet"
    depth: int | None = None
    width: int | None = None
    num_classes: int = 10
    weights: str | None = None

    def validate(self) -> None:
        """Checks counts."""
        self.require_positive("depth", "width")
        self.require_least(2, "num_classes")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PretrainedClassifier(Settings):
    """A classifier of `keras.applications`, with the weights that it comes with.

    Attributes:
      name: such as "EfficientNetB7"; its logits are taken, not its probabilities.
      image_size: to which images are resized.
      pixel_range: what the network expects of pixels.
      weights: "imagenet", or a weight file.
    """

    name: str
    image_size: int
    pixel_range: Literal["-1..1", "0..1", "0..255"]
    weights: str = "imagenet"

    def validate(self) -> None:
        """Checks the size."""
        self.require_positive("image_size")
