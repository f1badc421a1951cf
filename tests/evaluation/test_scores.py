"""Scores of classifiers whose gradients are known."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp, softmax

from ebm_tf.energies import marginal_energy
from ebm_tf.evaluation.scores import SCORES, scored, scorer
from ebm_tf.runtime.distribution import Replicas

SHAPE = (4, 4, 1)
MATRIX = np.random.default_rng(0).normal(size=[16, 3])
IMAGES = np.random.default_rng(1).uniform(-1, 1, [7, *SHAPE]).astype(np.float32)


def linear(images: tf.Tensor) -> tf.Tensor:
    flat = tf.reshape(images, [-1, 16])
    return flat @ tf.constant(MATRIX, images.dtype)


def bent(images: tf.Tensor) -> tf.Tensor:
    return tf.tanh(linear(images)) * tf.constant([1.0, 2.0, 3.0], images.dtype)


def energy_of(classifier):
    return lambda images: marginal_energy(classifier(images))


def score_with(classifier, replicas: Replicas, batch: int = 4, seed: int = 0):
    return scorer(classifier, energy_of(classifier), replicas, batch, seed)


@pytest.fixture(params=["one_replica", "two_replicas"])
def replicas(request) -> Replicas:
    return Replicas(request.getfixturevalue(request.param), jit=False)


def test_scores_of_a_linear_classifier_in_closed_form(replicas):
    found = score_with(linear, replicas)("test", IMAGES, 0.0)
    logits = IMAGES.reshape(7, 16) @ MATRIX
    chances = softmax(logits, axis=-1)
    np.testing.assert_allclose(found["logits"], logits, rtol=1e-4, atol=1e-5)
    densities = np.asarray(logsumexp(logits, axis=-1))
    np.testing.assert_allclose(found["log_density"], densities, rtol=1e-5)
    np.testing.assert_allclose(found["max_probability"], chances.max(-1), rtol=1e-5)
    # d logsumexp / dx is the mean of the rows of the matrix under p(y | x).
    expected = -np.linalg.norm(chances @ MATRIX.T, axis=-1)
    np.testing.assert_allclose(found["approximate_mass"], expected, rtol=1e-5)
    assert set(found) == {"logits", *SCORES}


def test_approximate_mass_is_that_of_finite_differences():
    keys, noise = tf.zeros([7, 2], tf.int32), tf.zeros([7])
    found = scored(bent, energy_of(bent))(tf.constant(IMAGES), keys, noise)
    images, step = IMAGES.astype(np.float64), 1e-5
    gradient = np.zeros_like(images)
    for place in np.ndindex(SHAPE):
        moved = [images.copy(), images.copy()]
        moved[0][:, *place] += step
        moved[1][:, *place] -= step
        above, below = (energy_of(bent)(tf.constant(m)).numpy() for m in moved)
        gradient[:, *place] = (above - below) / (2 * step)
    expected = -np.linalg.norm(gradient.reshape(7, -1), axis=-1)
    np.testing.assert_allclose(found["approximate_mass"], expected, rtol=1e-4)


def test_log_density_is_asked_of_the_energy_alone(one_replica):
    """A model with an energy of its own is scored by that."""
    replicas = Replicas(one_replica, jit=False)

    def square(images):
        return tf.reduce_sum(tf.square(images), [1, 2, 3]) / 2

    found = scorer(linear, square, replicas, 4, 0)("test", IMAGES, 0.0)
    norms = np.linalg.norm(IMAGES.reshape(7, 16), axis=-1)
    np.testing.assert_allclose(found["log_density"], -(norms**2) / 2, rtol=1e-5)
    np.testing.assert_allclose(found["approximate_mass"], -norms, rtol=1e-5)


def test_noise_is_of_the_image_not_of_batch_or_devices(one_replica, two_replicas):
    found = [
        score_with(linear, Replicas(strategy, jit=False), batch)("a", IMAGES, 0.1)
        for strategy, batch in ((one_replica, 7), (one_replica, 2), (two_replicas, 4))
    ]
    for other in found[1:]:
        for name, values in found[0].items():
            np.testing.assert_allclose(other[name], values, rtol=1e-5, atol=1e-5)


def test_noise_has_its_deviation_and_differs_by_set_and_seed(one_replica):
    replicas = Replicas(one_replica, jit=False)
    images = np.zeros([4000, *SHAPE], np.float32)

    def logits(name: str, noise: float, seed: int = 0) -> np.ndarray:
        return score_with(linear, replicas, 1000, seed)(name, images, noise)["logits"]

    found = logits("a", 0.03)
    expected = 0.03 * np.linalg.norm(MATRIX, axis=0)
    np.testing.assert_allclose(found.std(0), expected, rtol=0.05)
    np.testing.assert_array_equal(found, logits("a", 0.03))
    assert not np.allclose(found, logits("b", 0.03), atol=1e-3)
    assert not np.allclose(found, logits("a", 0.03, seed=1), atol=1e-3)
    np.testing.assert_array_equal(logits("a", 0.0), 0.0)


def test_sure_answers_stay_distinct():
    def sure(images):
        return tf.concat([30.0 + images[:, 0, 0], tf.zeros_like(images[:, 0, 0])], -1)

    replicas = Replicas(tf.distribute.OneDeviceStrategy("CPU:0"), jit=False)
    images = np.linspace(-1, 1, 5, dtype=np.float32).reshape(5, 1, 1, 1)
    found = score_with(sure, replicas)("a", images, 0.0)["max_probability"]
    assert (np.diff(found) > 0).all() and found[0] > 1 - 1e-12
