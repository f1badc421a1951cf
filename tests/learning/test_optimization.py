"""Updates of weights: the mean over replicas, clipping, rates and averages."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.optimizers import Optimizer
from ebm_tf.learning.optimization import averaged, descend, learned, within
from tests.learning.small_networks import (
    descending,
    quadratic,
    run_updates,
    scalars,
    weights_of,
)


def descend_by(network, gradients):
    return {"norm": descend(network, tf.unstack(gradients))}


def gradients_of_replicas(*pairs):
    """One batch that holds the gradients [2] of both weights, per replica."""
    return [[tf.constant(pair)[:, None] for pair in pairs]]


@pytest.mark.parametrize(
    ("first", "second", "max_grad_norm", "change"),
    [
        ([10.0, 0.0], [-9.5, 0.0], 1.0, [0.25, 0.0]),
        ([10.0, 0.0], [-9.5, 0.0], None, [0.25, 0.0]),
        ([10.0, 0.1], [6.0, 0.3], 1.0, [1.0, 0.2]),
        ([10.0, 2.0], [6.0, 4.0], None, [8.0, 3.0]),
        ([0.0, 0.0], [0.0, 0.0], 1.0, [0.0, 0.0]),
    ],
)
def test_the_mean_over_replicas_is_clipped(
    two_replicas, first, second, max_grad_norm, change
):
    network, (metrics,) = run_updates(
        two_replicas,
        lambda: descending(lambda: quadratic(0.0), max_grad_norm=max_grad_norm),
        descend_by,
        gradients_of_replicas(first, second),
    )
    np.testing.assert_allclose(scalars(network.model), np.negative(change), atol=1e-6)
    mean = np.mean([first, second], axis=0)
    assert metrics["norm"] == pytest.approx(np.linalg.norm(mean), rel=1e-6)


@pytest.mark.parametrize(
    ("first", "second", "bounds", "change"),
    [
        ([10.0, 4.0], [-4.0, 4.0], (None, 2.5), [1.5, 2.0]),
        ([10.0, 4.0], [-4.0, 4.0], (None, 10.0), [3.0, 4.0]),
        ([10.0, 4.0], [-4.0, 4.0], (3.0, 3.0), [1.5 * 2**0.5] * 2),
        ([0.0, 0.0], [0.0, 0.0], (None, 1.0), [0.0, 0.0]),
    ],
)
def test_the_mean_over_replicas_is_clipped_as_a_whole(
    two_replicas, first, second, bounds, change
):
    """Its direction stays, unless each tensor was clipped by itself before."""
    settings = {"max_grad_norm": bounds[0], "max_global_norm": bounds[1]}
    network, (metrics,) = run_updates(
        two_replicas,
        lambda: descending(lambda: quadratic(0.0), **settings),
        descend_by,
        gradients_of_replicas(first, second),
    )
    np.testing.assert_allclose(scalars(network.model), np.negative(change), rtol=1e-6)
    mean = np.mean([first, second], axis=0)
    assert metrics["norm"] == pytest.approx(np.linalg.norm(mean), rel=1e-6)


def test_gradients_within_a_common_bound_keep_their_bits():
    gradients = [tf.random.stateless_normal([3, 4], [1, n]) for n in range(3)]
    norm = float(tf.linalg.global_norm(gradients))
    for kept, gradient in zip(within(gradients, 1.01 * norm), gradients, strict=True):
        np.testing.assert_array_equal(kept, gradient)
    shorter = within(gradients, 0.1 * norm)
    assert float(tf.linalg.global_norm(shorter)) == pytest.approx(0.1 * norm, rel=1e-6)
    broken = within([tf.constant([np.nan, 1.0]), tf.ones([2])], 1.0)
    assert np.isnan(broken[0]).tolist() == [True, False]


def test_one_replica_is_its_own_mean(one_replica):
    network, _ = run_updates(
        one_replica,
        lambda: descending(lambda: quadratic(0.0), max_grad_norm=4.0),
        descend_by,
        gradients_of_replicas([3.0, -8.0]),
    )
    np.testing.assert_allclose(scalars(network.model), [-3.0, 4.0], rtol=1e-6)


def test_adam_takes_steps_of_its_rate():
    network = learned(Optimizer(learning_rate=0.01), lambda: quadratic(0.0))
    descend(network, [tf.constant([5.0]), tf.constant([-300.0])])
    np.testing.assert_allclose(scalars(network.model), [-0.01, 0.01], rtol=1e-5)


def test_the_rate_follows_its_schedule_and_its_factor():
    network = descending(lambda: quadratic(0.0), ((1.0, 0), (0.1, 2)))
    changes = []
    for update in range(4):
        network.rate.factor.assign(0.5 if update in (1, 3) else 1.0)
        before = scalars(network.model)[0]
        descend(network, [tf.ones([1]), tf.zeros([1])])
        changes.append(before - scalars(network.model)[0])
    np.testing.assert_allclose(changes, [1.0, 0.5, 0.1, 0.05], rtol=1e-4)


@pytest.mark.parametrize("warmup", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9])
def test_averages_are_a_moving_mean_that_begins_at_the_first_update(decay, warmup):
    parts = {"average_decay": decay, "average_warmup": warmup}
    network = descending(quadratic, 0.1, **parts)
    expected = latest = np.zeros(2)
    for update in range(6):
        descend(network, [tf.constant([update - 2.0]), tf.ones([1])])
        latest = np.array(scalars(network.model))
        now = min(decay, (1 + update) / (10 + update)) if warmup else decay
        expected = latest if update == 0 else now * expected + (1 - now) * latest
        np.testing.assert_allclose(scalars(averaged(network)), expected, rtol=1e-5)
    if decay:
        assert not np.allclose(expected, latest, rtol=1e-3)


@pytest.mark.parametrize(("warmup", "least", "most"), [(1, 0, 1e-3), (0, 0.8, 1.0)])
def test_only_an_average_that_warms_up_forgets_the_beginning(warmup, least, most):
    """Its one weight falls from 1 to 1e-9 in 200 updates, which 0.9999 remembers."""
    network = descending(
        quadratic, 0.1, average_decay=0.9999, average_warmup=bool(warmup)
    )
    for _ in range(200):
        descend(network, [network.model.trainable_variables[0].value, tf.zeros([1])])
    assert least <= scalars(averaged(network))[0] <= most


def test_taking_averages_leaves_the_learning_alone():
    parts = {"name": "adam", "average_decay": 0.9}
    looked_at, left = (descending(quadratic, 0.1, **parts) for _ in range(2))
    gradients = [tf.constant([0.3]), tf.constant([-2.0])]
    for _ in range(3):
        before = weights_of(looked_at.model)
        model = averaged(looked_at)
        assert model is looked_at.average and model is not looked_at.model
        np.testing.assert_array_equal(weights_of(looked_at.model), before)
        for network in (looked_at, left):
            descend(network, gradients)
    np.testing.assert_array_equal(scalars(looked_at.model), scalars(left.model))


def test_averages_of_replicas_are_those_of_one(one_replica, two_replicas):
    def average(strategy, batches):
        network, _ = run_updates(
            strategy,
            lambda: descending(quadratic, 0.1, average_decay=0.9),
            descend_by,
            batches * 4,
        )
        return scalars(averaged(network))

    np.testing.assert_allclose(
        average(two_replicas, gradients_of_replicas([1.0, 2.0], [3.0, -2.0])),
        average(one_replica, gradients_of_replicas([2.0, 0.0])),
        rtol=1e-6,
    )
