"""Experiments that draw images of classes from a classifier, or from an energy."""

import dataclasses
from typing import ClassVar, Literal

from ebm_tf.config.classifier import ClassifierNetwork, PretrainedClassifier
from ebm_tf.config.core import Settings, require, runtime
from ebm_tf.config.fid import MeasuredChains
from ebm_tf.config.parts import AnyLangevin, MomentumLangevin, Network


@dataclasses.dataclass(frozen=True, kw_only=True)
class UniformStart(Settings):
    """Noise that is uniform in [-scale, scale]."""

    scale: float = 1.0

    def validate(self) -> None:
        """Checks the scale."""
        self.require_positive("scale")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassGaussian(Settings):
    """A normal distribution of the images of the class, all of its covariance."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassPca(Settings):
    """A normal distribution along the main components of the images of the class.

    Source: Mirza et al. (2024).

    Attributes:
      retained: components are taken as long as their variances add up to less than
        this share of the whole, in (0, 1].
      num_components: so many in place of that; by `retained` if None.
      temperature: factor of the standard deviations, tau. The published sigma of n
        images is tau / sqrt(n - 1): 0.005 of 5,000 images is 0.354.
    """

    retained: float = 0.95
    num_components: int | None = None
    temperature: float = 0.354

    def validate(self) -> None:
        """Checks the share, the number and the temperature."""
        self.require_in("(0, 1]", "retained")
        self.require_least(1, "num_components")
        self.require_least(0, "temperature")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoisyData(Settings):
    """Images of the class with normal noise.

    Attributes:
      stddev: of the noise, in units of images in [-1, 1].
      num_per_class: so many images of each class, drawn by the seed, are begun from.
    """

    stddev: float = 0.6
    num_per_class: int = 500

    def validate(self) -> None:
        """Checks the deviation and the number."""
        self.require_least(0, "stddev")
        self.require_positive("num_per_class")


OneStart = UniformStart | ClassGaussian | ClassPca | NoisyData


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixture(Settings):
    """Each chain begins from one of several starts, drawn with equal probabilities."""

    of: tuple[OneStart, ...]

    def validate(self) -> None:
        """Checks that there are several."""
        require(len(self.of) > 1, "Expected several starts in the mixture.")


AnyStart = OneStart | Mixture

# "joint": E(x, y); "marginal": E(x); "posterior": E(x, y) - E(x) = -log p(y | x);
# "reference": (E(x, y) - its mean over images of y)^2; "mahalanobis": the squared
# distance of the logits from those of images of y, by their covariance.
Potential = Literal["joint", "marginal", "posterior", "reference", "mahalanobis"]
NEED_STATISTICS = ("reference", "mahalanobis")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variation(Settings):
    """A setting, and the values that it takes one after the other.

    Attributes:
      setting: its dotted path, as --set takes it.
      values: in place of that of the experiment. A start, say, is a text such as
        "{'type': 'ClassGaussian'}".
    """

    setting: str
    values: tuple[int | float | str, ...]

    def validate(self) -> None:
        """Checks that there are values."""
        require(
            len(self.values) > 0
            and len(set(map(str, self.values))) == len(self.values),
            f"Expected different values of {self.setting}, got {self.values}.",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageGeneration(MeasuredChains):
    """Draws images of classes by descending an energy of a classifier (Mirza, 2024).

    Attributes:
      test_split: images of other than `data`, on which judges of classes are judged.
      energy: the classifier; or the network of an energy, which has no classes, with
        conditional=False.
      potential: what is descended.
      start: where chains begin.
      classes: chains have these in turn; all if None.
      stop_within: an image stops once its E(x, y) is nearer than this to the mean over
        the images of its class; none does if None.
      num_statistics: images of `data`, drawn by the seed, from which means and
        covariances of logits are taken, where the potential or stopping needs them.
      variations: settings to vary, each alone, from those of this experiment; every
        value is measured as an experiment of its own.
      num_steps: steps from start to image.
      export: whether the images are written as PNG files too, a folder a class.
    """

    executable: ClassVar[str] = "generate"

    test_split: str = "test"
    langevin: AnyLangevin = MomentumLangevin(
        drift=1.6, noise=0.0025, momentum=0.0, image_bound=1.0
    )
    temperature: float = 1.0
    conditional: bool = True
    energy: ClassifierNetwork | PretrainedClassifier | Network = ClassifierNetwork()
    potential: Potential = "joint"
    start: AnyStart = ClassPca()
    classes: tuple[int, ...] | None = None
    stop_within: float | None = None
    num_statistics: int = 10_000
    num_samples: int = 1000
    variations: tuple[Variation, ...] = ()
    export: bool = runtime(True)

    def validate(self) -> None:
        """Checks that classes are there where something needs them."""
        super().validate()
        self.require_positive("stop_within", "num_statistics")
        is_energy = isinstance(self.energy, Network)
        require(
            self.conditional != is_energy,
            f"Expected conditional={not is_energy}: chains have classes where the "
            "energy is a classifier, and only there.",
        )
        if self.classes is not None:
            require(
                len(set(self.classes)) == len(self.classes) > 0
                and min(self.classes) >= 0,
                f"Expected classes={self.classes} to be different, from 0 on.",
            )
        if is_energy:
            self._check_without_classes()

    def _check_without_classes(self) -> None:
        require(
            self.potential == "marginal" and self.stop_within is None,
            "Expected potential='marginal' and no stop_within where the energy has no "
            "classes.",
        )
        require(
            isinstance(self.start, UniformStart) and self.classes is None,
            "Expected start=UniformStart() and no classes where the energy has none.",
        )

    @property
    def needs_statistics(self) -> bool:
        """Whether means of the classifier over its classes are needed."""
        return self.potential in NEED_STATISTICS or self.stop_within is not None
