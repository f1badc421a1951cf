"""Experiments that measure what a classifier knows, and what it knows not to know."""

import dataclasses
from typing import ClassVar, Literal

from ebm_tf.config.attack_energies import AttackEnergies
from ebm_tf.config.classifier import ClassifierNetwork, PretrainedClassifier
from ebm_tf.config.core import Experiment, Settings, require
from ebm_tf.config.corruption import AnyCorruptions
from ebm_tf.config.fid import FeatureExtractor
from ebm_tf.config.kinds import is_reference
from ebm_tf.config.parts import AnyLangevin, Data
from ebm_tf.config.splits import require_disjoint

# The name of the test images among the sets that are compared.
TEST = "test"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OtherImages(Settings):
    """Images of another distribution than those of the classes.

    Attributes:
      num: at most so many of them; as many as there are, or as there are test images,
        if None.
      label: their name in results; one that says what they are if None.
    """

    num: int | None = None
    label: str | None = None

    def validate(self) -> None:
        """Checks the number, and that the name can be that of a file."""
        self.require_least(2, "num")
        require(
            self.name.isprintable()
            and not set(self.name) & set("/\\ ")
            and self.name.strip(".") not in ("", TEST),
            f"Expected label={self.name!r} to be a word that can name a file, other "
            f"than {TEST!r}.",
        )

    @property
    def name(self) -> str:
        """What the set is called in results."""
        return self.label or self._own_name()

    def _own_name(self) -> str:
        words = type(self).__name__
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in words)[1:]


@dataclasses.dataclass(frozen=True, kw_only=True)
class NamedData(OtherImages):
    """Images of a dataset; of a larger one, some that are drawn by the seed.

    Attributes:
      data: which; where its `image_size` is another than that of the classifier, the
        images are resized once more.
    """

    data: Data

    def _own_name(self) -> str:
        name = self.data.name
        return name.rpartition(":")[2] if is_reference(name) else name


@dataclasses.dataclass(frozen=True, kw_only=True)
class UniformNoise(OtherImages):
    """Pixels that are uniform in [-1, 1] and independent."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GaussianNoise(OtherImages):
    """Independent normal pixels of mean 0, clipped to [-1, 1].

    Attributes:
      stddev: their standard deviation before they are clipped.
    """

    stddev: float = 0.5

    def validate(self) -> None:
        """Checks the deviation too."""
        super().validate()
        self.require_positive("stddev")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inverted(OtherImages):
    """The negatives of the test images, x -> -x."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interpolated(OtherImages):
    """Means of each test image and another one (Grathwohl et al., 2020)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rotated(OtherImages):
    """The test images, turned by 90 degrees against the clock."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistalAdversarials(Settings):
    """Images that begin as noise and climb log p(class | x).

    Attributes:
      num_per_class: images of each class.
      num_steps: steps at most.
      step_size: Euclidean length of a step, in 255ths of the pixel range.
      confidence: an image stops once the probability of its class exceeds it.
    """

    num_per_class: int = 10
    num_steps: int = 500
    step_size: float = 12.75
    confidence: float = 0.9

    def validate(self) -> None:
        """Checks counts, the step and the confidence."""
        self.require_positive("num_per_class", "num_steps", "step_size")
        self.require_in("(0, 1)", "confidence")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratedSamples(Settings):
    """Chains that sample the energies of the classifier, and how they are measured.

    What is None is as in the run that learned the classifier, where that sampled its
    energy. For other classifiers, steps, Langevin settings and temperature must be
    given, and chains start from noise in [-1, 1].

    Attributes:
      num_samples: fresh chains of E(x), and as many of E(x, y), whose classes are
        balanced. Of a replay buffer so many are drawn, or all.
      num_steps: Langevin steps from start to sample.
      denoising_steps: further steps without noise.
      langevin: the step; its type chooses the kernel.
      temperature: T, by which energies are divided.
      start: where chains begin.
      noise_scale: half-width of the uniform noise of start="noise".
      features: what images are compared by.
      num_reference: images of `data` to compare with; all, not the run's, if None.
    """

    num_samples: int = 1000
    num_steps: int | None = None
    denoising_steps: int | None = None
    langevin: AnyLangevin | None = None
    temperature: float | None = None
    start: Literal["noise", "data", "class_gaussian"] | None = None
    noise_scale: float | None = None
    features: FeatureExtractor = FeatureExtractor(name="pixels")
    num_reference: int | None = None

    def validate(self) -> None:
        """Checks counts, and that what divides is positive."""
        self.require_least(2, "num_samples", "num_reference")
        self.require_least(1, "num_steps")
        self.require_least(0, "denoising_steps")
        self.require_positive("temperature", "noise_scale")


