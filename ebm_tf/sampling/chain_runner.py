"""Chains of an experiment on its devices."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf.config.chains import Start
from ebm_tf.config.ebm import EbmExperiment
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.config.parts import Samples
from ebm_tf.data.pipelines import batches
from ebm_tf.data.sources import Source
from ebm_tf.kernels import Kernel, iterate, trace
from ebm_tf.models.ebm import EbmModels, generator_parts, image_shape
from ebm_tf.protocols import Chains, InitializeFn
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import (
    Replicas,
    distributed,
    joined,
    local,
    on_each,
)
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.sampling.chains import BankSizes, ChainState, no_chains
from ebm_tf.sampling.initialization import (
    generator_start,
    initializer,
    without_latents,
)
from ebm_tf.sampling.langevin import sampler
from ebm_tf.sampling.potentials import langevin_kernel, potential

FRAMES = 60
FOLLOWED = 36


@dataclasses.dataclass(frozen=True)
class EbmSampling:
    """What begins and moves chains of an experiment.

    Attributes:
      config: the experiment.
      replicas: its devices.
      models: the networks that are sampled.
      source: where images come from; None where a generator makes them.
      start: where chains begin.
      noise_scale: half-width of uniform noise that they begin from.
      batch: chains at once, over all replicas.
      keep_latents: whether chains remember the latents that they began from.
      joint_temperature: J.
    """

    config: EbmExperiment
    replicas: Replicas
    models: EbmModels
    source: Source | None
    start: Start
    noise_scale: float
    batch: int
    keep_latents: bool = True
    joint_temperature: float = 1.0

    @property
    def replica_batch(self) -> int:
        """Chains at once on each replica."""
        return self.replicas.batch_of_each(self.batch)

    @property
    def has_latents(self) -> bool:
        """Whether chains have latents."""
        return self.start == "generator" and self.keep_latents

    @property
    def batch_here(self) -> int:
        """Chains at once on the replicas of this process."""
        return self.replica_batch * self.replicas.num_local

    @functools.cached_property
    def initializer(self) -> Callable[[tf.Tensor], InitializeFn]:
        """Where chains start, given images for those that start from data."""
        generated = None
        if self.start == "generator":
            parts = generator_parts(self.config, self.models.generator)
            generated = generator_start(*parts)
            if not self.keep_latents:
                generated = without_latents(generated)
        shape = image_shape(self.config)
        return initializer(self.start, shape, self.noise_scale, generated)

    def kernel(self, *, denoising: bool = False) -> Kernel:
        """The Langevin step."""
        energy = potential(
            self.config,
            self.models.energy,
            self.models.prior,
            joint_temperature=self.joint_temperature,
        )
        return langevin_kernel(self.config, energy, denoising=denoising)

    def begin(self, starts: tf.Tensor, seed: tf.Tensor) -> Chains:
        """Begins the chains of one replica."""
        return self.initializer(starts)(self.replica_batch, seed)

    def stream(self, purpose: Purpose, start: int) -> Iterator[dict]:
        """Batches of data from a step on."""
        if self.source is None:
            raise ValueError("A generator makes the data.")
        return batches(
            self.source,
            self.config.data,
            batch=self.batch,
            seed=seeds.integer(self.config.seed, purpose),
            start=start,
            strategy=self.replicas.strategy,
        )

    def starts(self, purpose: Purpose, start: int) -> Iterator[dict] | None:
        """Images for chains that start from data; None where they do not."""
        return self.stream(purpose, start) if self.start == "data" else None

    def draws(
        self, purpose: Purpose, count: int, *, first: int = 0
    ) -> Iterator[tuple[Any, tf.Tensor]]:
        """What `count` batches of chains begin with, each with a key."""
        key = seeds.key(self.config.seed, purpose)
        images = self.starts(purpose, first)
        for index in range(first, first + count):
            starts = next(images)["image"] if images else tf.zeros([0])
            yield starts, tf.random.fold_in(key, index)

    def fresh_samples(self, settings: Samples) -> np.ndarray:
        """Images [n, H, W, C] of chains that were begun and run to their end."""
        sample = sampler(self.kernel(), jit=self.replicas.jit)
        denoise = sampler(self.kernel(denoising=True), jit=self.replicas.jit)

        def draw(starts: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
            keys = tf.unstack(tf.random.split(seed, 2))
            images = self.begin(starts, keys[0]).images
            images, _ = sample(images, settings.num_steps, keys[1])
            if settings.denoising_steps:
                images, _ = denoise(images, settings.denoising_steps, keys[1])
            return images

        run = on_each(self.replicas, draw)
        pieces = self.draws(
            Purpose.SAMPLES, -(-settings.num_samples // self.batch_here)
        )
        images = [
            part.numpy()
            for starts, seed in pieces
            for part in local(self.replicas, run(starts, seed))
        ]
        return np.concatenate(images)[: settings.num_samples]

    def frames(self, num_steps: int) -> np.ndarray:
        """Some chains of the first replica on their way: [time, n, H, W, C]."""
        kernel = self.kernel()
        every = -(-num_steps // FRAMES)
        num_frames, first = divmod(num_steps, every)

        def follow(starts: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
            keys = tf.unstack(tf.random.split(seed, 2))
            images = self.begin(starts, keys[0]).images[:FOLLOWED]
            state, info = kernel.init(images)
            state, info = iterate(kernel, state, info, first, keys[1])
            _, _, (records, _) = trace(
                kernel, state, info, num_frames, keys[1], every=every, start=first
            )
            return tf.concat([images[None], records], 0)

        ((starts, seed),) = self.draws(Purpose.SAMPLES, 1)
        records = on_each(self.replicas, follow)(starts, seed)
        return local(self.replicas, records)[0].numpy()

    def banks(self, sizes: BankSizes) -> Any:
        """The distributed state of a chain source before the first update."""
        banks = self._bank(sizes.bank, Purpose.BANK)
        burn_in = self._bank(sizes.burn_in, Purpose.BURN_IN)
        count = tf.constant(0, tf.int64)
        states = [
            ChainState(bank, count, young)
            for bank, young in zip(banks, burn_in, strict=True)
        ]
        return distributed(self.replicas, states)

    def _bank(self, num_chains: int, purpose: Purpose) -> list[Chains]:
        """A bank of each replica of this process, made of pieces of one batch."""
        begin = on_each(self.replicas, self.begin)
        count = num_chains // self.replica_batch
        pieces = (
            local(self.replicas, begin(starts, seed))
            for starts, seed in self.draws(purpose, count)
        )
        return joined(pieces, count) or [no_chains()] * self.replicas.num_local

    @property
    def state_structure(self) -> ChainState:
        """A nest like the state of one replica."""
        return ChainState(Chains(0, 0, 0), 0, Chains(0, 0, 0))

    @property
    def chain_bytes(self) -> int:
        """What a chain takes in a bank: image and latent in float32, age in int32."""
        size = math.prod(image_shape(self.config)) + 1
        if self.models.generator is not None and self.has_latents:
            size += self.models.generator.input_shape[-1]
        return 4 * size


def measured_chains(
    config: SampleMeasurement,
    replicas: Replicas,
    models: EbmModels,
    source: Source | None,
) -> EbmSampling:
    """The chains of a measurement."""
    return EbmSampling(
        config=config,
        replicas=replicas,
        models=models,
        source=source,
        start=config.start,
        noise_scale=config.noise_scale,
        batch=config.batch,
        joint_temperature=config.joint_temperature,
    )
