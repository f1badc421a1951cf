"""An experiment with an energy-based model on its devices."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.config.ebm import EbmTraining
from ebm_tf.data.ordering import Source
from ebm_tf.data.pipelines import batches, num_batches
from ebm_tf.data.sources import open_source
from ebm_tf.errors import WeightsError
from ebm_tf.kernels import iterate, trace
from ebm_tf.learning import ebm_networks
from ebm_tf.learning.ebm import EbmBatch, make_step
from ebm_tf.learning.ebm_networks import EbmNetworks
from ebm_tf.learning.optimization import averaged
from ebm_tf.protocols import Chains, ChainSource
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import (
    Replicas,
    distributed,
    joined,
    local,
    make_replicas,
    on_each,
    replicated,
)
from ebm_tf.runtime.loop import Learner
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.weights import load_weights
from ebm_tf.sampling.chains import ChainState, num_bank_batches
from ebm_tf.sampling.langevin import sampler

FRAMES = 60
FOLLOWED = 36


@dataclasses.dataclass(frozen=True)
class EbmSession:
    """The networks, the data and the devices of an experiment.

    Attributes:
      config: the experiment.
      replicas: its devices.
      networks: on all of them.
      source: where data comes from; None where a generator makes it.
    """

    config: EbmTraining
    replicas: Replicas
    networks: EbmNetworks
    source: Source | None

    @property
    def replica_batch(self) -> int:
        """Images and chains per update and replica."""
        return self.replicas.batch_of_each(self.config.batch)

    @property
    def num_bank_batches(self) -> int:
        """Whole batches in the bank of a replica."""
        chains = self.config.chains
        return num_bank_batches(chains, self.replicas.count, self.replica_batch)

    def bank_bytes(self, num_chains: int) -> int:
        """What a bank holds in memory: images and latents in float32, ages in int32."""
        size = math.prod(ebm_networks.image_shape(self.config)) + 1
        generator = self.networks.generator
        if generator is not None and self.config.chains.start == "generator":
            size += generator.input_shape[-1]
        return 4 * num_chains * size

    def load_weights(self) -> Iterator[str]:
        """Loads the weights that the config names, and says which files they are.

        Raises:
          WeightsError: if they do not fit, or a generator that stays as it is has none.
        """
        settings = {"energy": self.config.energy, "generator": self.config.generator}
        for role, model in self.networks.models.items():
            weights = settings[role].weights
            if weights:
                yield f"Weights of the {role}: {load_weights(model, weights, role)}"
            elif role not in self.networks.learned:
                raise WeightsError(
                    f"The {role} of {self.config.name} does not learn, so it needs "
                    f"weights: --set {role}.weights=FILE_OR_RUN."
                )

    def learner(self, chain_source: ChainSource) -> Learner:
        """What the loop runs."""
        config, networks = self.config, self.networks
        kernel = ebm_networks.langevin_kernel(config, networks.energy.model)
        step = make_step(
            networks.energy,
            chain_source,
            sampler(kernel, jit=self.replicas.jit),
            initializer=ebm_networks.initializer(config, networks.generator),
            positives=ebm_networks.positives(
                config, networks.generator, self.replica_batch
            ),
            temperature=config.temperature,
            data_epsilon=config.data_epsilon,
            update_generator=ebm_networks.generator_update(config, networks),
        )
        return Learner(
            step=replicated(self.replicas, step),
            initial_state=self.initial_state,
            state_structure=ChainState(Chains(0, 0, 0), 0),
            batches=self._batches,
            modules=networks.modules,
            rates=[network.rate for network in networks.learned.values()],
            num_dimensions=math.prod(ebm_networks.image_shape(config)),
        )

    def initial_state(self) -> ChainState:
        """The bank before the first update, begun in pieces of one batch."""
        begin = on_each(self.replicas, self._begin(self.networks.generator))
        pieces = (
            local(self.replicas, begin(batch, seed))
            for batch, seed in self._draws(Purpose.BANK, self.num_bank_batches)
        )
        banks = joined(pieces, self.num_bank_batches)
        if not banks:
            empty = Chains(tf.zeros([0]), tf.zeros([0]), tf.zeros([0], tf.int32))
            banks = [empty] * self.replicas.num_local
        count = tf.constant(0, tf.int64)
        return distributed(self.replicas, [ChainState(bank, count) for bank in banks])

    def fresh_samples(self) -> np.ndarray:
        """Images of chains that were begun and run with the averaged weights."""
        begin = self._begin(self._averaged_generator())
        model = averaged(self.networks.energy)
        kernel = ebm_networks.langevin_kernel(self.config, model)
        quiet = ebm_networks.langevin_kernel(self.config, model, noise=0.0)
        sample = sampler(kernel, jit=self.replicas.jit)
        denoise = sampler(quiet, jit=self.replicas.jit)
        settings = self.config.samples

        def draw(batch: EbmBatch, seed: tf.Tensor) -> tf.Tensor:
            keys = tf.unstack(tf.random.split(seed, 2))
            images = begin(batch, keys[0]).images
            images, _ = sample(images, settings.num_steps, keys[1])
            if settings.denoising_steps:
                images, _ = denoise(images, settings.denoising_steps, keys[1])
            return images

        run = on_each(self.replicas, draw)
        per_piece = self.replica_batch * self.replicas.num_local
        pieces = self._draws(Purpose.SAMPLES, -(-settings.num_samples // per_piece))
        images = [
            part.numpy()
            for batch, seed in pieces
            for part in local(self.replicas, run(batch, seed))
        ]
        return np.concatenate(images)[: settings.num_samples]

    def chain_frames(self) -> np.ndarray:
        """Some chains of the first replica on their way: [time, n, H, W, C]."""
        begin = self._begin(self._averaged_generator())
        model = averaged(self.networks.energy)
        kernel = ebm_networks.langevin_kernel(self.config, model)
        num_steps = self.config.samples.num_steps
        every = -(-num_steps // FRAMES)
        num_frames, first = divmod(num_steps, every)

        def follow(batch: EbmBatch, seed: tf.Tensor) -> tf.Tensor:
            keys = tf.unstack(tf.random.split(seed, 2))
            images = begin(batch, keys[0]).images[:FOLLOWED]
            state, info = kernel.init(images)
            state, info = iterate(kernel, state, info, first, keys[1])
            _, _, (records, _) = trace(
                kernel, state, info, num_frames, keys[1], every=every, start=first
            )
            return tf.concat([images[None], records], 0)

        ((batch, seed),) = self._draws(Purpose.SAMPLES, 1)
        frames = on_each(self.replicas, follow)(batch, seed)
        return local(self.replicas, frames)[0].numpy()

    def _begin(self, generator: keras.Model | None):
        """The function (batch, seed) -> chains at their start."""
        initializer = ebm_networks.initializer(self.config, generator)
        return lambda batch, seed: initializer(batch)(self.replica_batch, seed)

    def _averaged_generator(self) -> keras.Model | None:
        cooperative = self.networks.cooperative
        return averaged(cooperative) if cooperative else self.networks.generator

    def _batches(self, start: int) -> Iterator[EbmBatch]:
        data = None if self.source is None else self._stream(Purpose.DATA, start)
        return ebm_networks.ebm_batches(data, self._starts(Purpose.STARTS, start))

    def _draws(self, purpose: Purpose, count: int) -> Iterator[tuple[Any, tf.Tensor]]:
        """Batches for the starts of chains, each with a key."""
        key = seeds.key(self.config.seed, purpose)
        stream = ebm_networks.ebm_batches(None, self._starts(purpose, 0))
        for index in range(count):
            yield next(stream), tf.random.fold_in(key, index)

    def _starts(self, purpose: Purpose, start: int) -> Iterator[dict] | None:
        from_data = self.config.chains.start == "data"
        return self._stream(purpose, start) if from_data else None

    def _stream(self, purpose: Purpose, start: int) -> Iterator[dict]:
        if self.source is None:
            raise ValueError("A generator makes the data.")
        return batches(
            self.source,
            self.config.data,
            batch=self.config.batch,
            seed=seeds.integer(self.config.seed, purpose),
            start=start,
            strategy=self.replicas.strategy,
        )


def open_session(config: EbmTraining) -> EbmSession:
    """Builds the networks on the devices and opens the data.

    Raises:
      UserError: if a device or a dataset is missing.
    """
    replicas = make_replicas(config.device)
    replicas.batch_of_each(config.batch)
    source = None if config.data.name == "generator" else open_source(config.data)
    if source is not None:
        num_batches(source, config.batch)  # raises where there is none
    keras.utils.set_random_seed(seeds.integer(config.seed, Purpose.WEIGHTS))
    with replicas.strategy.scope():
        networks = ebm_networks.build_networks(config)
    return EbmSession(config, replicas, networks, source)