AnyOtherImages = (
    NamedData | UniformNoise | GaussianNoise | Inverted | Interpolated | Rotated
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Analysis(Experiment):
    """Measures accuracy, calibration, detection, samples, and energies under attack.

    Attributes:
      data: the dataset of the classes, the size of its images, and the split that the
        classifier was learned from. No image of that is measured.
      validation_split: the part by which the temperature is fitted.
      test_split: the part that is measured.
      num_validation: the first so many of the validation split; all if None.
      num_test: the first so many of the test split; all if None.
      classifier: what is measured; the settings of the run that learned it, where
        `weights` is one.
      weights: the folder of a run, release:NAME or a weight file.
      weights_kind: of a run: "selected" by validation, "averaged", "raw", or "best",
        the selected ones where there are any, else the averaged ones.
      noise: standard deviations of normal noise that is added to all images, in units
        of images in [-1, 1]; accuracy, calibration and detection are measured with
        each.
      num_bins: of the calibration error, equally wide.
      others: sets of images that should be distinguished from the test images.
      num_draws: of the bootstrap, from which intervals are taken.
      distal: images that are made from noise for each class; none if None.
      samples: chains of the energies that the classifier has; none if None.
      attacks: after which energies are measured; none if None.
      corruptions: corrupted test images; none if None.
      batch: images and chains at once, over all replicas.
    """

    executable: ClassVar[str] = "analyze"

    data: Data
    validation_split: str
    test_split: str = "test"
    num_validation: int | None = None
    num_test: int | None = None
    classifier: ClassifierNetwork | PretrainedClassifier
    weights: str | None = None
    weights_kind: Literal["best", "selected", "averaged", "raw"] = "best"
    noise: tuple[float, ...] = (0.0, 0.03)
    num_bins: int = 20
    others: tuple[AnyOtherImages, ...] = ()
    num_draws: int = 1000
    distal: DistalAdversarials | None = DistalAdversarials()
    samples: GeneratedSamples | None = None
    attacks: AttackEnergies | None = None
    corruptions: AnyCorruptions | None = None
    batch: int = 100

    def validate(self) -> None:
        """Checks counts, splits, noise and the other sets."""
        super().validate()
        self.require_positive("num_validation", "num_bins", "batch")
        self.require_least(2, "num_test", "num_draws")
        require(
            bool(self.noise)
            and all(level >= 0 for level in self.noise)
            and list(self.noise) == sorted(set(self.noise)),
            f"Expected noise={self.noise} to rise from at least 0.",
        )
        require_disjoint(self.data.split, self.validation_split, self.test_split)
        self._check_others()

    def _check_others(self) -> None:
        names = [other.name for other in self.others]
        for name in names:
            require(
                names.count(name) == 1,
                f"Expected sets of different names in others, got two of {name!r}: "
                "give one a label.",
            )
        for other in self.others:
            channels = getattr(other, "data", self.data).channels
            require(
                channels == self.data.channels,
                f"Expected data.channels={channels} of the set {other.name} to be the "
                f"{self.data.channels} of the classifier: with that setting grey "
                "images are repeated and coloured ones become grey.",
            )
