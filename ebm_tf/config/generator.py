"""Experiments that learn a generator."""

import dataclasses
from typing import ClassVar

from ebm_tf.config.core import Experiment, Settings, adjustable, require, runtime
from ebm_tf.config.optimizers import Cosine, Linear, Optimizer, Warmup
from ebm_tf.config.parts import Data, DiscriminatorNetwork, GeneratorNetwork, Guard

ADAM = Optimizer(learning_rate=2e-4, beta_1=0.0, beta_2=0.9)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hinge(Settings):
    """Scores of data are raised, those of generated images lowered (Miyato et al.)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultiHinge(Settings):
    """The discriminator classifies images; of its classes "generated" is one more.

    It is that of Kavalerov et al. (2021); the generator matches features, too.

    Attributes:
      class_weight: of the generator's loss, that its images are of their classes.
      feature_weight: of the distance of mean features from those of data.
    """

    class_weight: float = 0.05
    feature_weight: float = 1.0

    def validate(self) -> None:
        """Checks the weights."""
        self.require_least(0, "class_weight", "feature_weight")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratorTraining(Experiment):
    """Learns a generator against a discriminator (Miyato et al., 2018).

    Attributes:
      data: images to learn from.
      generator: maps latents to images; with `num_classes` it learns the classes that
        the labels of the data name.
      discriminator: scores data above generated images.
      objective: what the two minimise; `MultiHinge` needs classes.
      generator_optimizer: of the generator's weights.
      discriminator_optimizer: of the discriminator's weights; its schedule counts the
        discriminator's own updates.
      discriminator_updates: of the discriminator, before each of the generator.
      num_updates: updates of the generator.
      batch: images of data, and as many generated ones, per update of either network,
        over all replicas.
      num_samples: generated images that are measured.
      guard: when learning counts as diverged, and what then happens.
      log_every: updates between lines of metrics.
      picture_every: updates between pictures.
      measure_every: updates between measurements of samples.
      save_every: updates between checkpoints.
    """

    executable: ClassVar[str] = "train_gen"

    data: Data
    generator: GeneratorNetwork = GeneratorNetwork()
    discriminator: DiscriminatorNetwork = DiscriminatorNetwork()
    objective: Hinge | MultiHinge = Hinge()
    generator_optimizer: Optimizer = ADAM
    discriminator_optimizer: Optimizer = dataclasses.replace(ADAM, average_decay=0.0)
    discriminator_updates: int = 5
    num_updates: int = adjustable(100_000)
    batch: int = 64
    num_samples: int = adjustable(1000)
    guard: Guard = Guard()
    log_every: int = runtime(500)
    picture_every: int = runtime(5000)
    measure_every: int = runtime(5000)
    save_every: int = runtime(5000)

    def validate(self) -> None:
        """Checks counts, and that the generator can be learned."""
        super().validate()
        self.guard.require_default_energy_bound()
        self.require_positive(
            "discriminator_updates",
            "num_updates",
            "batch",
            "log_every",
            "picture_every",
            "measure_every",
            "save_every",
        )
        self._require_rates()
        self.require_least(2, "num_samples")
        require(
            self.data.name != "generator",
            "Expected data of a dataset, but data.name='generator'.",
        )
        require(
            self.generator.architecture != "biggan_conditional",
            "Expected generator.architecture='sngan' with generator.num_classes: "
            "'biggan_conditional' normalises by tables and cannot be learned.",
        )
        require(
            isinstance(self.objective, Hinge) or self.generator.num_classes is not None,
            "Expected generator.num_classes where the objective is MultiHinge.",
        )

    def _require_rates(self) -> None:
        """Refuses updates that would learn nothing."""
        counts = {
            "generator_optimizer": self.num_updates,
            "discriminator_optimizer": self.num_updates * self.discriminator_updates,
        }
        ended = {}
        for name, count in counts.items():
            rate, path = getattr(self, name).learning_rate, f"{name}.learning_rate"
            if isinstance(rate, Warmup):
                rate, path = rate.then, f"{path}.then"
            if isinstance(rate, Linear | Cosine) and rate.last == 0:
                if rate.num_steps < count:
                    ended[f"{path}.num_steps"] = count
        least = " and ".join(f"{name} >= {count}" for name, count in ended.items())
        require(
            not ended,
            f"Expected {least}, as many as with num_updates={self.num_updates}: the "
            "last would learn nothing.",
        )
