"""What a config is made into: networks, kernels, starts and data."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.chains import BurnIn, Persistent, Transient
from ebm_tf.config.ebm import EbmTraining, LongRunTraining
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data, GeneratorNetwork, Langevin, Network
from ebm_tf.learning import ebm_networks
from ebm_tf.learning.ebm import EbmBatch
from tests.learning.small_networks import SEED

PLAIN = EbmTraining(
    name="small",
    data=Data(name="digits", image_size=8, channels=1),
    langevin=Langevin(noise=0.1, max_drift=50.0),
    chains=Persistent(start="noise", bank_size=8, noise_scale=0.25),
    temperature=0.5,
    data_epsilon=0.0,
    num_updates=1,
    batch=4,
    energy=Network(width=4),
)
GENERATED = dataclasses.replace(
    PLAIN,
    chains=Transient(start="generator"),
    generator=GeneratorNetwork(width=4, latent_size=5),
)
LONG_RUN = LongRunTraining(
    name="small",
    data=PLAIN.data,
    langevin=PLAIN.langevin,
    chains=BurnIn(start="noise", bank_size=8, burn_in_size=4),
    temperature=0.5,
    data_epsilon=0.0,
    batch=4,
    energy=Network(width=4),
    prior=Network(width=6),
)
COOPERATIVE = dataclasses.replace(
    GENERATED, generator_optimizer=Optimizer(learning_rate=1e-3)
)
BATCH = EbmBatch(tf.ones([4, 8, 8, 1]), tf.fill([4, 8, 8, 1], 0.5))


@pytest.mark.parametrize(
    ("config", "models", "learned"),
    [
        (PLAIN, ["energy"], ["energy"]),
        (GENERATED, ["energy", "generator"], ["energy"]),
        (COOPERATIVE, ["energy", "generator"], ["energy", "generator"]),
        (LONG_RUN, ["energy", "prior"], ["energy"]),
    ],
    ids=["plain", "generated", "cooperative", "long_run"],
)
def test_networks(config, models, learned):
    networks = ebm_networks.build_networks(config)
    assert list(networks.models.by_role) == models
    assert list(networks.learned) == learned
    assert list(networks.frozen) == [role for role in models if role not in learned]
    optimizers = [f"{role}_optimizer" for role in learned]
    assert list(networks.modules) == models + optimizers
    update = ebm_networks.generator_update(config, networks)
    assert (update is not None) == ("generator" in learned)
    for network in networks.learned.values():
        assert network.model is not network.average
        assert network.optimizer.built


def test_data_are_the_batch_or_the_generators():
    positives = ebm_networks.positives(PLAIN, None, 4)
    np.testing.assert_array_equal(positives(BATCH, SEED), BATCH.images)
    config = dataclasses.replace(
        GENERATED, data=Data(name="generator", image_size=8, channels=1)
    )
    generator = ebm_networks.build_networks(config).models.generator
    generate = ebm_networks.positives(config, generator, 3)
    images = generate(EbmBatch(tf.zeros([0]), tf.zeros([0])), SEED)
    assert images.shape == (3, 8, 8, 1)
    assert np.all(images != generate(BATCH, SEED + 1))


def test_batches_join_two_streams_where_there_are_such():
    images, starts = ([{"image": tf.fill([2], x)}] * 2 for x in (1.0, 2.0))
    both = next(ebm_networks.ebm_batches(iter(images), iter(starts)))
    np.testing.assert_array_equal(both, [[1.0, 1.0], [2.0, 2.0]])
    for given in ((iter(images), None), (None, iter(starts)), (None, None)):
        batch = next(ebm_networks.ebm_batches(*given))
        assert [len(part) for part in batch] == [2 if it else 0 for it in given]


def test_averages_are_of_what_learns():
    networks = ebm_networks.build_networks(LONG_RUN)
    (average,) = ebm_networks.averages(LONG_RUN, networks, SEED).values()
    assert average() is networks.learned["energy"].average


@pytest.mark.parametrize("training", [True, False])
def test_statistics_are_renewed_where_batches_normalise(training):
    """Elsewhere the generator learns with the ones that it has, and keeps them."""
    generator = GeneratorNetwork(width=4, latent_size=5, batch_norm_training=training)
    config = dataclasses.replace(COOPERATIVE, generator=generator)
    networks = ebm_networks.build_networks(config)
    model = networks.learned["generator"].model
    average = ebm_networks.averages(config, networks, SEED)["generator"]()
    norms = [x.get_layer("block2_bn_1") for x in (average, model)]
    renewed = not np.allclose(norms[0].moving_variance, norms[1].moving_variance)
    assert renewed == training
