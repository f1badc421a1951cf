"""Experiments with an energy-based model."""

import dataclasses
from typing import ClassVar

from ebm_tf.config.chains import BurnIn, Persistent, Transient
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import Experiment, adjustable, require, runtime
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import (
    AnyLangevin,
    Data,
    GeneratorNetwork,
    Guard,
    Network,
    Samples,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampledExperiment(Experiment):
    """Has an energy U that is sampled by Langevin chains.

    Attributes:
      data: images, and their size.
      temperature: T, by which U is divided.
      gaussian_stddev: tau of a term |x|^2 / (2 tau^2); no Gaussian if None.
      langevin: the step that samples; its type chooses the kernel.
      conditional: whether each chain has a class y and samples, in place of E(x),
        E(x, y) = -logit of y; the energy must be a classifier.
    """

    in_lanes: ClassVar[bool] = True

    data: Data
    langevin: AnyLangevin
    temperature: float
    gaussian_stddev: float | None = None
    conditional: bool = False

    def validate(self) -> None:
        """Checks that what divides is positive."""
        super().validate()
        self.require_positive("temperature", "gaussian_stddev")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EbmExperiment(SampledExperiment):
    """Has networks whose energy is sampled: U / T + P / T_p + |x|^2 / (2 tau^2).

    Attributes:
      energy: the network U; of a classifier, E(x) = -logsumexp of its logits.
      prior: a network P that was learned before and stays as it is; none if None.
      prior_temperature: T_p; the temperature if None.
      generator: of the starts of chains, or of the data; none if None.
    """

    energy: Network | ClassifierNetwork = Network()
    prior: Network | None = None
    prior_temperature: float | None = None
    generator: GeneratorNetwork | None = None

    def validate(self) -> None:
        """Checks that what divides is positive."""
        super().validate()
        self.require_positive("prior_temperature")
        require(
            self.prior is not None or self.prior_temperature is None,
            "Expected a prior where there is a prior_temperature.",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class EbmLearning(EbmExperiment):
    """Learns the energy U of images by Langevin sampling (Hill et al., 2022).

    Of a classifier, E(x) is learned, also from chains that sample E(x, y).

    Attributes:
      chains: where they live.
      data_epsilon: standard deviation of the noise that is added to data.
      num_updates: updates of the weights.
      batch: images and chains per update, over all replicas.
      energy_optimizer: of the energy's weights.
      generator_optimizer: learns the generator from the chains; a generator without
        it stays as it is.
      samples: the fresh chains that are measured at the end.
      guard: when learning counts as diverged, and what then happens.
      log_every: updates between lines of metrics.
      picture_every: updates between pictures.
      save_every: updates between checkpoints.
    """

    chains: Persistent | Transient | BurnIn
    data_epsilon: float
    num_updates: int = adjustable(150_000)
    batch: int = 128
    energy_optimizer: Optimizer = Optimizer()
    generator_optimizer: Optimizer | None = None
    guard: Guard = Guard()
    samples: Samples = adjustable(Samples())
    log_every: int = runtime(500)
    picture_every: int = runtime(5000)
    save_every: int = runtime(5000)

    def validate(self) -> None:
        """Checks counts, and that what is needed is there."""
        super().validate()
        self.require_positive(
            "batch", "num_updates", "log_every", "picture_every", "save_every"
        )
        self.require_least(0, "data_epsilon")
        for name in ("bank_size", "burn_in_size"):
            size = getattr(self.chains, name, self.batch)
            require(
                self.batch <= size,
                f"Expected batch={self.batch} to be at most {name}={size}.",
            )
        self._validate_generator()

    def _validate_generator(self) -> None:
        generated = self.chains.start == "generator"
        require(
            self.generator is not None or not generated,
            "Expected a generator where chains start from one.",
        )
        require(
            self.generator_optimizer is None or generated,
            "Expected chains.start='generator' where a generator is learned.",
        )
        if self.data.name == "generator":
            require(
                self.generator is not None and self.generator_optimizer is None,
                "Expected a generator that is not learned where it makes the data.",
            )
            require(
                self.chains.start != "data",
                "Expected chains.start other than 'data' where a generator makes it.",
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class EbmTraining(EbmLearning):
    """Learns a short-run, mid-run or prior energy."""

    executable: ClassVar[str] = "train"

    chains: Persistent | Transient


@dataclasses.dataclass(frozen=True, kw_only=True)
class LongRunTraining(EbmLearning):
    """Learns a density: corrects a prior energy, by chains that are old."""

    executable: ClassVar[str] = "train_longrun"

    chains: BurnIn
    num_updates: int = adjustable(250_000)
    prior: Network | None = Network()
    gaussian_stddev: float | None = 0.15
    energy_optimizer: Optimizer = Optimizer(average_decay=0.0)

    def validate(self) -> None:
        """Checks that there is a prior, and that the generator stays as it is."""
        super().validate()
        require(self.prior is not None, "Expected a prior, which is corrected.")
        require(
            self.generator_optimizer is None,
            "Expected no generator_optimizer: old chains have no latents.",
        )
