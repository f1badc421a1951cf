"""Experiments that measure the samples of a learned model."""

import dataclasses
import math
import re
import typing
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

from ebm_tf.config.chains import Start, Transient
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import Settings, adjustable, require, runtime
from ebm_tf.config.ebm import EbmExperiment, SampledExperiment

FeatureName = Literal["inception_2015", "inception_keras", "classifier", "pixels"]
_PUBLISHED = "inception_2015"
_OLD_NAME = re.compile(r"(fid|kid|frechet_pixel)(_.+)?")
_ROWS = ("by_num_steps", "by_update")  # of results, which are metrics, too


def distance_name(features: str) -> str:
    """What results call the Fréchet distance by features: frechet_pixels, say.

    It is "fid" only by those of the graph by which such distances are published.
    """
    return "fid" if features == _PUBLISHED else f"frechet_{features}"


def kernel_name(features: str) -> str:
    """What results call the kernel distance by features: likewise "kid" or another."""
    return "kid" if features == _PUBLISHED else f"kernel_{features}"


def name_now(name: str, features: str | None = None) -> str:
    """The name of a metric, of which earlier versions may have had another.

    They called every distance fid and kid, and that of fresh samples frechet_pixel.

    Args:
      name: such as fid_extrapolated.
      features: by which it was measured, where that is known.
    """
    old = _OLD_NAME.fullmatch(name)
    if old is None or (features is None and old[1] != "frechet_pixel"):
        return name
    names = {
        "fid": distance_name(str(features)),
        "kid": kernel_name(str(features)),
        "frechet_pixel": distance_name("pixels"),
    }
    return names[old[1]] + (old[2] or "")


