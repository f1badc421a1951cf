"""The settings of networks that classify."""

import dataclasses

from ebm_tf.config.core import Settings, require


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierNetwork(Settings):
    """A network from images to logits.

    Attributes:
      architecture: "wide_resnet".
      depth: layers of a wide residual network: 10, 16, 22, 28 and so on.
      width: factor of its numbers of channels, which are 16, 32 and 64 times it.
      num_classes: how many logits.
      weights: a weight file or a run folder to start from.
    """

    architecture: str = "wide_resnet"
    depth: int = 28
    width: int = 10
    num_classes: int = 10
    weights: str | None = None

    def validate(self) -> None:
        """Checks depth, width and classes."""
        require(
            self.depth >= 10 and (self.depth - 4) % 6 == 0,
            f"Expected depth={self.depth} to be one of 10, 16, 22, 28 and so on.",
        )
        require(self.width > 0, f"Expected width={self.width} > 0.")
        require(self.num_classes > 1, f"Expected num_classes={self.num_classes} > 1.")
