"""The learning step that is measured. Runs in a process of its own."""

import dataclasses
import sys
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from benchmarks.workers import Measurements, milliseconds, peak_bytes
from ebm_tf.config.ebm import EbmTraining
from ebm_tf.data.arrays import array_source
from ebm_tf.learning import ebm_networks
from ebm_tf.models.ebm import image_shape
from ebm_tf.protocols import Chains
from ebm_tf.runtime.distribution import local, make_replicas, on_each
from ebm_tf.runtime.ebms.session import EbmSession

NUM_IMAGES = 10_000


def measurements(config: EbmTraining) -> Measurements:
    """Milliseconds of a step and of its chains, bytes of the bank and at the peak.

    Both times are taken also with chains of one Langevin step ("short").
    """
    session = _session(config)
    chains = dataclasses.replace(config.chains, num_steps=1)
    short = dataclasses.replace(
        session, config=dataclasses.replace(config, chains=chains)
    )
    updates, short_updates = _updates(session), _updates(short)
    langevin, short_langevin = _langevin(session), _langevin(short)
    chains = next(updates)
    num_chains = session.bank_sizes.bank
    return {
        "step_ms": lambda: milliseconds(lambda: next(updates)),
        "langevin_ms": lambda: milliseconds(lambda: langevin(chains)),
        "short_step_ms": lambda: milliseconds(lambda: next(short_updates)),
        "short_langevin_ms": lambda: milliseconds(lambda: short_langevin(chains)),
        "bank_bytes": lambda: session.bank_bytes(num_chains),
        "peak_bytes": peak_bytes,
    }


def _session(config: EbmTraining) -> EbmSession:
    """As for training, with images of noise."""
    replicas = make_replicas(config.device)
    with replicas.strategy.scope():
        networks = ebm_networks.build_networks(config)
    shape = (max(NUM_IMAGES, config.batch), *image_shape(config))
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    labels = np.zeros(len(images), np.int64)
    source = array_source(images, labels, name="noise", split="train", origin="memory")
    return EbmSession(config, replicas, networks, source)


def _updates(session: EbmSession) -> Iterator[Chains]:
    """Makes updates as the loop of training does; yields the chains of each."""
    task = session.task()
    state, batches = task.initial_state(), task.batches(0)
    seed = tf.constant([0, 0])
    for step in range(sys.maxsize):
        state, _, chains = task.step(
            state, next(batches), tf.random.fold_in(seed, step)
        )
        yield chains


def _langevin(session: EbmSession) -> Callable[[Chains], None]:
    """The Langevin steps of an update, without the rest of it."""
    config, replicas = session.config, session.replicas
    sample = session.learning_chains.sample

    def move(chains: Chains, seed: tf.Tensor) -> tf.Tensor:
        chains, _ = sample(chains, config.chains.num_steps, seed)
        return chains.images

    run, seed = on_each(replicas, move), tf.constant([0, 1])

    def wait(chains: Chains) -> None:
        for images in local(replicas, run(chains, seed)):
            images.numpy()

    return wait
