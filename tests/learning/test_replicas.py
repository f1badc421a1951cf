"""Two replicas of half the batch make the update of one replica."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.optimizers import Optimizer
from ebm_tf.learning.ebm import contrastive_update, cooperative_update
from ebm_tf.learning.optimization import averaged, learned
from ebm_tf.models import sngan
from ebm_tf.protocols import Chains
from tests.learning.small_networks import SEED, run_updates, weights_of
from tests.slow import slow

UPDATES, BATCH = 3, 8


def parts_of(tensors, count):
    """The batches of `count` replicas out of tensors [UPDATES, BATCH, ...]."""
    return [
        list(zip(*(tf.split(x[update], count) for x in tensors), strict=True))
        for update in range(UPDATES)
    ]


def assert_same_learning(strategies, build, update, tensors):
    results = []
    for strategy in strategies:

        def seeded():
            keras.utils.set_random_seed(3)
            return build()

        batches = parts_of(tensors, strategy.num_replicas_in_sync)
        network, metrics = run_updates(strategy, seeded, update, batches)
        results.append((network, metrics, weights_of(averaged(network))))
    keras.utils.set_random_seed(3)
    begun = weights_of(build().model)
    (one, metrics, averages), (two, metrics_of_two, averages_of_two) = results
    for first, second in zip(metrics, metrics_of_two, strict=True):
        assert first == pytest.approx(second, rel=1e-4, abs=1e-5)
    weights, weights_of_two = weights_of(one.model), weights_of(two.model)
    moved = [np.abs(w - b).max() for w, b in zip(weights, begun, strict=True)]
    assert np.mean(np.array(moved) > 1e-4) > 0.5  # far beyond the tolerance
    for first, second in zip(
        weights + averages, weights_of_two + averages_of_two, strict=True
    ):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=3e-6)


def images(low, high, key):
    shape = [UPDATES, BATCH, 8, 8, 1]
    return tf.random.stateless_uniform(shape, key, low, high)


@pytest.mark.parametrize(
    "optimizer",
    [
        Optimizer(name="adam", learning_rate=1e-3, average_decay=0.9),
        slow(Optimizer(name="sgd", learning_rate=1e-2, average_decay=0.9)),
        slow(Optimizer(name="sgd", learning_rate=0.1, max_grad_norm=0.02)),
    ],
    ids=["adam", "sgd", "clipped"],
)
def test_energies(one_replica, two_replicas, optimizer):
    assert_same_learning(
        (one_replica, two_replicas),
        lambda: learned(optimizer, lambda: sngan.energy(8, 1, width=4)),
        lambda network, batch: contrastive_update(network, batch[0], batch[1], 0.05),
        # The halves differ, so that clipping each by itself would show.
        (images(-1.0, 1.0, SEED), images(-0.5, 1.0, SEED + 1)),
    )


def test_generators_with_batch_normalisation(one_replica, two_replicas):
    def update(network, batch):
        latents, targets = batch
        chains = Chains(targets, latents, tf.zeros(latents.shape[:1], tf.int32))
        return cooperative_update(network, chains, training=True)

    optimizer = Optimizer(name="sgd", learning_rate=1e-3, average_decay=0.9)
    latents = tf.random.stateless_normal([UPDATES, BATCH, 5], SEED)
    assert_same_learning(
        (one_replica, two_replicas),
        lambda: learned(
            optimizer, lambda: sngan.generator(8, 1, width=4, latent_size=5)
        ),
        update,
        (latents, images(-1.0, 1.0, SEED)),
    )
