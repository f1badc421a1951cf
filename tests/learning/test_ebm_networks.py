"""What a config is made into: networks, kernels, starts and data."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.ebm import EbmTraining
from ebm_tf.config.parts import (
    Data,
    GeneratorNetwork,
    Langevin,
    Network,
    Optimizer,
    Persistent,
    Transient,
)
from ebm_tf.learning import ebm_networks
from ebm_tf.learning.ebm import EbmBatch
from tests.learning.small_networks import SEED, quadratic

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
    ],
    ids=["plain", "generated", "cooperative"],
)
def test_networks(config, models, learned):
    networks = ebm_networks.build_networks(config)
    assert list(networks.models) == models and list(networks.learned) == learned
    optimizers = [f"{role}_optimizer" for role in learned]
    assert list(networks.modules) == models + optimizers
    update = ebm_networks.generator_update(config, networks)
    assert (update is not None) == ("generator" in learned)
    for network in networks.learned.values():
        assert network.model is not network.average
        assert network.optimizer.built


@pytest.mark.parametrize(
    ("tau", "slope"), [(None, 1 / 0.5), (0.2, 1 / 0.5 + 1 / 0.2**2)]
)
def test_the_kernel_samples_the_energy_of_the_config(tau, slope):
    config = dataclasses.replace(
        PLAIN, gaussian_stddev=tau, langevin=Langevin(noise=0.1, max_drift=50.0)
    )
    kernel = ebm_networks.langevin_kernel(config, quadratic(shape=(8, 8, 1)))
    images = tf.random.stateless_normal([3, 8, 8, 1], SEED)
    moved, info = kernel.step(images, SEED)
    drift = 0.1**2 / 2 * slope * images
    norms = np.linalg.norm(np.reshape(drift, [3, -1]), axis=1)
    np.testing.assert_allclose(info.drift_norm, norms, rtol=1e-5)
    noise = 0.1 * tf.random.stateless_normal(images.shape, SEED)
    np.testing.assert_allclose(moved, images - drift + noise, atol=1e-5)


def test_the_kernel_clips_the_drift():
    config = dataclasses.replace(PLAIN, langevin=Langevin(noise=0.1, max_drift=1e-3))
    kernel = ebm_networks.langevin_kernel(config, quadratic(shape=(8, 8, 1)))
    _, info = kernel.step(tf.ones([2, 8, 8, 1]), SEED)
    np.testing.assert_allclose(info.drift_norm, [1e-3] * 2, rtol=1e-5)


def test_chains_stay_float32_where_the_network_computes_in_bfloat16():
    config = dataclasses.replace(GENERATED, compute_dtype="bfloat16")
    networks = ebm_networks.build_networks(config)
    start = ebm_networks.initializer(config, networks.generator)(BATCH)(4, SEED)
    kernel = ebm_networks.langevin_kernel(config, networks.energy.model)
    moved, info = kernel.step(start.images, SEED)
    tensors = [start.images, start.latents, moved, info.energy, info.drift_norm]
    assert {tensor.dtype for tensor in tensors} == {tf.float32}
    assert all(w.dtype == "float32" for w in networks.energy.model.trainable_variables)


def test_chains_start_where_the_config_says():
    noise = ebm_networks.initializer(PLAIN, None)(BATCH)(4, SEED)
    assert noise.images.shape == (4, 8, 8, 1)
    assert 0.24 < np.abs(noise.images).max() <= 0.25
    from_data = dataclasses.replace(PLAIN, chains=Transient(start="data"))
    data = ebm_networks.initializer(from_data, None)(BATCH)(4, SEED)
    np.testing.assert_array_equal(data.images, BATCH.starts)


def test_generated_starts_are_the_generators_images_of_their_latents():
    generator = ebm_networks.build_networks(GENERATED).generator
    chains = ebm_networks.initializer(GENERATED, generator)(BATCH)(4, SEED)
    assert chains.latents.shape == (4, 5)
    assert generator is not None
    images = generator(chains.latents, training=False)
    np.testing.assert_allclose(chains.images, images, rtol=1e-6)


def test_data_are_the_batch_or_the_generators():
    positives = ebm_networks.positives(PLAIN, None, 4)
    np.testing.assert_array_equal(positives(BATCH, SEED), BATCH.images)
    config = dataclasses.replace(
        GENERATED, data=Data(name="generator", image_size=8, channels=1)
    )
    generator = ebm_networks.build_networks(config).generator
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
