"""Experiments that learn an energy-based model."""

import dataclasses
from typing import ClassVar

from ebm_tf.config.core import Experiment, adjustable, require, runtime
from ebm_tf.config.parts import (
    Data,
    GeneratorNetwork,
    Guard,
    Langevin,
    Network,
    Optimizer,
    Persistent,
    Samples,
    Transient,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EbmTraining(Experiment):
    """Learns the energy U of images by Langevin sampling (Hill et al., 2022).

    Attributes:
      num_updates: updates of the weights.
      batch: images and chains per update, over all replicas.
      temperature: T of the sampled energy U / T.
      gaussian_stddev: standard deviation (tau) of the Gaussian factor; none if None.
      data_epsilon: standard deviation of the noise that is added to data.
      energy_optimizer: of the energy's weights.
      generator: makes the starts of chains where `chains.start` says so.
      generator_optimizer: learns the generator from the chains; a generator without
        it stays as it is.
      samples: the fresh chains that are measured at the end.
      log_every: updates between lines of metrics.
      picture_every: updates between pictures.
      save_every: updates between checkpoints.
    """

    executable: ClassVar[str] = "train"

    data: Data
    langevin: Langevin
    chains: Persistent | Transient
    temperature: float
    data_epsilon: float
    num_updates: int = adjustable(150_000)
    batch: int = 128
    gaussian_stddev: float | None = None
    energy: Network = Network()
    energy_optimizer: Optimizer = Optimizer()
    generator: GeneratorNetwork | None = None
    generator_optimizer: Optimizer | None = None
    guard: Guard = Guard()
    samples: Samples = adjustable(Samples())
    log_every: int = runtime(500)
    picture_every: int = runtime(5000)
    save_every: int = runtime(5000)

    def validate(self) -> None:
        """Checks counts, and that what is needed is there."""
        super().validate()
        for name in (
            "batch",
            "num_updates",
            "log_every",
            "picture_every",
            "save_every",
        ):
            value = getattr(self, name)
            require(value > 0, f"Expected {name}={value} > 0.")
        require(self.temperature > 0, f"Expected temperature={self.temperature} > 0.")
        require(
            self.data_epsilon >= 0, f"Expected data_epsilon={self.data_epsilon} >= 0."
        )
        require(
            self.gaussian_stddev is None or self.gaussian_stddev > 0,
            f"Expected gaussian_stddev={self.gaussian_stddev} > 0.",
        )
        self._validate_chains()

    def _validate_chains(self) -> None:
        if isinstance(self.chains, Persistent):
            require(
                self.batch <= self.chains.bank_size,
                f"Expected batch={self.batch} to be at most "
                f"bank_size={self.chains.bank_size}.",
            )
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
