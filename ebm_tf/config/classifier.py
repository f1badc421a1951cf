"""The settings of networks that classify."""

import dataclasses
from typing import Literal

from ebm_tf.config.core import Settings, require
from ebm_tf.config.networks import AnyNetwork, PixelRange

# What only some architectures can have, by the names of settings.
_ALLOWED: dict[str, dict[str, tuple]] = {
    "resnet": {"norm": ("batch", "frozen"), "dropout": (0.0,)},
    "mlp": {"dropout": (0.0,)},
    "sngan": {"norm": ("none",), "dropout": (0.0,)},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierNetwork(AnyNetwork):
    """A network from images to logits.

    Attributes:
      architecture: "wide_resnet", "resnet", "small_cnn", "mlp" for points, or "sngan",
        which is without normalisation; or one's own: FILE.py:function
        (docs/own_networks.md) or FILE.keras.
      depth: number of layers, of an "mlp" of hidden ones; the published one if None.
      width: channels of the first layers, of a "wide_resnet" their factor; the
        published ones if None.
      num_classes: how many logits.
      stem: of a "resnet" what comes first: one 3x3 convolution, "cifar", or a strided
        7x7 one and a maximum over 3x3, "imagenet", for large images.
      norm: "batch", "frozen" for statistics that stay as they begin, which are those
        of `weights` where some are named, or "none"; with these two the network
        computes each image by itself; of one's own, whether it has any.
      activation: any Keras activation; "leaky_relu" has the slope 0.2.
      dropout: the share of features that is dropped in training mode, in [0, 1).
      energy_head: whether E(x) is minus a further output, not -logsumexp of the logits.
    """

    architecture: str = "wide_resnet"
    depth: int | None = None
    width: int | None = None
    num_classes: int = 10
    stem: Literal["cifar", "imagenet"] = "cifar"
    norm: Literal["batch", "frozen", "none"] = "batch"
    activation: str = "relu"
    dropout: float = 0.0
    energy_head: bool = False

    def validate(self) -> None:
        """Checks counts, and what only some architectures have."""
        self.require_positive("depth", "width")
        self.require_least(2, "num_classes")
        self.require_in("[0, 1)", "dropout")
        require(
            not (self.is_own and self.energy_head),
            f"Expected energy_head=False where architecture={self.architecture!r}: a "
            "network of one's own gives the logits of classes.",
        )
        require(
            self.stem == "cifar" or self.architecture == "resnet",
            f"Expected stem={self.stem!r} to be 'cifar' where architecture="
            f"{self.architecture!r}: only 'resnet' has another.",
        )
        for name, allowed in _ALLOWED.get(self.architecture, {}).items():
            value = getattr(self, name)
            require(
                value in allowed,
                f"Expected {name}={value!r} to be {' or '.join(map(repr, allowed))} "
                f"where architecture={self.architecture!r}: only 'wide_resnet' and "
                "'small_cnn' can have any.",
            )


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
    pixel_range: PixelRange
    weights: str = "imagenet"

    def validate(self) -> None:
        """Checks the size."""
        self.require_positive("image_size")
