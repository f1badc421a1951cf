"""An experiment that learns a generator, on its devices."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.config.generator import GeneratorTraining
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import batches, load_images, num_batches
from ebm_tf.data.sources import FIRST_FEW, Source, require_classes
from ebm_tf.learning.generator import RealBatch, make_step
from ebm_tf.learning.generator_average import renewed_average
from ebm_tf.learning.optimization import Learned, learned
from ebm_tf.models.catalogue import (
    build_discriminator,
    build_generator,
    latent_prior,
)
from ebm_tf.models.latents import LatentsFn, with_classes
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import (
    Replicas,
    local,
    make_replicas,
    on_each,
    replicated,
)
from ebm_tf.runtime.loop import Task
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.store.sources import SUFFIX, load_named_weights, weights_of_run

ROLE, OPPONENT = "generator", "discriminator"


@dataclasses.dataclass(frozen=True)
class GeneratorSession:
    """The networks, the data and the devices of an experiment.

    Attributes:
      config: the experiment.
      replicas: its devices.
      generator: maps latents to images, on all of them.
      discriminator: tells data from those images.
      source: where data comes from.
    """

    config: GeneratorTraining
    replicas: Replicas
    generator: Learned
    discriminator: Learned
    source: Source

    @property
    def replica_batch(self) -> int:
        """Images of data per update of either network and replica."""
        return self.replicas.batch_of_each(self.config.batch)

    @property
    def models(self) -> dict[str, keras.Model]:
        """The networks that learn, by role."""
        return {ROLE: self.generator.model, OPPONENT: self.discriminator.model}

    @functools.cached_property
    def draw_latents(self) -> LatentsFn:
        """The prior of latents."""
        return latent_prior(self.config.generator)

    def load_weights(self) -> Iterator[str]:
        """Loads the weights that the config names, and says which files they are.

        Of a run those of its averaged generator are meant, but its raw discriminator:
        nothing is measured with that, and its averages are not kept.
        """
        config, opponent = self.config, self.config.discriminator
        if opponent.weights and not opponent.weights.endswith(SUFFIX):
            raw = weights_of_run(opponent.weights, OPPONENT, kind="raw")
            opponent = dataclasses.replace(opponent, weights=raw)
        settings = {ROLE: config.generator, OPPONENT: opponent}
        yield from load_named_weights(self.models, settings, set(), config.name)

    def check_labels(self, limit: int = FIRST_FEW) -> None:
        """Looks at the first labels of the data, where classes are learned.

        Raises:
          DataError: if one is none of the classes.
        """
        classes = self.config.generator.num_classes
        if classes is not None:
            _, labels = load_images(self.source, self.config.data, limit=limit)
            require_classes(labels, classes, self.source, told="generator.num_classes")

    def task(self) -> Task:
        """What the loop runs; all that a step carries are weights and slots."""
        step = make_step(self.generator, self.discriminator, self.draw_latents)
        return Task(
            step=replicated(self.replicas, step),
            initial_state=tuple,
            state_structure=(),
            batches=self._batches,
            modules=self.models
            | {
                f"{ROLE}_optimizer": self.generator.optimizer,
                f"{OPPONENT}_optimizer": self.discriminator.optimizer,
            },
            rates=[self.generator.rate, self.discriminator.rate],
            rate_setting="generator_optimizer.learning_rate",
        )

    def _batches(self, start: int) -> Iterator[tuple[RealBatch, ...]]:
        """For every step one batch for each update of the discriminator."""
        count = self.config.discriminator_updates
        stream = batches(
            self.source,
            self.config.data,
            batch=self.config.batch,
            seed=seeds.integer(self.config.seed, Purpose.DATA),
            start=start * count,
            strategy=self.replicas.strategy,
        )
        while True:
            elements = itertools.islice(stream, count)
            yield tuple(RealBatch(e["image"], e["label"]) for e in elements)

    @functools.cached_property
    def averaged_generator(self) -> Callable[[], keras.Model]:
        """What gives the averaged weights of now, with statistics of their own."""
        return renewed_average(
            self.generator,
            self.draw_latents,
            batch=self.config.batch,
            key=seeds.key(self.config.seed, Purpose.STATISTICS),
        )

    def samples(self, num_samples: int) -> np.ndarray:
        """Images [n, H, W, C] of fixed latents, by what `averaged_generator` left."""
        key = seeds.key(self.config.seed, Purpose.SAMPLES)
        here = self.replica_batch * self.replicas.num_local
        pieces = [
            part.numpy()
            for index in range(-(-num_samples // here))
            for part in self._sample(tf.random.fold_in(key, index))
        ]
        return np.concatenate(pieces)[:num_samples]

    @functools.cached_property
    def _sample(self) -> Callable[[tf.Tensor], list[tf.Tensor]]:
        """One batch of images of each replica of this process, compiled once."""
        model = self.generator.average

        def draw(_: tuple, seed: tf.Tensor) -> tf.Tensor:
            latents = self.draw_latents(self.replica_batch, seed)
            return model(latents, training=False)

        run = on_each(self.replicas, draw)
        return lambda seed: local(self.replicas, run((), seed))

    def pictured(self, num_images: int) -> np.ndarray:
        """Some more such images, of the classes in turn where there are any."""
        latents = self.draw_latents(
            num_images, seeds.key(self.config.seed, Purpose.PICTURES)
        )
        num_classes = self.config.generator.num_classes
        if num_classes is not None:
            classes = tf.range(num_images) % num_classes
            latents = with_classes(latents[:, :-1], classes)
        return self.generator.average(latents, training=False).numpy()


def open_session(config: GeneratorTraining) -> GeneratorSession:
    """Builds the networks on the devices and opens the data.

    Raises:
      UserError: if a device or a dataset is missing.
    """
    replicas = make_replicas(config.device)
    replicas.batch_of_each(config.batch)
    source = open_source(config.data)
    num_batches(source, config.batch)  # raises where there is none
    shape = (config.data.image_size, config.data.channels, config.compute_dtype)
    num_classes = config.generator.num_classes
    keras.utils.set_random_seed(seeds.integer(config.seed, Purpose.WEIGHTS))
    with replicas.strategy.scope():
        generator = learned(
            config.generator_optimizer,
            lambda: build_generator(config.generator, *shape),
        )
        discriminator = learned(
            config.discriminator_optimizer,
            lambda: build_discriminator(
                config.discriminator, *shape, num_classes=num_classes
            ),
        )
    return GeneratorSession(config, replicas, generator, discriminator, source)