def named_now(
    results: Mapping[str, Any], features: str | None = None
) -> dict[str, Any]:
    """Results that any version wrote, by the names that metrics have now.

    Args:
      results: of a run, with their rows `by_num_steps` and the like.
      features: by which they were measured, where they do not say it.
    """
    features = results.get("features", features)

    def value_now(name: str, value: Any) -> Any:
        if name not in _ROWS or not isinstance(value, list):
            return value
        return [named_now(row, features) for row in value if isinstance(row, Mapping)]

    return {
        name_now(name, features): value_now(name, value)
        for name, value in results.items()
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureExtractor(Settings):
    """What images are compared by.

    Attributes:
      name: "inception_2015", by which published distances are made; "inception_keras",
        "classifier" and "pixels", which are comparable with themselves only.
      weights: of inception_2015, classify_image_graph_def.pb or the archive that holds
        it; of inception_keras, a file, or Keras' own if None; of a classifier, a
        weight file, a run folder, release:NAME, or a network of one's own.
      classifier: the network of name="classifier".
    """

    name: FeatureName
    weights: str | None = None
    classifier: ClassifierNetwork | None = None

    def validate(self) -> None:
        """Checks that a classifier is there where it is needed."""
        require(
            (self.name == "classifier") == (self.classifier is not None),
            "Expected features.classifier where features.name='classifier', and only "
            "there.",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep(Settings):
    """The saved weights of a run that are measured one after the other.

    Attributes:
      first: the first number of updates.
      last: the last one; no end if None.
      every: only multiples of this many updates.
    """

    first: int = 1
    last: int | None = None
    every: int = 1

    def validate(self) -> None:
        """Checks that the range is one."""
        self.require_positive("every")
        require(
            self.last is None or self.first <= self.last,
            f"Expected first={self.first} to be at most last={self.last}.",
        )

    def chosen(self, steps: Iterable[int]) -> list[int]:
        """Those of some numbers of updates that are measured."""
        last = math.inf if self.last is None else self.last
        return [s for s in steps if self.first <= s <= last and s % self.every == 0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeasuredChains(SampledExperiment):
    """Runs Langevin chains of learned networks and measures their images.

    Attributes:
      weights: the folder of the run that learned the networks, or release:NAME; its
        networks are used where none are named for them.
      weights_kind: whether the run's averaged or raw weights are meant.
      num_samples: chains in all.
      batch: chains at once, over all replicas.
      num_steps: Langevin steps from start to sample; of several numbers, each is
        measured on the same chains. 0 measures what the chains begin from.
      denoising_steps: further steps without noise before a sample is taken.
      features: what images are compared by.
      reference: a file of moments to compare with, as published or as another
        measurement left it in its folder `moments`; the moments of `data` if None.
      num_reference: images of `data` to compare with; all if None.
      record_every: Langevin steps between records of energies, which are also the
        segments in which chains are run; a hundredth of all if None.
      save_every: segments between checkpoints.
    """

    features: FeatureExtractor
    weights: str | None = None
    weights_kind: Literal["averaged", "raw"] = "averaged"
    num_samples: int = 50_000
    batch: int = 96
    num_steps: int | tuple[int, ...] = 100
    denoising_steps: int = 0
    reference: str | None = None
    num_reference: int | None = adjustable(None)
    record_every: int | None = None
    save_every: int = runtime(10)

    def validate(self) -> None:
        """Checks counts."""
        super().validate()
        self.require_positive("batch", "save_every")
        self.require_least(2, "num_samples", "num_reference")
        self.require_least(1, "record_every")
        self.require_rising("num_steps")
        self.require_least(0, "denoising_steps")

    @property
    def measured_steps(self) -> tuple[int, ...]:
        """The numbers of Langevin steps after which images are measured."""
        steps = self.num_steps
        return steps if isinstance(steps, tuple) else (steps,)

    @property
    def moves(self) -> bool:
        """Whether chains move at all, for which they need the energy."""
        return self.measured_steps[-1] > 0 or self.denoising_steps > 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampleMeasurement(MeasuredChains, EbmExperiment):
    """Runs Langevin chains of a learned model and measures their images.

    Where chains do not move, no energy is asked for, and a run that learned a generator
    will do. With published moments as `reference` the dataset need not be there, unless
    chains begin from it.

    Attributes:
      sweep: measures saved weights of the run one after the other; only the newest
        if None.
      start: where chains begin.
      noise_scale: half-width of the uniform noise of start="noise".
      joint_temperature: J, which divides the energy and its prior together, not the
        Gaussian; 1 where there is no prior.
    """

    executable: ClassVar[str] = "fid"

    sweep: Sweep | None = None
    start: Start = "generator"
    noise_scale: float = 1.0
    joint_temperature: float = 1.0

    def validate(self) -> None:
        """Checks that what is needed is there."""
        super().validate()
        self.require_positive("joint_temperature", "noise_scale")
        require(
            (self.start == "generator") == (self.generator is not None),
            "Expected a generator where start='generator', and only there.",
        )
        require(
            self.prior is not None or self.joint_temperature == 1,
            "Expected a prior where joint_temperature="
            f"{self.joint_temperature} is other than 1.",
        )


def measurement_of(learning: SampledExperiment, **settings: Any) -> SampleMeasurement:
    """The measurement of what an experiment learns, chains beginning where its do.

    Args:
      learning: has the data, the networks, temperatures, Langevin step and `chains`;
        of those without any, chains begin from noise.
      **settings: of `SampleMeasurement`, in place of these.
    """
    shared = _chains_of(learning) | settings
    if shared["start"] != "generator":
        shared["generator"] = None
    return typing.cast(Any, SampleMeasurement)(**shared)


def _chains_of(learning: SampledExperiment) -> dict[str, Any]:
    """The settings of chains; the energy of a joint model is its classifier's."""
    kind = EbmExperiment if isinstance(learning, EbmExperiment) else SampledExperiment
    names = [field.name for field in dataclasses.fields(kind)]
    shared = {name: getattr(learning, name) for name in names}
    if kind is SampledExperiment:
        shared["energy"] = getattr(learning, "classifier")  # noqa: B009
    chains: Any = getattr(learning, "chains", None) or Transient(start="noise")
    return shared | {"start": chains.start, "noise_scale": chains.noise_scale}
