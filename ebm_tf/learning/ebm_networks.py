"""What an experiment with an energy-based model is made of."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import tensorflow as tf

from ebm_tf import energies
from ebm_tf.config.ebm import EbmTraining
from ebm_tf.kernels import Kernel
from ebm_tf.learning.ebm import EbmBatch, Metrics, cooperative_update
from ebm_tf.learning.optimization import Learned, learned
from ebm_tf.models.catalogue import build_energy, build_generator, latent_prior
from ebm_tf.protocols import Chains, InitializeFn
from ebm_tf.sampling.initialization import data_start, generator_start, noise_start
from ebm_tf.sampling.langevin import langevin


class EbmNetworks(NamedTuple):
    """The networks of an experiment.

    Attributes:
      energy: U.
      generator: latents -> images, None where there is none.
      cooperative: the generator where it learns, else None.
    """

    energy: Learned
    generator: keras.Model | None
    cooperative: Learned | None

    @property
    def models(self) -> dict[str, keras.Model]:
        """The networks in use, by role."""
        models = {"energy": self.energy.model}
        return models | ({"generator": self.generator} if self.generator else {})

    @property
    def learned(self) -> dict[str, Learned]:
        """The networks that learn, by role."""
        roles = {"energy": self.energy}
        return roles | ({"generator": self.cooperative} if self.cooperative else {})

    @property
    def modules(self) -> dict[str, keras.Model | keras.Optimizer]:
        """Everything with variables, by name.

        A generator that stays as it is counts too: its file may change or go while a
        run is stopped.
        """
        optimizers = {
            f"{role}_optimizer": network.optimizer
            for role, network in self.learned.items()
        }
        return self.models | optimizers


def build_networks(config: EbmTraining) -> EbmNetworks:
    """Builds all networks; call it in the strategy's scope."""
    shape = (config.data.image_size, config.data.channels, config.compute_dtype)
    energy = learned(
        config.energy_optimizer, lambda: build_energy(config.energy, *shape)
    )
    settings = config.generator
    if settings is None:
        return EbmNetworks(energy, None, None)

    def build() -> keras.Model:
        return build_generator(settings, *shape)

    if config.generator_optimizer is None:
        return EbmNetworks(energy, build(), None)
    cooperative = learned(config.generator_optimizer, build)
    return EbmNetworks(energy, cooperative.model, cooperative)


def langevin_kernel(
    config: EbmTraining, model: keras.Model, *, noise: float | None = None
) -> Kernel:
    """The Langevin kernel of U / T, times a Gaussian where the config has one.

    Args:
      config: the experiment.
      model: the energy network.
      noise: of the steps, if not that of the config; 0 denoises.
    """
    energy = energies.tempered(energies.network(model), config.temperature)
    if config.gaussian_stddev is not None:
        energy = energies.total(energy, energies.gaussian(config.gaussian_stddev))
    settings = config.langevin
    return langevin(
        energy,
        drift=settings.drift_factor,
        noise=settings.noise if noise is None else noise,
        max_drift=settings.max_drift,
    )


def image_shape(config: EbmTraining) -> tuple[int, int, int]:
    """Height, width and channels."""
    return config.data.image_size, config.data.image_size, config.data.channels


def initializer(
    config: EbmTraining, generator: keras.Model | None
) -> Callable[[EbmBatch], InitializeFn]:
    """Where chains start, given a batch."""
    if config.chains.start == "data":
        return lambda batch: data_start(batch.starts)
    if config.chains.start == "generator":
        start = generator_start(*_generator_parts(config, generator))
    else:
        start = noise_start(image_shape(config), config.chains.noise_scale)
    return lambda _: start


def positives(
    config: EbmTraining, generator: keras.Model | None, replica_batch: int
) -> Callable[[EbmBatch, tf.Tensor], tf.Tensor]:
    """The data of a step: images of the batch, or of the generator."""
    if config.data.name != "generator":
        return lambda batch, _: batch.images
    generate, draw_latents = _generator_parts(config, generator)
    return lambda _, seed: generate(draw_latents(replica_batch, seed))


def generator_update(
    config: EbmTraining, networks: EbmNetworks
) -> Callable[[Chains], Metrics] | None:
    """How the generator learns from chains; None where it does not."""
    cooperative, settings = networks.cooperative, config.generator
    if cooperative is None or settings is None:
        return None
    training = settings.batch_norm_training
    return lambda chains: cooperative_update(cooperative, chains, training=training)


def _generator_parts(config: EbmTraining, generator: keras.Model | None):
    if config.generator is None or generator is None:
        raise ValueError("The config promised a generator.")

    def generate(latents: tf.Tensor) -> tf.Tensor:
        return generator(latents, training=False)

    return generate, latent_prior(config.generator)


def ebm_batches(
    images: Iterator[dict] | None, starts: Iterator[dict] | None
) -> Iterator[EbmBatch]:
    """Joins a stream of data and a stream of starts, where there are such."""
    nothing = tf.zeros([0])
    while True:
        yield EbmBatch(
            next(images)["image"] if images else nothing,
            next(starts)["image"] if starts else nothing,
        )
