"""Chains of an experiment on its devices."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf.config.chains import BurnIn
from ebm_tf.config.parts import Samples
from ebm_tf.data.pipelines import learning_stream, load_images
from ebm_tf.data.sources import Source, unaugmented
from ebm_tf.errors import ConfigError, DataError
from ebm_tf.kernels import Kernel, iterate, trace
from ebm_tf.models.catalogue import in_lanes
from ebm_tf.models.ebm import (
    EbmModels,
    class_energy,
    generator_parts,
    image_shape,
    num_classes,
)
from ebm_tf.protocols import Chains, Energy, InitializeFn, SampleFn
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
from ebm_tf.sampling.chains import BankSizes, ChainState, bank_sizes, no_chains
from ebm_tf.sampling.initialization import (
    ClassGaussians,
    class_gaussian_start,
    class_gaussians,
    data_start,
    generator_start,
    noise_start,
    started,
)
from ebm_tf.sampling.langevin import sampler
from ebm_tf.sampling.potentials import langevin_kernel, potential

NUM_FRAMES = 60
NUM_FOLLOWED = 36


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
      config: the experiment; its `batch` is the chains at once, over all replicas.
      replicas: its devices.
      models: the networks that are sampled.
      source: where images come from; None where a generator makes them.

    Raises:
      ConfigError: if chains shall have classes, but the energy is no classifier.
    """

    config: Any
    replicas: Replicas
    models: EbmModels
    source: Source | None

    def __post_init__(self) -> None:
        """Checks that there are classes where chains shall have some."""
        if self.config.conditional:
            num_classes(self.models.energy)

    @property
    def chain_settings(self) -> Any:
        """What has `start` and `noise_scale`, and the sizes of replay buffers."""
        return getattr(self.config, "chains", self.config)

    @property
    def keeps_latents(self) -> bool:
        """Whether chains have latents: old chains have forgotten theirs."""
        settings = self.chain_settings
        return settings.start == "generator" and not isinstance(settings, BurnIn)

    @property
    def replica_batch(self) -> int:
        """Chains at once on each replica."""
        return self.replicas.batch_of_each(self.config.batch)

    @property
    def bank_sizes(self) -> BankSizes:
        """Chains in the replay buffers of one replica."""
        return bank_sizes(self.chain_settings, self.replicas.count, self.replica_batch)

    def initializer(self, images: tf.Tensor) -> InitializeFn:
        """Where chains start, given images for those that start from data.

        Where they have classes, these follow one another from a random one on.
        """

        def initialize(n: int, seed: tf.Tensor) -> Chains:
            first = tf.random.fold_in(seed, n)[0]
            return self._complete(self.start(images, first)(n, seed), first)

        return initialize

    def start(self, images: tf.Tensor, first: tf.Tensor) -> InitializeFn:
        """Where chains start of which the first has such a class, where any has one."""
        settings = self.chain_settings
        if settings.start == "class_gaussian":
            shape = image_shape(self.config)
            return class_gaussian_start(self._gaussians, shape, first)
        if settings.start == "data":
            return data_start(images)
        if settings.start == "noise":
            return noise_start(image_shape(self.config), settings.noise_scale)
        parts = generator_parts(self.config, self.models.generator)
        return generator_start(*parts, keep_latents=self.keeps_latents)

    def _complete(self, chains: Chains, first: int | tf.Tensor) -> Chains:
        """Adds the carry before a first step, and classes where there are such.

        Chain i has the class of number (first + i) mod k, so that each has as many
        chains, one more or less.
        """
        state, _ = self.kernel().init(chains.images)
        if self.config.conditional:
            classes = self.classes
            places = tf.range(chains.images.shape[0]) + first % len(classes)
            labels = tf.gather(tf.constant(list(classes)), places % len(classes))
            chains = chains._replace(labels=labels)
        return chains._replace(carry=state.carry)

    @property
    def classes(self) -> Sequence[int]:
        """Those that chains have in turn, where they have any."""
        return range(num_classes(self.models.energy))

    @functools.cached_property
    def _gaussians(self) -> ClassGaussians:
        """Those of the images that the config names, without augmentation.

        Images without a label are a class of their own, but where chains have classes.
        """
        if self.source is None:
            raise ConfigError("Expected data with labels where start='class_gaussian'.")
        with tf.init_scope():  # the first who asks may be tracing
            plain = unaugmented(self.config.data)
            images, labels = load_images(self.source, plain)
        found, numbers = np.unique(labels, return_inverse=True)
        if self.config.conditional and list(found) != list(self.classes):
            missing = sorted(set(self.classes) - set(found.tolist()))
            has = f"none of {missing}" if missing else "some without a label"
            raise DataError(
                f"Expected images of each of {len(self.classes)} classes where "
                f"start='class_gaussian', but {self.source.name} has {has}."
            )
        return class_gaussians(images, numbers, len(found))

    @property
    def no_chains(self) -> Chains:
        """An empty replay buffer with the leaves that chains have here."""
        return self._complete(no_chains(), 0)

    def zeros(self, n: int) -> Chains:
        """Chains all of whose leaves are 0, of the shapes and types that they have."""
        generator = self.models.generator if self.keeps_latents else None
        latents = generator and tf.zeros([n, generator.input_shape[-1]])
        chains = started(tf.zeros([n, *image_shape(self.config)]), latents)
        return tf.nest.map_structure(tf.zeros_like, self._complete(chains, 0))

    @property
    def chain_bytes(self) -> int:
        """What a chain takes in a replay buffer."""
        leaves = tf.nest.flatten(self.zeros(1))
        return sum(leaf.shape.num_elements() * leaf.dtype.size for leaf in leaves)

    @functools.cached_property
    def _class_energy(self) -> Callable[[tf.Tensor], Callable[..., tf.Tensor]]:
        return class_energy(self.models.energy, self.replicas.lanes)

    def kernel(self, labels: Any = (), *, denoising: bool = False) -> Kernel:
        """The step of chains that have these classes int32 [n], or () for none."""
        return langevin_kernel(self.config, self.energy(labels), denoising=denoising)

    def energy(self, labels: Any = ()) -> Energy:
        """What chains of these classes int32 [n] sample, over its temperature."""
        lanes, prior = self.replicas.lanes, self.models.prior
        network = in_lanes(self.models.energy, lanes)
        if self.config.conditional:
            network = self._class_energy(labels)
        return potential(
            self.config,
            network,
            prior and in_lanes(prior, lanes),
            joint_temperature=getattr(self.config, "joint_temperature", 1.0),
        )

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
        first = starts.index * self.config.batch + replica_index() * n
        return self._complete(self.start(starts.images, first)(n, seed), first)

    def starts(self, purpose: Purpose, start: int) -> Iterator[dict] | None:
        """Images for chains that start from data, from a batch on; else None."""
        if self.chain_settings.start != "data" or self.source is None:
            return None
        return learning_stream(
            self.config, self.source, self.replicas, start, purpose=purpose
        )

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
        return self.fresh_chains(settings)[0]

    def fresh_starts(self, num_samples: int) -> np.ndarray:
        """Images [n, H, W, C] of chains that were begun and never moved."""

        def draw(starts: Starts, seed: tf.Tensor) -> tuple[tf.Tensor, Any]:
            chains = self.begin(starts, tf.unstack(tf.random.split(seed, 2))[0])
            return chains.images, chains.labels

        return self._drawn(draw, num_samples)[0]

    def fresh_chains(self, settings: Samples) -> tuple[np.ndarray, Any]:
        """These images, and the classes int32 [n] of their chains, or ()."""
        sample, denoise = self.sample, self.denoise

        def draw(starts: Starts, seed: tf.Tensor) -> tuple[tf.Tensor, Any]:
            keys = tf.unstack(tf.random.split(seed, 2))
            chains = self.begin(starts, keys[0])
            chains, _ = sample(chains, settings.num_steps, keys[1])
            if settings.denoising_steps:
                chains, _ = denoise(chains, settings.denoising_steps, keys[1])
            return chains.images, chains.labels

        return self._drawn(draw, settings.num_samples)

    def _drawn(self, draw: Callable, num_samples: int) -> tuple[np.ndarray, Any]:
        """Images and classes of so many chains, batch by batch."""
        run = on_each(self.replicas, draw)
        batch_here = self.replica_batch * self.replicas.num_local
        batches = self.draws(Purpose.SAMPLES, -(-num_samples // batch_here))
        parts = [
            part
            for starts, seed in batches
            for part in local(self.replicas, run(starts, seed))
        ]
        return tf.nest.map_structure(
            lambda *leaves: np.concatenate(leaves)[:num_samples], *parts
        )

    def frames(self, num_steps: int) -> np.ndarray:
        """Some chains of the first replica on their way: [time, n, H, W, C]."""
        every = -(-num_steps // NUM_FRAMES)
        num_frames, first = divmod(num_steps, every)

        def follow(starts: Starts, seed: tf.Tensor) -> tuple[tf.Tensor, Any]:
            keys = tf.unstack(tf.random.split(seed, 2))
            chains = tf.nest.map_structure(
                lambda leaf: leaf[:NUM_FOLLOWED], self.begin(starts, keys[0])
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

    def initial_state(self) -> Any:
        """The distributed state of a chain source before the first update."""
        banks = self._bank(self.bank_sizes.bank, Purpose.BANK)
        burn_in = self._bank(self.bank_sizes.burn_in, Purpose.BURN_IN)
        counts = [tf.constant(0, tf.int64)] * len(banks)
        return distributed(self.replicas, list(map(ChainState, banks, counts, burn_in)))

    def _bank(self, num_chains: int, purpose: Purpose) -> list[Chains]:
        """A replay buffer of each replica of this process, begun batch by batch."""
        begin = on_each(self.replicas, self.begin)
        count = num_chains // self.replica_batch
        batches = (
            local(self.replicas, begin(starts, seed))
            for starts, seed in self.draws(purpose, count)
        )
        return joined(batches, count) or [self.no_chains] * self.replicas.num_local

    @property
    def state_structure(self) -> ChainState:
        """A nest like the state of one replica."""
        return ChainState(self.no_chains, tf.zeros([]), self.no_chains)


def class_order(labels: Any) -> Any:
    """The index that orders chains by their classes [n]; () leaves them as they are."""
    if isinstance(labels, tuple):
        return slice(None)
    return np.argsort(labels, kind="stable")
