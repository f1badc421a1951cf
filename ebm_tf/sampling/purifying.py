"""Images that are moved by chains of their own, on all devices.

The noise of an image is a function of its key and of the step, so that what becomes of
it depends neither on the other images nor on how the work is divided.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.config.ebm import SampledExperiment
from ebm_tf.config.parts import Langevin
from ebm_tf.defenses.purification import KernelFn, purification
from ebm_tf.models.catalogue import in_lanes
from ebm_tf.models.ebm import EbmModels
from ebm_tf.protocols import Energy
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.rows import over_rows, parts
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.sampling.potentials import kernel_of, potential

# What is left of chains goes into chunks of a quarter and of a sixteenth.
CHUNK_PARTS = (1, 4, 16)

# (images float32 [n, H, W, C], keys int32 [n, 2]) -> images of the same shape.
PurifyFn = Callable[[Any, Any], np.ndarray]


def energy_of(
    settings: SampledExperiment, models: EbmModels, replicas: Replicas
) -> Energy:
    """What chains of an experiment descend, over its temperature."""
    prior = models.prior and in_lanes(models.prior, replicas.lanes)
    return potential(settings, in_lanes(models.energy, replicas.lanes), prior)


def over_chains(function: Callable, replicas: Replicas, chunk: int) -> Callable:
    """A function of images and their keys, made one of any number of them.

    Args:
      function: as `over_rows` takes it.
      replicas: the devices.
      chunk: chains at once, over all replicas.
    """
    return over_rows(function, replicas, chunk, size_of=parts(*CHUNK_PARTS))


def step_kernel(step: Langevin, energy: Energy) -> KernelFn:
    """The steps of chains, once it is known what draws their noise."""
    return lambda draw: kernel_of(step, energy, draw=draw)


def purifier(
    kernel: KernelFn,
    replicas: Replicas,
    chunk: int,
    *,
    num_steps: int,
    start_noise: float = 0.0,
) -> PurifyFn:
    """What moves images by Langevin steps; the arguments are those of `purification`.

    Args:
      kernel: of the steps.
      replicas: the devices.
      chunk: chains at once, over all replicas.
      num_steps: of every chain.
      start_noise: standard deviation of the noise before the first step.
    """
    purify = purification(kernel, num_steps, start_noise=start_noise)
    return over_chains(purify, replicas, chunk)


def keys_of(seed: int, positions: np.ndarray) -> np.ndarray:
    """The keys int32 [n, 2] of images at positions, integers [n], among all."""
    key = seeds.key(seed, Purpose.SAMPLES)
    return keyed_noise.fold_in(key[None], tf.constant(positions, tf.int32)).numpy()
