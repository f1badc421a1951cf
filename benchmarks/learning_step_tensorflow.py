"""The learning step that is measured. Runs in a process of its own."""

import dataclasses
import sys
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from benchmarks.workers import Measurements, milliseconds, peak_bytes
from ebm_tf import train
from ebm_tf.config.ebm import EbmTraining
from ebm_tf.data.arrays import array_source
from ebm_tf.data.sources import Source
from ebm_tf.models.ebm import EbmModels, image_shape
from ebm_tf.protocols import Chains
from ebm_tf.runtime.distribution import local, make_replicas, on_each
from ebm_tf.runtime.learner import Learner
from ebm_tf.sampling.chain_runner import EbmSampling

NUM_IMAGES = 10_000


def measurements(config: EbmTraining) -> Measurements:
    """Milliseconds of a step and of its chains, bytes of the bank and at the peak.

    Both times are taken also with chains of one Langevin step ("short").
    """
    make_replicas(config.device, config.in_lanes)  # before TensorFlow computes anything
    source = _noise(config)
    chains = dataclasses.replace(config.chains, num_steps=1)
    whole = train.build(config, source)
    short = train.build(dataclasses.replace(config, chains=chains), source)
    updates, short_updates = updates_of(whole), updates_of(short)
    langevin, short_langevin = _langevin(whole), _langevin(short)
    chains = next(updates)
    return {
        "step_ms": lambda: milliseconds(lambda: next(updates)),
        "langevin_ms": lambda: milliseconds(lambda: langevin(chains)),
        "short_step_ms": lambda: milliseconds(lambda: next(short_updates)),
        "short_langevin_ms": lambda: milliseconds(lambda: short_langevin(chains)),
        "bank_bytes": lambda: _bank_bytes(whole),
        "peak_bytes": peak_bytes,
    }


def _noise(config: EbmTraining) -> Source:
    """Images to learn from."""
    shape = (max(NUM_IMAGES, config.batch), *image_shape(config))
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    labels = np.zeros(len(images), np.int64)
    return array_source(images, labels, name="noise", split="train", origin="memory")


def updates_of(learner: Learner) -> Iterator[Chains]:
    """Makes updates as the loop of training does; yields the chains of each."""
    task = learner.task
    state, batches = task.initial_state(), task.batches(0)
    seed = tf.constant([0, 0])
    for step in range(sys.maxsize):
        state, _, chains = task.step(
            state, next(batches), tf.random.fold_in(seed, step)
        )
        yield chains


def _chains(learner: Learner) -> EbmSampling:
    """What moves the chains of a learner."""
    roles = EbmModels._fields
    models = EbmModels(*(learner.networks.get(role) for role in roles))
    return EbmSampling(learner.config, learner.replicas, models, None)


def _bank_bytes(learner: Learner) -> int:
    chains = _chains(learner)
    return chains.bank_sizes.bank * chains.chain_bytes


def _langevin(learner: Learner) -> Callable[[Chains], None]:
    """The Langevin steps of an update, without the rest of it."""
    config, replicas = learner.config, learner.replicas
    sample = _chains(learner).sample

    def move(chains: Chains, seed: tf.Tensor) -> tf.Tensor:
        chains, _ = sample(chains, config.chains.num_steps, seed)
        return chains.images

    run, seed = on_each(replicas, move), tf.constant([0, 1])

    def wait(chains: Chains) -> None:
        for images in local(replicas, run(chains, seed)):
            images.numpy()

    return wait
