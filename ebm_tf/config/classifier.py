"""The settings of networks that classify."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from ebm_tf.config.core import Settings, require
from ebm_tf.config.networks import AnyNetwork, PixelRange

_ANY = None
_NORMALISED = ("batch", "frozen")
# By setting: what the architectures of this program can have. Those that are not named
# have the usual value alone. Pixels are looked at when a network is built, as weights
# may bring another architecture.
_ALLOWED: Mapping[str, Mapping[str, tuple[Any, ...] | None]] = {
    "norm": {
        **dict.fromkeys(("wide_resnet", "small_cnn", "mlp"), _ANY),
        **dict.fromkeys(("resnet", "preact_resnet"), _NORMALISED),
        **dict.fromkeys(("robustbench_wrn", "dm_wrn"), _NORMALISED),
        "sngan": ("none",),
    },
    "dropout": dict.fromkeys(("wide_resnet", "small_cnn", "robustbench_wrn"), _ANY),
    "stem": dict.fromkeys(("resnet", "preact_resnet"), _ANY),
    "pooling": dict.fromkeys(("small_cnn", "sngan"), _ANY),
    "final_norm": {"preact_resnet": _ANY},
    "raw_shortcut": {"preact_resnet": _ANY},
}
_ARCHITECTURES = {name for by_name in _ALLOWED.values() for name in by_name}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierNetwork(AnyNetwork):
    """A network from images to logits.

    Attributes:
      architecture: "wide_resnet", "robustbench_wrn", "dm_wrn", "resnet",
        "preact_resnet", "small_cnn", "mlp" for points, or "sngan", which is without
        normalisation; or one's own: FILE.py:function (docs/own_networks.md) or
        FILE.keras.
      depth: number of layers, of an "mlp" of hidden ones; the published one if None.
      width: channels of the first layers, of wide ones their factor; the published
        ones if None.
      num_classes: how many logits.
      stem: of a "resnet" and a "preact_resnet" what comes first: one 3x3 convolution,
        "cifar", or a strided 7x7 one and a maximum over 3x3, "imagenet", for large
        images.
      norm: "batch", "frozen" for statistics that stay as they begin, which are those
        of `weights` where some are named, or "none"; with these two the network
        computes each image by itself; of one's own, whether it has any.
      activation: any Keras activation; "leaky_relu" has the slope 0.2. A "dm_wrn" is
        published with "silu".
      dropout: the share of features that is dropped in training mode, in [0, 1).
      energy_head: whether E(x) is minus a further output, not -logsumexp of the logits.
      pooling: what the last layer sees: the "mean" over space of the last features, or,
        of a "small_cnn" and an "sngan", with "none" all of them: location counts then.
      final_norm: of a "preact_resnet", whether its last sum is normalised.
      raw_shortcut: of a "preact_resnet", whether the convolutions of its shortcuts see
        what comes into a block before it is normalised and activated.
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
    pooling: Literal["mean", "none"] = "mean"
    final_norm: bool = True
    raw_shortcut: bool = False

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
        if self.architecture in _ARCHITECTURES:  # else what builds it knows
            for name, by_architecture in _ALLOWED.items():
                self._require_allowed(name, by_architecture)

    def _require_allowed(
        self, name: str, by_architecture: Mapping[str, tuple[Any, ...] | None]
    ) -> None:
        value, usual = getattr(self, name), (getattr(type(self), name),)
        allowed = by_architecture.get(self.architecture, usual)
        *first, last = (repr(a) for a, v in by_architecture.items() if v is _ANY)
        others = f"{', '.join(first)} and {last}" if first else last
        require(
            allowed is _ANY or value in allowed,
            f"Expected {name}={value!r} to be {' or '.join(map(repr, allowed or ()))} "
            f"where architecture={self.architecture!r}: only {others} can have any.",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PretrainedClassifier(Settings):
    """A classifier of `keras.applications`, with the weights that it comes with.

    Attributes:
      name: such as "EfficientNetB7"; its logits are taken, not its probabilities.
      image_size: to which images are resized.
      pixel_range: what the network expects of pixels, where its weights were not
        learned with Keras' own `preprocess_input`, which is used if None.
      num_classes: how many logits.
      weights: "imagenet", or a weight file.
    """

    name: str
    image_size: int
    pixel_range: PixelRange | None = None
    num_classes: int = 1000
    weights: str = "imagenet"

    def validate(self) -> None:
        """Checks the size and the number of classes."""
        self.require_positive("image_size")
        self.require_least(2, "num_classes")
