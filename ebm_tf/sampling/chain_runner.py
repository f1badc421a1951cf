"""Chains of an experiment on its devices."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf.config.chains import Start
from ebm_tf.config.ebm import EbmExperiment
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.config.parts import Samples
from ebm_tf.data.pipelines import batches
from ebm_tf.data.sources import Source
from ebm_tf.kernels import Kernel, iterate, trace
from ebm_tf.models.ebm import (
    EbmModels,
    class_energy,
    generator_parts,
    image_shape,
    num_classes,
)
from ebm_tf.protocols import Chains, InitializeFn, SampleFn
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import (
    Replicas,
    distributed,
    joined,
    local,
    on_each,
    replica_index,
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


class Starts(NamedTuple):
    """What a batch of chains begins with.

    Attributes:
      images: for chains that start from data, else empty.
      index: of the batch among all, an int32 scalar.
    """

    images: Any
    index: tf.Tensor


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
    def num_classes(self) -> int | None:
        """Classes of the chains; None where they have none.

        Raises:
          ConfigError: if they shall have some, but the energy is no classifier.
        """
        return num_classes(self.models.energy) if self.config.conditional else None

    @functools.cached_property
    def initializer(self) -> Callable[[tf.Tensor], InitializeFn]:
        """Where chains start, given images for those that start from data.

        Where they have classes, these follow one another from a random one on.
        """
        generated = None
        if self.start == "generator":
            parts = generator_parts(self.config, self.models.generator)
            generated = generator_start(*parts)
            if not self.keep_latents:
                generated = without_latents(generated)
        shape = image_shape(self.config)
        started = initializer(self.start, shape, self.noise_scale, generated)

        def initialize(images: tf.Tensor, n: int, seed: tf.Tensor) -> Chains:
            first = tf.random.fold_in(seed, n)[0]
            return self._complete(started(images)(n, seed), first)

        return lambda images: functools.partial(initialize, images)

    def _complete(self, chains: Chains, first: int | tf.Tensor) -> Chains:
        """Adds the carry before a first step, and classes where there are such.

        Chain i has the class (first + i) mod k, so that each has as many chains, one
        more or less.
        """
        state, _ = self.kernel().init(chains.images)
        if count := self.num_classes:
            places = tf.range(chains.images.shape[0]) + first % count
            chains = chains._replace(labels=places % count)
        return chains._replace(carry=state.carry)

    @property
    def no_chains(self) -> Chains:
        """An empty bank with the leaves that chains have here."""
        return self._complete(no_chains(), 0)

    def zeros(self, n: int) -> Chains:
        """Chains all of whose leaves are 0, of the shapes and types that they have."""
        generator = self.models.generator if self.has_latents else None
        latent_size = generator.input_shape[-1] if generator else 0
        images = tf.zeros([n, *image_shape(self.config)])
        latents = tf.zeros([n, latent_size])
        chains = self._complete(Chains(images, latents, tf.zeros([n], tf.int32)), 0)
        return tf.nest.map_structure(tf.zeros_like, chains)

    @property
    def chain_bytes(self) -> int:
        """What a chain takes in a bank."""
        leaves = tf.nest.flatten(self.zeros(1))
        return sum(leaf.shape.num_elements() * leaf.dtype.size for leaf in leaves)

    @functools.cached_property
    def _class_energy(self) -> Callable[[tf.Tensor], Callable[..., tf.Tensor]]:
        return class_energy(self.models.energy)

    def kernel(self, labels: Any = (), *, denoising: bool = False) -> Kernel:
        """The step of chains that have these classes int32 [n], or () for none."""
        network = self.models.energy
        if self.config.conditional:
            network = self._class_energy(labels)
        energy = potential(
            self.config,
            network,
            self.models.prior,
            joint_temperature=self.joint_temperature,
        )
        return langevin_kernel(self.config, energy, denoising=denoising)

    @property
    def sample(self) -> SampleFn:
        """Moves chains."""
        return sampler(self.kernel, jit=self.replicas.jit)

    @property
    def denoise(self) -> SampleFn:
        """Moves chains by the same steps without noise."""
        kernel = functools.partial(self.kernel, denoising=True)
        return sampler(kernel, jit=self.replicas.jit)

    def begin(self, starts: Starts, seed: tf.Tensor) -> Chains:
        """Begins the chains of one replica.

        Chain i of all batches and replicas has the class i mod k, where it has one, so
        that classes do not depend on how the work is divided.
        """
        n = self.replica_batch
        chains = self.initializer(starts.images)(n, seed)
        return self._complete(chains, starts.index * self.batch + replica_index() * n)

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
    ) -> Iterator[tuple[Starts, tf.Tensor]]:
        """What `count` batches of chains begin with, each with a key."""
        key = seeds.key(self.config.seed, purpose)
        images = self.starts(purpose, first)
        for index in range(first, first + count):
            given = next(images)["image"] if images else tf.zeros([0])
            yield Starts(given, tf.constant(index)), tf.random.fold_in(key, index)

    def fresh_samples(self, settings: Samples) -> np.ndarray:
        """Images [n, H, W, C] of chains that were begun and run to their end."""
        sample, denoise = self.sample, self.denoise

        def draw(starts: Starts, seed: tf.Tensor) -> tf.Tensor:
            keys = tf.unstack(tf.random.split(seed, 2))
            chains = self.begin(starts, keys[0])
            chains, _ = sample(chains, settings.num_steps, keys[1])
            if settings.denoising_steps:
                chains, _ = denoise(chains, settings.denoising_steps, keys[1])
            return chains.images

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
        every = -(-num_steps // FRAMES)
        num_frames, first = divmod(num_steps, every)

        def follow(starts: Starts, seed: tf.Tensor) -> tuple[tf.Tensor, Any]:
            keys = tf.unstack(tf.random.split(seed, 2))
            chains = tf.nest.map_structure(
                lambda leaf: leaf[:FOLLOWED], self.begin(starts, keys[0])
            )
            kernel = self.kernel(chains.labels)
            begun, info = kernel.init(chains.images)
            state, info = iterate(kernel, begun, info, first, keys[1])
            _, _, (records, _) = trace(
                kernel, state, info, num_frames, keys[1], every=every, start=first
            )
            frames = tf.concat([begun.images[None], records.images], 0)
            return frames, chains.labels

        ((starts, seed),) = self.draws(Purpose.SAMPLES, 1)
        run = on_each(self.replicas, follow)
        frames, labels = local(self.replicas, run(starts, seed))[0]
        return frames.numpy()[:, class_order(labels)]

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
        return joined(pieces, count) or [self.no_chains] * self.replicas.num_local

    @property
    def state_structure(self) -> ChainState:
        """A nest like the state of one replica."""
        return ChainState(self.no_chains, tf.zeros([]), self.no_chains)


def measured_chains(
    config: SampleMeasurement,
    replicas: Replicas,
    models: EbmModels,
    source: Source | None,
) -> EbmSampling:
    """The chains of a measurement.

    Raises:
      ConfigError: if they shall have classes, but the energy is no classifier.
    """
    if config.conditional:
        num_classes(models.energy)
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


def class_order(labels: Any) -> Any:
    """The index that orders chains by their classes [n]; () leaves them as they are."""
    if isinstance(labels, tuple):
        return slice(None)
    return np.argsort(labels, kind="stable")
