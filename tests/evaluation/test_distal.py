"""Distal adversarials of a classifier with a known optimum."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.analysis import DistalAdversarials
from ebm_tf.evaluation import distal
from ebm_tf.pixels import from_255ths
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.rows import over_rows

SHAPE = (3, 3, 1)
MATRIX = np.random.default_rng(0).normal(size=[9, 4]).astype(np.float32)


def linear(images: tf.Tensor) -> tf.Tensor:
    return tf.reshape(images, [-1, 9]) @ tf.constant(MATRIX)


def chances(images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    all_of_them = tf.nn.softmax(linear(tf.constant(images))).numpy()
    return all_of_them[np.arange(len(classes)), classes]


def made(replicas: Replicas, batch: int, **settings) -> tuple[np.ndarray, ...]:
    given = distal.starts(np.arange(4), SHAPE, 3, seed=5)
    climb = distal.climbing(linear, DistalAdversarials(**settings))
    return (*given, *over_rows(climb, replicas, batch)(*given))


@pytest.mark.parametrize("confidence", [0.5, 0.8])
def test_images_climb_until_they_are_sure(one_replica, confidence):
    replicas = Replicas(one_replica, jit=False)
    begun, classes, images, sure, steps = made(
        replicas, 12, confidence=confidence, num_steps=300, step_size=6.0
    )
    np.testing.assert_allclose(sure, chances(images, classes), rtol=1e-5)
    assert (sure > confidence).all() and np.abs(images).max() <= 1.0
    # Each rests at once: a step fewer was not enough, and none is longer than asked.
    assert (sure < confidence + 0.15)[steps > 0].all()
    ways = np.linalg.norm((images - begun).reshape(12, -1), axis=-1)
    assert (ways <= steps * from_255ths(6.0) + 1e-5).all()
    np.testing.assert_array_equal(images[steps == 0], begun[steps == 0])


def test_one_step_goes_along_the_gradient(one_replica):
    replicas = Replicas(one_replica, jit=False)
    begun, classes, images, *_ = made(
        replicas, 12, confidence=0.999, num_steps=1, step_size=1.0
    )
    probability = tf.nn.softmax(linear(tf.constant(begun))).numpy()
    gradient = MATRIX.T[classes] - probability @ MATRIX.T
    step = from_255ths(1.0) * gradient / np.linalg.norm(gradient, axis=-1)[:, None]
    expected = np.clip(begun.reshape(12, 9) + step, -1, 1)
    np.testing.assert_allclose(images.reshape(12, 9), expected, atol=1e-5)


def test_they_are_the_same_on_any_devices(one_replica, two_replicas):
    settings = {"confidence": 0.7, "num_steps": 40, "step_size": 6.0}
    found = [
        made(Replicas(strategy, jit=False), batch, **settings)
        for strategy, batch in ((one_replica, 12), (one_replica, 5), (two_replicas, 4))
    ]
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            np.testing.assert_allclose(one, same, atol=1e-5)


def test_too_few_steps_are_counted():
    found = distal.Climb(np.zeros([4, 1]), np.array([0.95, 0.2, 0.9, 0.91]), np.ones(4))
    settings = DistalAdversarials(num_per_class=2)
    results = distal.metrics(np.array([3, 8]), found, settings)
    assert results["num_images"] == 4 and results["num_reached"] == 2
    assert results["num_reached_by_class"] == {"3": 1, "8": 1}


def test_ten_classes_are_shown_at_most():
    np.testing.assert_array_equal(distal.shown_classes(3), [0, 1, 2])
    np.testing.assert_array_equal(distal.shown_classes(10), np.arange(10))
    shown = distal.shown_classes(100)
    assert len(set(shown)) == 10 and shown[0] == 0 and shown[-1] == 99
