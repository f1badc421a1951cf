"""Experiments that learn an energy without chains, by denoising score matching."""

import dataclasses
from typing import ClassVar

from ebm_tf.config.chains import Transient
from ebm_tf.config.core import adjustable, require, runtime
from ebm_tf.config.ebm import EbmExperiment
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Guard, Samples


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreMatching(EbmExperiment):
    """Learns the energy U / T by denoising at several noise levels (Li et al., 2019).

    Attributes:
      noise_levels: least and largest standard deviation of the noise that is added to
        images; levels are drawn evenly on a logarithmic scale.
      score_stddev: the noise level whose score the gradient of the energy becomes.
      num_updates: updates of the weights.
      batch: images per update, over all replicas.
      energy_optimizer: of the energy's weights.
      samples: the fresh chains from uniform noise that are measured at the end.
      guard: when learning counts as diverged, and what then happens.
      log_every: updates between lines of metrics.
      save_every: updates between checkpoints.
    """

    executable: ClassVar[str] = "train_dsm"

    noise_levels: tuple[float, float] = (0.05, 1.2)
    score_stddev: float = 0.1
    num_updates: int = adjustable(100_000)
    batch: int = 128
    energy_optimizer: Optimizer = Optimizer()
    guard: Guard = Guard()
    samples: Samples = adjustable(Samples())
    log_every: int = runtime(500)
    save_every: int = runtime(5000)

    @property
    def chains(self) -> Transient:
        """The chains that are measured begin from uniform noise."""
        return Transient(start="noise")

    def validate(self) -> None:
        """Checks counts and noise levels."""
        super().validate()
        self.require_positive(
            "score_stddev", "num_updates", "batch", "log_every", "save_every"
        )
        least, largest = self.noise_levels
        require(
            0 < least <= largest,
            f"Expected noise_levels={self.noise_levels} to rise from above 0.",
        )
        require(
            self.prior is None and self.generator is None and not self.conditional,
            "Expected neither a prior nor a generator nor classes: chains are not "
            "part of learning.",
        )
