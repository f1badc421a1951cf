"""The settings that experiments are composed of."""

import dataclasses
from typing import Literal

from ebm_tf.config.core import Settings, adjustable, require, runtime
from ebm_tf.config.networks import AnyNetwork


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data(Settings):
    """Which images, and at what size they are used.

    Attributes:
      name: a dataset; one of your own: "folder", "arrays" or FILE.py:function
        (`data.arrays.source_of`); any other of TFDS, NAME or tfds:NAME/CONFIG; or
        "generator" for images that the generator makes.
      image_size: height and width in pixels; 1 where examples are points.
      channels: 1 or 3; of points the number of dimensions.
      split: the part of the dataset that is read.
      random_crop: whether training images are cropped at random, not centrally.
      padding: zeros around training images, of which a random part of the image size
        is used (the shifts of CIFAR-10 recipes); none if 0.
      flip: whether training images are mirrored half of the time.
      image_key: the array of a "arrays", or the feature of a dataset of TFDS, that
        holds images; found by its name and form if None.
      label_key: the same for labels.
      skip_unreadable: whether files of a "folder" that cannot be read are left out,
        not an error.
      path: the images of a "folder", which may be a zip or a tar, or the npz or npy
        of "arrays"; none for other names. Content is compared, not the place.
      directory: where TFDS datasets lie; TFDS's own choice if None (--data_dir).
    """

    name: str
    image_size: int
    channels: int = 3
    split: str = "train"
    random_crop: bool = False
    padding: int = 0
    flip: bool = False
    image_key: str | None = None
    label_key: str | None = None
    skip_unreadable: bool = False
    path: str | None = runtime(None)
    directory: str | None = runtime(None)

    def validate(self) -> None:
        """Checks size and channels."""
        self.require_positive("image_size")
        self.require_positive("channels")
        require(
            self.channels in (1, 3) or self.image_size == 1,
            f"Expected channels={self.channels} to be 1 or 3.",
        )
        self.require_least(0, "padding")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network(AnyNetwork):
    """An energy network.

    Attributes:
      architecture: "sngan" or "biggan"; or one's own: FILE.py:function
        (docs/own_networks.md) or FILE.keras.
      width: channels of the narrowest block; the published ones if None.
      activation: any Keras activation.
      pooling: what the energy is a weighted sum of: the "mean" over space of the last
        features, or with "none" all of them, so that location counts, which helps where
        objects are aligned, as MNIST's digits.
    """

    architecture: str = "sngan"
    width: int | None = None
    activation: str = "relu"
    pooling: Literal["mean", "none"] = "mean"

    def validate(self) -> None:
        """Checks the width."""
        self.require_positive("width")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratorNetwork(AnyNetwork):
    """A generator network.

    Attributes:
      architecture: "sngan", "biggan" or "biggan_conditional"; or one's own:
        FILE.py:function (docs/own_networks.md) or FILE.keras.
      width: channels of the narrowest block; the published ones if None.
      latent_size: length of the normal latent vector.
      num_classes: of a "sngan", how many classes its batch normalisation has scales
        and offsets for; of one's own, how many classes the last column of its latents
        names; unconditional if None.
      batch_norm_epsilon: that of the architecture if None; 1e-5 for SNGAN weights
        that were learned with PyTorch.
      batch_norm_training: whether cooperative learning normalises by its own batch;
        adversarial learning always does.
      truncation: of a "biggan_conditional", in (0, 1]: the factor of its latents, and
        the one whose statistics normalise; 1 if None.
      for_rectifiers: of a "sngan", whether the 3x3 kernels of its blocks begin within
        Glorot's bound times the root of 2 (Lee and Town, 2020), not within the bound.
    """

    architecture: str = "sngan"
    width: int | None = None
    latent_size: int = 128
    num_classes: int | None = None
    batch_norm_epsilon: float | None = None
    batch_norm_training: bool = False
    truncation: float | None = None
    for_rectifiers: bool = False

    def validate(self) -> None:
        """Checks width, latent size, classes, epsilon and truncation."""
        self.require_positive("width", "latent_size", "batch_norm_epsilon")
        self.require_least(2, "num_classes")
        self.require_in("(0, 1]", "truncation")
        require(
            self.num_classes is None or self.architecture == "sngan" or self.is_own,
            f"Expected no num_classes={self.num_classes} where "
            f"architecture={self.architecture!r}: only that of 'sngan' can be chosen.",
        )
        require(
            self.truncation is None or self.architecture == "biggan_conditional",
            f"Expected no truncation={self.truncation} where "
            f"architecture={self.architecture!r}: only 'biggan_conditional' has "
            "statistics for it.",
        )
        require(
            not self.for_rectifiers or self.architecture == "sngan",
            f"Expected for_rectifiers=False where architecture={self.architecture!r}: "
            "only 'sngan' can begin so.",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiscriminatorNetwork(AnyNetwork):
    """A network that discriminates data from generated images.

    Attributes:
      architecture: "sngan"; or one's own: FILE.py:function (docs/own_networks.md) or
        FILE.keras.
      width: channels of the narrowest block; the published ones if None.
      spectral_norm: whether every layer is divided by its largest singular value.
    """

    architecture: str = "sngan"
    width: int | None = None
    spectral_norm: bool = True

    def validate(self) -> None:
        """Checks the width."""
        self.require_positive("width")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Langevin(Settings):
    """One Langevin step: x <- x - drift * gradient + noise * normal.

    Attributes:
      noise: standard deviation of the noise (epsilon).
      drift: factor of the energy's gradient; noise**2 / 2, the Langevin value, if None.
      max_drift: the longest way in Euclidean norm that the drift moves one image in
        one step; no limit if None.
    """

    noise: float
    drift: float | None = None
    max_drift: float | None = None

    def validate(self) -> None:
        """Checks that noise and drifts are not negative."""
        self.require_least(0, "noise")
        self.require_positive("drift", "max_drift")
        require(
            self.drift is not None or self.noise > 0,
            "Expected a drift where noise=0.0.",
        )

    @property
    def drift_factor(self) -> float:
        """The factor of the gradient."""
        return self.noise**2 / 2 if self.drift is None else self.drift


@dataclasses.dataclass(frozen=True, kw_only=True)
class MomentumLangevin(Langevin):
    """A step with momentum: v <- momentum * v - drift * gradient, x <- x + v + noise.

    Attributes:
      drift: factor of the gradient; (1 - momentum) * noise**2 / 2 if None: a steady
        gradient moves an image by drift / (1 - momentum), the Langevin value then.
      max_drift: bounds drift * gradient of one image, as it does there.
      momentum: the share of the velocity that is kept from step to step, in [0, 1).
      max_step: bound on the way of each entry of an image in one step, its noise
        included; no bound if None.
      image_bound: each entry of an image is kept in [-bound, bound] after every step;
        no bound if None.
    """

    momentum: float
    max_step: float | None = None
    image_bound: float | None = None

    def validate(self) -> None:
        """Checks the momentum and the bounds too."""
        super().validate()
        self.require_in("[0, 1)", "momentum")
        self.require_positive("max_step", "image_bound")

    @property
    def drift_factor(self) -> float:
        """The factor of the gradient."""
        steady = super().drift_factor
        return steady if self.drift is not None else (1 - self.momentum) * steady


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClippedLangevin(Langevin):
    """A Langevin step of a clipped gradient, which keeps images within bounds.

    Without noise it is the proximal step of JEM++ (Yang and Ji, 2021).

    Attributes:
      max_gradient: bound on each entry of the gradient, which is that of the energy
        over its temperature; no bound if None.
      image_bound: each entry of an image is kept in [-bound, bound] after every step,
        its noise included; no bound if None.
    """

    max_gradient: float | None = None
    image_bound: float | None = None

    def validate(self) -> None:
        """Checks the bounds too."""
        super().validate()
        self.require_positive("max_gradient", "image_bound")


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeunLangevin(MomentumLangevin):
    """A step with momentum along the mean of two gradients, by the rule of Heun.

    The second gradient is that at the end of a plain step along the first one. A step
    costs two evaluations of the energy.
    """


AnyLangevin = Langevin | MomentumLangevin | ClippedLangevin | HeunLangevin


@dataclasses.dataclass(frozen=True, kw_only=True)
class Guard(Settings):
    """When learning counts as diverged, and what then happens.

    Attributes:
      max_energy_difference: bound on the energy difference (over temperature) per
        image dimension, where an energy is learned.
      max_rollbacks: how often a run goes back to its last good checkpoint: not to one
        that led to a divergence before, nor to one whose last ten energy differences
        have a mean beyond a tenth of the bound, nor to that of a stop.
      rate_factor: factor of the learning rates at each rollback.
    """

    max_energy_difference: float = adjustable(1000.0)
    max_rollbacks: int = adjustable(3)
    rate_factor: float = adjustable(0.5)

    def validate(self) -> None:
        """Checks bounds."""
        self.require_positive("max_energy_difference")
        self.require_least(0, "max_rollbacks")
        self.require_in("(0, 1]", "rate_factor")

    def require_default_energy_bound(self) -> None:
        """Checks that no bound is set, where no energy is learned.

        Raises:
          ConfigError: if there is one.
        """
        usual = Guard.max_energy_difference
        require(
            self.max_energy_difference == usual,
            f"Expected guard.max_energy_difference={usual:g}, its default: this "
            "experiment learns no energy that it could bound.",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Samples(Settings):
    """The fresh chains that are measured when learning has ended.

    Attributes:
      num_samples: how many.
      num_steps: Langevin steps from start to sample.
      denoising_steps: further steps without noise.
    """

    num_samples: int = 1000
    num_steps: int = 100
    denoising_steps: int = 0

    def validate(self) -> None:
        """Checks counts."""
        self.require_least(0, "denoising_steps")
        self.require_least(1, "num_steps")
        self.require_least(2, "num_samples")
