"""What an experiment that learns an energy-based model is made of."""

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import tensorflow as tf

from ebm_tf.config.ebm import EbmLearning
from ebm_tf.learning.ebm import EbmBatch, cooperative_update
from ebm_tf.learning.generator_average import renewed_average
from ebm_tf.learning.optimization import Learned, averaged, learned
from ebm_tf.learning.steps import Metrics
from ebm_tf.models.catalogue import latent_prior
from ebm_tf.models.ebm import EbmModels, builders, generator_parts
from ebm_tf.protocols import Chains


class EbmNetworks(NamedTuple):
    """The networks of an experiment that learns.

    Attributes:
      models: the networks in use, with the weights of now.
      learned: those that learn, by role: "energy", "generator".
    """

    models: EbmModels
    learned: dict[str, Learned]

    @property
    def frozen(self) -> dict[str, keras.Model]:
        """The networks that stay as they are, by role."""
        roles = self.models.by_role
        return {role: roles[role] for role in roles if role not in self.learned}

    @property
    def modules(self) -> dict[str, keras.Model | keras.Optimizer]:
        """Everything with variables, by name.

        A network that stays as it is counts too: its file may change or go while a
        run is stopped.
        """
        optimizers = {
            f"{role}_optimizer": network.optimizer
            for role, network in self.learned.items()
        }
        return self.models.by_role | optimizers


def build_networks(config: EbmLearning) -> EbmNetworks:
    """Builds all networks; call it in the strategy's scope."""
    build = builders(config)
    networks = {"energy": learned(config.energy_optimizer, build.energy)}
    generator = None
    if build.generator and config.generator_optimizer:
        networks["generator"] = learned(config.generator_optimizer, build.generator)
        generator = networks["generator"].model
    elif build.generator:
        generator = build.generator()
    prior = build.prior and build.prior()
    return EbmNetworks(EbmModels(networks["energy"].model, generator, prior), networks)


def positives(
    config: EbmLearning, generator: keras.Model | None, replica_batch: int
) -> Callable[[EbmBatch, tf.Tensor], tf.Tensor]:
    """The data of a step: images of the batch, or of the generator."""
    if config.data.name != "generator":
        return lambda batch, _: batch.images
    generate, draw_latents = generator_parts(config, generator)
    return lambda _, seed: generate(draw_latents(replica_batch, seed))


def generator_update(
    config: EbmLearning, networks: EbmNetworks
) -> Callable[[Chains], Metrics] | None:
    """How the generator learns from chains; None where it does not."""
    cooperative, settings = networks.learned.get("generator"), config.generator
    if cooperative is None or settings is None:
        return None
    training = settings.batch_norm_training
    return lambda chains: cooperative_update(cooperative, chains, training=training)


def averages(
    config: EbmLearning, networks: EbmNetworks, key: tf.Tensor
) -> dict[str, Callable[[], keras.Model]]:
    """What gives the averaged weights of now, for each network that learns, by role.

    Moving statistics go with them as they are, but for those of a generator that
    learns by the statistics of its batches: they are taken anew, with this key.
    """
    means: dict[str, Callable[[], keras.Model]] = {
        role: functools.partial(averaged, network)
        for role, network in networks.learned.items()
    }
    settings = config.generator
    if "generator" in means and settings and settings.batch_norm_training:
        means["generator"] = renewed_average(
            networks.learned["generator"],
            latent_prior(settings),
            batch=config.batch,
            key=key,
        )
    return means


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
