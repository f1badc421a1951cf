"""What experiments sample, and by which kernel, as their settings say."""

import dataclasses
from collections.abc import Callable, Mapping

import tensorflow as tf

from ebm_tf import energies
from ebm_tf.config.ebm import SampledExperiment
from ebm_tf.config.parts import (
    ClippedLangevin,
    HeunLangevin,
    Langevin,
    MomentumLangevin,
)
from ebm_tf.kernels import Kernel
from ebm_tf.protocols import Energy
from ebm_tf.sampling.langevin import (
    DrawFn,
    clipped_langevin,
    heun_langevin,
    langevin,
    momentum_langevin,
)

Network = Callable[..., tf.Tensor]

# By type of the settings: a function of the energy, with their fields as keywords, that
# makes the kernel. A further kernel is a class, a function and a line.
KERNELS: Mapping[type[Langevin], Callable[..., Kernel]] = {
    Langevin: langevin,
    MomentumLangevin: momentum_langevin,
    ClippedLangevin: clipped_langevin,
    HeunLangevin: heun_langevin,
}


def potential(
    settings: SampledExperiment,
    energy: Network,
    prior: Network | None,
    *,
    joint_temperature: float = 1.0,
) -> Energy:
    """(U / T + P / T_p) / J + |x|^2 / (2 tau^2) (Hill et al., 2022).

    Args:
      settings: the temperatures and the Gaussian.
      energy: U, images -> [n, 1]; of chains that have classes, their E(x, y).
      prior: P, likewise, where there is one.
      joint_temperature: J.
    """
    learned = energies.tempered(energies.network(energy), settings.temperature)
    if prior is not None:
        own = getattr(settings, "prior_temperature", None)
        prior_temperature = own or settings.temperature
        learned = energies.total(
            learned, energies.tempered(energies.network(prior), prior_temperature)
        )
    if joint_temperature != 1.0:
        learned = energies.tempered(learned, joint_temperature)
    if settings.gaussian_stddev is None:
        return learned
    return energies.total(learned, energies.gaussian(settings.gaussian_stddev))


def langevin_kernel(
    settings: SampledExperiment,
    energy: Energy,
    *,
    denoising: bool = False,
    draw: DrawFn = tf.random.stateless_normal,
) -> Kernel:
    """The step that the type of the `langevin` settings names.

    Args:
      settings: have `langevin`.
      energy: that is sampled.
      denoising: whether the step goes without its noise.
      draw: the noise; by default of one key for the whole batch.
    """
    return kernel_of(settings.langevin, energy, denoising=denoising, draw=draw)


def kernel_of(
    step: Langevin,
    energy: Energy,
    *,
    denoising: bool = False,
    draw: DrawFn = tf.random.stateless_normal,
) -> Kernel:
    """As `langevin_kernel`, of the settings of the step alone."""
    factors = dataclasses.asdict(step) | {"drift": step.drift_factor}
    if denoising:
        factors["noise"] = 0.0
    return KERNELS[type(step)](energy, **factors, draw=draw)
