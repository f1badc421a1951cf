"""RMSprop in PyTorch's form, against a replay of its definition in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.optimizers import Optimizer, Warmup
from ebm_tf.learning.optimization import averaged, descend, learned
from ebm_tf.runtime import checkpoints
from ebm_tf.runtime.distribution import Replicas
from tests.learning.small_networks import quadratic, run_updates, scalars
from tests.runtime.loops import beginning

UPDATES = 8
DECAY, EPSILON = 0.99, 1e-8
# The second weight's are so small that it shows where epsilon stands.
GRADIENTS = np.random.default_rng(5).normal(size=[UPDATES, 2]) * [1.0, 1e-7]
GRADIENTS = GRADIENTS.astype(np.float32)


def network(**settings):
    return learned(Optimizer(name="rmsprop", **settings), quadratic)


def update(learner, gradient):
    return descend(learner, [tf.constant(gradient[:1]), tf.constant(gradient[1:])])


def replay(rate_of) -> list[np.ndarray]:
    """The weights after every update, in double precision."""
    weights, squares, path = np.array([1.0, 0.0]), np.zeros(2), []
    for step, gradient in enumerate(GRADIENTS.astype(np.float64)):
        squares = DECAY * squares + (1 - DECAY) * gradient**2
        weights = weights - rate_of(step) * gradient / (np.sqrt(squares) + EPSILON)
        path.append(weights)
    return path


@pytest.mark.parametrize(
    ("rate", "rate_of"),
    [
        (0.01, lambda _: 0.01),
        (((0.01, 0), (0.1, 3)), lambda step: 0.01 if step < 3 else 0.1),
        (Warmup(num_steps=4, then=0.1), lambda step: 0.1 * min(step / 4, 1)),
    ],
    ids=["constant", "stair", "warmup"],
)
def test_weights_are_those_of_the_definition(rate, rate_of):
    learner = network(learning_rate=rate)
    for gradient, expected in zip(GRADIENTS, replay(rate_of), strict=True):
        update(learner, gradient)
        found = scalars(learner.model)
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)


def test_the_first_step_is_10_times_the_rate_whatever_the_gradient():
    """The mean of squares is 1 % of the first square; epsilon is far below it."""
    learner = network(learning_rate=0.01)
    update(learner, np.array([300.0, -1e-3], np.float32))
    np.testing.assert_allclose(scalars(learner.model), [0.9, 0.1], rtol=2e-4)


def test_two_replicas_make_the_updates_of_one(one_replica, two_replicas):
    def path(strategy, parts):
        learner, _ = run_updates(
            strategy,
            lambda: network(learning_rate=0.1, average_decay=0.5),
            lambda learner, part: {"norm": descend(learner, tf.unstack(part))},
            [[tf.constant(part)[:, None] for part in pair] for pair in parts],
        )
        return scalars(learner.model), scalars(averaged(learner))

    halves = np.stack([GRADIENTS * 1.5, GRADIENTS * 0.5], 1)
    ours, theirs = path(two_replicas, halves), path(one_replica, GRADIENTS[:, None])
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_checkpoint_goes_on_as_if_never_stopped(one_replica):
    replicas = Replicas(one_replica, jit=False)

    def modules(learner):
        return {"network": learner.model, "optimizer": learner.optimizer}

    first, second = (network(learning_rate=0.1) for _ in range(2))
    for gradient in GRADIENTS[:3]:
        update(first, gradient)
    position = beginning(tf.constant(0))
    arrays = {
        name: np.array(array)
        for name, array in checkpoints.to_arrays(position, modules(first), replicas)
    }
    checkpoints.from_arrays(3, arrays, modules(second), 0, replicas)
    for learner in (first, second):
        for gradient in GRADIENTS[3:]:
            update(learner, gradient)
    assert scalars(first.model) == scalars(second.model)
    assert scalars(averaged(first)) == scalars(averaged(second))
