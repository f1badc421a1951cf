"""Chains of classes that descend an energy of a classifier."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from ebm_tf import energies
from ebm_tf.kernels import Kernel
from ebm_tf.models.ebm import logits_of, num_classes
from ebm_tf.protocols import Classifier, Energy, InitializeFn
from ebm_tf.sampling.chain_runner import EbmSampling
from ebm_tf.sampling.class_starts import StartFn
from ebm_tf.sampling.class_statistics import ClassStatistics
from ebm_tf.sampling.langevin import stopping
from ebm_tf.sampling.potentials import langevin_kernel

# (logits [n, k], labels [n]) -> what is descended, float32 [n].
PotentialFn = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def potential_of(name: str, statistics: ClassStatistics | None) -> PotentialFn:
    """What `config.generation.Potential` names.

    Args:
      name: of the potential.
      statistics: of the classifier, where the potential needs them.
    """
    if name == "marginal":
        return lambda logits, labels: energies.marginal_energy(logits)
    if name == "joint":
        return energies.joint_energy
    if name == "posterior":
        return energies.posterior_energy
    if statistics is None:
        raise ValueError(f"Expected statistics for the potential {name}.")
    if name == "reference":
        return lambda logits, labels: tf.square(_excess(statistics, logits, labels))
    means, precisions = statistics.means, statistics.precisions
    return lambda logits, labels: energies.logit_distance(
        logits, labels, means, precisions
    )


def _excess(
    statistics: ClassStatistics, logits: tf.Tensor, labels: tf.Tensor
) -> tf.Tensor:
    """E(x, y) less its mean over the images of y, float32 [n]."""
    means = tf.gather(tf.constant(statistics.energies), labels)
    return energies.joint_energy(logits, labels) - means


@dataclasses.dataclass(frozen=True)
class ClassSampling(EbmSampling):
    """What begins and moves chains of classes.

    Attributes:
      begin_at: where chains start.
      statistics: of the classifier, where the config needs them. Both follow from what
        is compared, so they are not.
    """

    begin_at: StartFn = dataclasses.field(compare=False)
    statistics: ClassStatistics | None = dataclasses.field(compare=False)

    @property
    def classes(self) -> Sequence[int]:
        """Those that the config asks for."""
        return self.config.classes or range(num_classes(self.models.energy))

    def start(self, images: tf.Tensor, first: tf.Tensor) -> InitializeFn:
        """Where chains start of which the first has such a class."""
        return self.begin_at(first)

    def starts(self, purpose: Any, start: int) -> None:
        """None: images to start from are at hand."""
        return

    @functools.cached_property
    def _logits(self) -> Classifier:
        return logits_of(self.models.energy, self.replicas.lanes)

    def energy(self, labels: Any = ()) -> Energy:
        """The potential of chains of these classes int32 [n], over its temperature."""
        config = self.config
        if not config.conditional:
            return super().energy()
        logits = self._logits
        descended = potential_of(config.potential, self.statistics)
        potential = energies.tempered(
            lambda images: descended(logits(images), labels), config.temperature
        )
        if config.gaussian_stddev is None:
            return potential
        return energies.total(potential, energies.gaussian(config.gaussian_stddev))

    def kernel(self, labels: Any = (), *, denoising: bool = False) -> Kernel:
        """The step of chains that have these classes int32 [n], or () for none."""
        kernel = langevin_kernel(self.config, self.energy(labels), denoising=denoising)
        statistics, bound = self.statistics, self.config.stop_within
        if bound is None or statistics is None:
            return kernel
        logits = self._logits

        def is_final(images: tf.Tensor) -> tf.Tensor:
            return tf.abs(_excess(statistics, logits(images), labels)) < bound

        return stopping(kernel, is_final)
