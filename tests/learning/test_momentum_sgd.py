"""Momentum in PyTorch's sense, against a replay of its definition in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.optimizers import OneCycle, Optimizer, Sgd, Warmup
from ebm_tf.learning.optimization import averaged, descend, learned
from ebm_tf.runtime import checkpoints
from ebm_tf.runtime.distribution import Replicas, of_replica
from tests.learning.small_networks import quadratic, run_updates, scalars
from tests.runtime.loops import beginning

UPDATES = 8
RATES = OneCycle(peak=0.2, first=0.01, last=1e-4, num_steps=UPDATES, rise=0.5)
MOMENTA = OneCycle(peak=0.85, first=0.95, last=0.95, num_steps=UPDATES, rise=0.5)
RISE = Warmup(num_steps=3, then=0.1)
GRADIENTS = np.random.default_rng(3).normal(size=[UPDATES, 2]).astype(np.float32)


def network(**settings):
    return learned(Sgd(**settings), quadratic)


def update(learner, gradient):
    return descend(learner, [tf.constant(gradient[:1]), tf.constant(gradient[1:])])


def cycle(settings: OneCycle, step: int) -> float:
    """The cosine of PyTorch's own formula."""
    top, end = settings.rise * settings.num_steps - 1, settings.num_steps - 1
    if step <= top:
        start, stop, part = settings.first, settings.peak, step / top
    else:
        start, stop = settings.peak, settings.last
        part = (step - top) / (end - top)
    return stop + (start - stop) / 2 * (1 + np.cos(np.pi * part))


def replay(
    rate_of, momentum_of, decay, gradients=GRADIENTS, *, nesterov=False
) -> list[np.ndarray]:
    """The weights after every update."""
    weights, velocity, path = np.array([1.0, 0.0]), np.zeros(2), []
    for step, gradient in enumerate(gradients):
        decayed, momentum = gradient + decay * weights, momentum_of(step)
        velocity = momentum * velocity + decayed
        change = decayed + momentum * velocity if nesterov else velocity
        weights = weights - rate_of(step) * change
        path.append(weights)
    return path


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize(
    ("rate", "momentum", "rate_of", "momentum_of"),
    [
        (0.1, 0.3, lambda _: 0.1, lambda _: 0.3),
        (0.1, 0.9, lambda _: 0.1, lambda _: 0.9),
        (
            ((0.1, 0), (0.01, 3)),
            0.9,
            lambda step: 0.1 if step < 3 else 0.01,
            lambda _: 0.9,
        ),
        (
            RATES,
            MOMENTA,
            lambda step: cycle(RATES, step),
            lambda step: cycle(MOMENTA, step),
        ),
    ],
    ids=["weak", "momentum", "stair", "cycles"],
)
def test_weights_are_those_of_the_definition(
    rate, momentum, decay, rate_of, momentum_of, nesterov
):
    learner = network(
        learning_rate=rate, momentum=momentum, weight_decay=decay, nesterov=nesterov
    )
    path = replay(rate_of, momentum_of, decay, nesterov=nesterov)
    for gradient, expected in zip(GRADIENTS, path, strict=True):
        update(learner, gradient)
        np.testing.assert_allclose(scalars(learner.model), expected, rtol=1e-4)


def test_without_momentum_it_is_plain_descent():
    learner = network(learning_rate=0.1, momentum=0.0, weight_decay=0.3)
    path = replay(lambda _: 0.1, lambda _: 0.0, 0.3)
    for gradient, expected in zip(GRADIENTS, path, strict=True):
        update(learner, gradient)
        np.testing.assert_allclose(scalars(learner.model), expected, rtol=1e-4)


def test_the_first_step_that_looks_ahead_by_hand():
    """v = 2, the step is 2 + 0.5 * 2; then v = 0.5 * 2 + 4, the step 4 + 0.5 * 5."""
    learner = network(learning_rate=1.0, momentum=0.5, weight_decay=0.0, nesterov=True)
    update(learner, np.array([2.0, 0.0], np.float32))
    assert scalars(learner.model) == [1.0 - 3.0, 0.0]
    update(learner, np.array([4.0, 0.0], np.float32))
    assert scalars(learner.model) == [1.0 - 3.0 - 6.5, 0.0]


def test_the_velocity_outlives_a_rate_of_0():
    learner = network(learning_rate=1.0, momentum=0.5, weight_decay=0.0)
    learner.rate.factor.assign(0.0)
    update(learner, np.array([4.0, 0.0], np.float32))
    assert scalars(learner.model) == [1.0, 0.0]
    learner.rate.factor.assign(1.0)
    update(learner, np.zeros(2, np.float32))
    assert scalars(learner.model) == [-1.0, 0.0]


def test_the_bound_is_on_gradients_without_decay():
    learner = network(
        learning_rate=1.0, momentum=0.0, weight_decay=0.25, max_grad_norm=2.0
    )
    update(learner, np.array([-8.0, 8.0], np.float32))
    np.testing.assert_allclose(scalars(learner.model), [1 + 2 - 0.25, -2.0])


@pytest.mark.parametrize("warmup", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_averages_follow(decay, warmup):
    averaging = {"average_decay": decay, "average_warmup": warmup}
    learner = network(learning_rate=0.1, weight_decay=0.0, **averaging)
    expected = np.zeros(2)
    for number, gradient in enumerate(GRADIENTS):
        update(learner, gradient)
        latest = np.array(scalars(learner.model))
        now = min(decay, (1 + number) / (10 + number)) if warmup else decay
        expected = now * expected + (1 - now) * latest if number else latest
    np.testing.assert_allclose(scalars(averaged(learner)), expected, rtol=1e-5)


@pytest.mark.parametrize("nesterov", [False, True])
def test_two_replicas_make_the_updates_of_one(one_replica, two_replicas, nesterov):
    def path(strategy, parts):
        learner, _ = run_updates(
            strategy,
            lambda: network(
                learning_rate=RATES,
                momentum=MOMENTA,
                weight_decay=0.3,
                nesterov=nesterov,
                average_decay=0.5,
            ),
            lambda learner, part: {"norm": descend(learner, tf.unstack(part))},
            [[tf.constant(part)[:, None] for part in pair] for pair in parts],
        )
        return scalars(learner.model), scalars(averaged(learner))

    noise = np.random.default_rng(4).normal(size=GRADIENTS.shape).astype(np.float32)
    halves = np.stack([GRADIENTS + noise, GRADIENTS - noise], 1)
    ours, theirs = path(two_replicas, halves), path(one_replica, GRADIENTS[:, None])
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    expected = replay(
        lambda s: cycle(RATES, s), lambda s: cycle(MOMENTA, s), 0.3, nesterov=nesterov
    )
    np.testing.assert_allclose(ours[0], expected[-1], rtol=1e-4)


def test_a_checkpoint_goes_on_as_if_never_stopped(one_replica):
    replicas = Replicas(one_replica, jit=False)
    settings = {"learning_rate": RATES, "momentum": MOMENTA, "average_decay": 0.9}

    def modules(learner):
        return {"network": learner.model, "optimizer": learner.optimizer}

    first, second = network(**settings), network(**settings)
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
    assert not np.allclose(scalars(first.model), [1.0, 0.0], atol=0.1)


@pytest.mark.parametrize(
    "settings",
    [
        Sgd(learning_rate=RATES, momentum=MOMENTA, weight_decay=0.3),
        Sgd(learning_rate=RATES, momentum=MOMENTA, weight_decay=0.3, nesterov=True),
        Optimizer(name="rmsprop", learning_rate=RISE, max_global_norm=0.5),
    ],
    ids=["sgd", "nesterov", "rmsprop"],
)
def test_replicas_keep_the_same_bits(two_replicas, settings):
    def wide():
        return keras.Sequential([keras.Input([60]), keras.layers.Dense(50)])

    def step(key):
        keys = tf.random.split(of_replica(key), 2)
        shapes = [v.shape for v in learner.model.trainable_variables]
        return descend(
            learner,
            [
                tf.random.stateless_normal(shape, key)
                for shape, key in zip(shapes, tf.unstack(keys), strict=True)
            ],
        )

    with two_replicas.scope():
        learner = learned(settings, wide)
    run = tf.function(lambda key: two_replicas.run(step, (key,)))
    for key in tf.unstack(tf.random.split([1, 2], UPDATES)):
        run(key)
    for variable in (*learner.model.variables, *learner.optimizer.variables):
        copies = [copy.numpy().tobytes() for copy in variable.value.values]
        assert len(copies) == 2 and copies[0] == copies[1], variable.path
